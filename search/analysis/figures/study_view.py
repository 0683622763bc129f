"""What figures are drawn from: the results and trials of a study, as the wire format has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, TypeAlias

from search.metrics import METRICS, Direction
from search.study import StudyResults, TrialRecord

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """A study to draw, its parts named as by `GET results` and `GET trials`.

    Parsed JSON rather than typed values, so that a client draws what it was sent.
    """

    results: Json
    #: Trials without their curves; as many as are at hand.
    trials: Sequence[Json] = ()
    #: Trials with curves and layers: the best of each activation.
    bests: Sequence[Json] = ()

    @property
    def metric(self) -> str:
        """Name of the first objective."""
        verdict = self.results.get("verdict") or {}
        named = verdict.get("metric") or self.results.get("metric")
        if named:
            return str(named)
        scores = (self.results.get("best") or {}).get("metrics") or {}
        return "mse" if "mse" in scores else "log_loss"

    @property
    def metric_title(self) -> str:
        """The first objective in words."""
        row = METRICS.get(self.metric)
        return row.title if row else self.metric

    @property
    def metric_words(self) -> str:
        """The first objective as it stands within a sentence: "log loss", "ROC AUC"."""
        title = self.metric_title
        return title if title[1:2].isupper() else title[:1].lower() + title[1:]

    @property
    def is_less_better(self) -> bool:
        """Whether small values of the first objective are the good ones."""
        row = METRICS.get(self.metric)
        return row is None or row.direction is Direction.MINIMIZE

    @property
    def better(self) -> str:
        """The direction, to stand behind the title of an axis."""
        return "less is better" if self.is_less_better else "more is better"

    @property
    def arms(self) -> list[str]:
        """Activations of the space, always in one order, which gives each its colour."""
        return sorted(str(row["activation"]) for row in self.results.get("by_activation", ()))

    @property
    def complete(self) -> list[Json]:
        """Trials that were trained to the end and have a finite value."""
        return [
            trial
            for trial in self.trials
            if trial["state"] == "complete"
            and trial.get("value") is not None
            and isfinite(trial["value"])
        ]


def view_of_study(
    results: StudyResults, trials: Iterable[TrialRecord] = (), *, metric: str | None = None
) -> StudyView:
    """Return the view of a study that ran in this process, of which all is at hand."""
    document = asdict(results)
    if metric:
        document["metric"] = metric
    plain = [_plain(trial) for trial in trials]
    numbers = {row.best_number for row in results.by_activation}
    return StudyView(
        results=document, trials=plain, bests=[t for t in plain if t["number"] in numbers]
    )


def _plain(trial: TrialRecord) -> dict[str, Any]:
    """Return a record as `GET trials` shows it."""
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "activation": trial.activation,
        "params": dict(trial.params),
        "value": trial.values[0] if trial.values else None,
        "values": list(trial.values) if trial.values else None,
        "metrics": dict(trial.metrics),
        "parameters": trial.parameters,
        "fit_seconds": trial.fit_seconds,
        "flags": list(trial.flags),
        "source": trial.source.value,
        "curves": [asdict(curve) for curve in trial.curves],
        "layers": [asdict(snapshot) for snapshot in trial.layers],
        "findings": [asdict(finding) for finding in trial.findings],
    }
