"""The cause that the trials of a study share where none of them completed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from optuna.trial import TrialState

from search.study import TrialRecord

#: Numbers, and what stands in brackets, differ between trials that fail for one cause.
_OWN = re.compile(r"\([^()]*\)|[-+]?\d[\d.]*(?:e[-+]?\d+)?|\b(?:inf|nan)\b")


def common_failure(trials: Sequence[TrialRecord]) -> str | None:
    """Return one sentence on why no trial completed; None where one did or none was begun."""
    failed = [trial for trial in trials if trial.state is TrialState.FAIL and trial.error]
    if not failed or any(trial.state is TrialState.COMPLETE for trial in trials):
        return None
    causes = Counter(_cause(trial) for trial in failed)
    cause, times = causes.most_common(1)[0]
    example = next(trial for trial in failed if _cause(trial) == cause)
    share = f"all {len(failed)}" if times == len(failed) else f"{times} of {len(failed)}"
    return (
        f"none of {len(trials)} trials completed; {share} that failed share a cause, here in the "
        f"words of trial {example.number}: {example.error}"
    )


def _cause(trial: TrialRecord) -> str:
    return _OWN.sub("", trial.error or "")
