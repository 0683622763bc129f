"""Which arm, and which of its networks, a verdict recommends.

Of the arms whose mean is within one standard error of the best, for the question which activation
the simplest is taken (Breiman et al. 1984, Classification and Regression Trees: the one standard
error rule), for any other question the best: no depth is simpler than another by a rule of ours. An
arm that is shown to be worse is never so near. The standard error is that of the difference to the
best. The network is the arm's champion with the best mean in the confirmation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from search.activations.arms import simplicity_of
from search.analysis.against_best import Comparisons, compare
from search.analysis.confirmation_table import Arm, tabulate
from search.metrics import Metric
from search.study import ConfirmationRun, ParamValue, Question

#: Question -> a key that sorts the simplest arm first. Absent where no arm is simpler.
_SIMPLICITY: Mapping[Question, Callable[[Arm], tuple[int, int]]] = {
    Question.ACTIVATION: lambda arm: simplicity_of(arm.name),
}


def recommended_arm(comparisons: Comparisons, question: Question) -> Arm | None:
    """Return the arm to recommend; None without any arm."""
    arms = comparisons.table.arms
    if not arms:
        return None
    key = _SIMPLICITY.get(question)
    return arms[0] if key is None else min(near_best(comparisons), key=key)


def near_best(comparisons: Comparisons) -> tuple[Arm, ...]:
    """Return the best arm and those within one standard error of it that have as many repeats."""
    best, *others = comparisons.table.arms
    return (
        best,
        *(
            arm
            for arm in others
            if (difference := comparisons.to_best.get(arm.name)) is not None
            and difference.estimate <= difference.error
            and int(arm.done.sum()) == comparisons.table.repeats
        ),
    )


def pick_winner(
    runs: Sequence[ConfirmationRun], metric: Metric, question: Question = Question.ACTIVATION
) -> Mapping[str, ParamValue] | None:
    """Return the configuration that the verdict recommends; None where every run failed.

    `runs` must hold all runs, failed ones too: they count against their arm.
    """
    arm = recommended_arm(compare(tabulate(runs, metric), metric), question)
    return None if arm is None else arm.best.params
