"""The results of a study as typed values: what analysis computes, storage keeps, the wire shows.

Everything is a finite number, a text, None or a container of those: NaN and infinity have become
None. Scores and differences are in the units and the direction of the study's first objective.
`storage.results` maps these values to the stored JSON and back, `service.api.schemas` to the wire;
both formats are flat where a value here inherits from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from search.study.spec import ParamValue


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSummary:
    """A complete trial in short."""

    number: int
    activation: str
    #: The whole configuration, fixed axes included.
    params: Mapping[str, ParamValue]
    #: One an objective, mean over folds.
    values: tuple[float, ...]
    #: Every metric of the task, mean over folds.
    metrics: Mapping[str, float | None]
    #: Trainable parameters of one network.
    parameters: int
    fit_seconds: float | None
    #: A `TrialSource`: who proposed the trial.
    source: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSummary:
    """Scores over the resamples of the confirmation; all None where nothing was confirmed."""

    #: Resamples with a score: at most repeats x folds.
    n: int | None = None
    mean: float | None = None
    #: Standard deviation over the resamples, n - 1 in the denominator; None below two.
    sd: float | None = None
    #: The worst single run; a failed run counts as the worst of its resample.
    worst: float | None = None
    #: Ends of the 95 % interval of the mean, corrected for shared rows; None below two resamples.
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedBest(ScoreSummary):
    """The scores of an activation's best configuration when it was trained anew."""

    #: The trial whose configuration it is.
    confirmed_number: int | None = None
    confirmed_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSummary(ConfirmedBest):
    """One activation: its trials, what its tuning took, and its best configuration confirmed.

    `best_*`, `median_value`, `parameters` and `fit_seconds` are None without a complete trial.
    """

    activation: str
    trials: int
    best_value: float | None
    median_value: float | None
    best_number: int | None
    best_params: Mapping[str, ParamValue] | None
    completed: int
    failed: int
    pruned: int
    #: Trials under way, those included that an interruption made wait.
    running: int
    #: Of the trials that have ended; None before one has.
    failed_share: float | None
    pruned_share: float | None
    #: Name of a flag -> trials with it.
    flags: Mapping[str, int]
    #: Trainable parameters and training seconds of the best trial.
    parameters: int | None
    fit_seconds: float | None
    #: Number of trials -> best value to expect of that many; None where fewer were tried.
    expected_best: Mapping[int, float | None]
    #: Cost of a learning rate that is off; None with fewer than two groups of rates.
    learning_rate_spread: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedScores(ScoreSummary):
    """Scores, and their paired difference to a reference; None where no test could be made."""

    difference: float | None
    #: Ends of the interval at the level at which the difference is tested.
    difference_low: float | None
    difference_high: float | None
    #: Two-sided, of this comparison alone.
    p_value: float | None
    #: By Holm's steps, over all comparisons of the family.
    p_adjusted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationComparison(ComparedScores):
    """One activation, the mean of its confirmed configurations, minus the best activation."""

    activation: str
    #: Trials whose configurations were trained anew.
    trials: tuple[int | None, ...]
    failures: int
    #: More repeats that would show a difference as large as observed; None where it is shown or
    #: no acceptable number would.
    repeats_needed: int | None
    #: True where the activation is not shown to be worse than the best.
    tied: bool
    probability_best: float
    #: Standard error between searches; None where only one configuration of each was confirmed.
    search_sd: float | None
    #: The difference of this activation minus the baseline, like those of `ComparedScores`.
    baseline_difference: float | None
    baseline_difference_low: float | None
    baseline_difference_high: float | None
    baseline_p_value: float | None
    baseline_p_adjusted: float | None
    #: Mean training seconds of one run.
    fit_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineComparison(ComparedScores):
    """The baseline's scores; the difference is the recommended activation minus the baseline."""

    activation: str
    trial: int | None
    params: Mapping[str, ParamValue]
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutScore:
    """One predictor refitted on all development rows and scored once on the test rows."""

    #: First objective on the test rows, and in the confirmation.
    score: float | None
    validation_score: float | None
    #: Every metric of the task, likewise.
    scores: Mapping[str, float | None]
    validation_scores: Mapping[str, float | None]
    params: Mapping[str, ParamValue]
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """The scores on the test rows, a predictor each; None for a predictor not scored."""

    winner: HoldoutScore | None
    baseline: HoldoutScore | None
    linear: HoldoutScore | None
    trivial: HoldoutScore | None
    #: Validation score minus test score of the winner, positive where validation was better.
    optimism: float | None
    #: Why there are no test scores; None where there are.
    reason: str | None


class Outcome(StrEnum):
    """The answer of a confirmation to the question which activation is best."""

    #: One activation is better than every other.
    WINNER = "winner"
    #: Several are as good as the best, and more repeats would not change that.
    TIED = "tied"
    #: The data cannot tell yet, more repeats or configurations could; or nothing was compared.
    UNDECIDED = "undecided"


class Stopped(StrEnum):
    """Why the confirmation trained no more repeats."""

    #: Every arm is shown to be worse than the best, or equivalent to it.
    DECIDED = "decided"
    #: Time ran out.
    BUDGET = "budget"
    #: The study allows no more repeats.
    REPEATS = "repeats"
    #: More repeats would tell little: what is uncertain is searches and rows, so extend the study.
    EXTEND = "extend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Which activation is recommended, how sure that is, and what would make it surer."""

    #: The recommended activation, its best configuration and the trial that found it.
    winner: str | None
    trial: int | None
    params: Mapping[str, ParamValue] | None
    #: The activation with the best mean.
    best: str | None
    #: The other activations not shown to be worse than the best.
    tied_with: tuple[str, ...]
    #: Activations all of whose runs failed.
    failed: tuple[str, ...]
    #: Activations of the space that no complete trial had.
    unconfirmed: tuple[str, ...] = ()
    outcome: Outcome
    repeats: int
    #: More repeats that could decide; None where it is decided or none could.
    repeats_needed: int | None
    metric: str
    #: Accepted probability of any wrong claim in one family of comparisons.
    alpha: float
    baseline: BaselineComparison | None
    #: One an activation, the best first.
    comparisons: tuple[ActivationComparison, ...]
    test: Holdout | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionCell:
    """Complete trials of one activation with one initializer, or of one depth."""

    activation: str
    #: One of the two is set: the other axis of the table.
    initializer: str | None = None
    #: A depth, or a range of depths such as "5-8".
    depth: int | str | None = None
    count: int
    mean: float
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A table of activation by another axis."""

    cells: tuple[InteractionCell, ...]
    #: Share of the variance of ranks beyond both axes added up; None where it cannot be tested.
    share: float | None
    #: F test of that share.
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPoint:
    """The first objective of one complete trial, `value`, at the number `x`."""

    x: float
    value: float
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One point of a smooth curve."""

    x: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """First objective against a number of an activation."""

    points: tuple[TrialPoint, ...]
    #: A smoothing spline; empty with few points.
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopeEffect:
    """The effect of a searched slope, alpha or beta."""

    axis: str
    activation: str
    parameter: str
    #: Against the value that training began with.
    initial: Effect | None
    #: Against the mean over the layers after training; None where training does not change it.
    learned: Effect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """Everything a study has found so far; empty before its first trial."""

    #: The best complete trial by the first objective.
    best: TrialSummary | None = None
    #: With two objectives, the trials that no other beats in both.
    front: tuple[TrialSummary, ...] = ()
    #: One an activation of the space, the best first.
    by_activation: tuple[ActivationSummary, ...] = ()
    #: Axis -> share of the variance, the greatest first.
    importances: Mapping[str, float] = field(default_factory=dict)
    #: "activation x initializer" and "activation x depth" -> table.
    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    #: One a searched slope, alpha or beta.
    slope_effect: tuple[SlopeEffect, ...] = ()
    #: None until something was confirmed.
    verdict: Verdict | None = None
