"""How large a study may be: trials, parameters of a network, and processor time, all estimated."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from search.analysis.candidates import RACE_REPEATS
from search.data.datasets import DatasetSummary
from search.errors import InvalidInput
from search.study import Axis, Choices, StudySpec
from search.study_checks import CheckedStudy

#: Of one training step on one core: measured 69 us for minibatches of 64 through three layers of
#: width 64 (tests/benchmarks/README.md), most of which is multiplication.
_STEP_SECONDS = 20e-6
_SECONDS_PER_PRODUCT = 49e-6 / (64 * 13_000)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLimits:
    """The largest study that is accepted."""

    trials: int
    parameters: int
    #: Processor time of the study, where every trial is trained to its end.
    seconds: float

    def check(self, checked: CheckedStudy, dataset: DatasetSummary) -> None:
        """Raise InvalidInput for a study beyond a limit; the sentence names the setting."""
        self.check_trials(checked.spec)
        space = checked.space
        features, outputs = dataset.features, max(1, len(dataset.classes))
        width, depth = (_largest(space.axes[name]) for name in ("width", "depth"))
        largest = _parameters(width, depth, features, outputs)
        if largest > self.parameters:
            raise InvalidInput(
                f"{depth:g} layers of width {width:g} have {largest:.3g} parameters, but at most "
                f"{self.parameters} are allowed; search smaller networks, or raise "
                "ACTIVATION_SEARCH_MAX_PARAMETERS",
                pointer="/space/width",
            )
        seconds = _seconds(checked, dataset.rows, features, outputs)
        if seconds > self.seconds:
            raise InvalidInput(
                f"the study would take {seconds / _DAY_S:.3g} days of one processor (a rough "
                f"estimate), but at most {self.seconds / _DAY_S:.3g} are allowed; ask for fewer "
                "trials, epochs, folds, searches or repeats, or raise "
                "ACTIVATION_SEARCH_MAX_STUDY_SECONDS",
                pointer="/budget",
            )

    def check_trials(self, spec: StudySpec) -> None:
        """Raise InvalidInput for a study of too many trials."""
        if spec.budget.trials > self.trials:
            raise InvalidInput(
                f"the study would have {spec.budget.trials} trials, but at most {self.trials} are "
                "allowed; ask for fewer, or raise ACTIVATION_SEARCH_MAX_TRIALS",
                pointer="/budget/trials",
            )


def _seconds(checked: CheckedStudy, rows: int, features: int, outputs: int) -> float:
    spec, space, arms = checked.spec, checked.space, checked.arms
    width, depth, batch = (_middle(space.axes[name]) for name in ("width", "depth", "batch_size"))
    evaluation = spec.evaluation
    trained_anew = RACE_REPEATS * evaluation.confirm_top + evaluation.confirm_repeats
    confirmed = (
        len(arms.names) * evaluation.searches * trained_anew if evaluation.confirm_top else 0
    )
    trainings = (spec.budget.trials + confirmed) * evaluation.folds
    steps = trainings * spec.budget.epochs * ceil(rows / max(batch, 1.0))
    products = min(batch, rows) * _parameters(width, depth, features, outputs)
    return steps * (_STEP_SECONDS + products * _SECONDS_PER_PRODUCT)


def _parameters(width: float, depth: float, features: int, outputs: int) -> int:
    return round((features + outputs + 1) * width + (depth - 1) * width * (width + 1))


def _values(axis: Axis) -> list[float]:
    if isinstance(axis, Choices):
        return [float(v) for v in axis.values if isinstance(v, int | float)] or [1.0]
    return [axis.low, axis.high]


def _largest(axis: Axis) -> float:
    return max(_values(axis))


def _middle(axis: Axis) -> float:
    values = _values(axis)
    return sum(values) / len(values)
