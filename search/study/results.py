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
    #: Ends of the 95 % interval of the mean; None where there are too few runs for one.
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
class ArmComparison(ScoreSummary):
    """One arm, the mean of its champions, against the best arm.

    Its interval and those of differences are of 95 %, and hold for data like this, had the searches
    been done again.
    """

    #: Name of the arm.
    arm: str
    #: Activation of the network that is the best of the arm.
    activation: str
    #: Trials whose configurations are the champions, one a search.
    trials: tuple[int | None, ...]
    searches: int
    repeats: int
    failures: int
    #: Trials of the arm, all searches together.
    tuned: int
    #: True where it had so many fewer trials than others that it is never called worse.
    unequal_tuning: bool
    #: This arm minus the best; 0 for the best itself.
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    #: One-sided: of a difference as great by chance, were this arm no worse than the best.
    p_value: float | None
    #: Counted for all arms that it could have been, and for all looks at the runs.
    p_adjusted: float | None
    #: Shown to be worse than the best.
    worse: bool
    #: Shown to differ from the best by less than `Verdict.region`.
    equivalent: bool
    #: The best, or not shown to be worse than the best.
    tied: bool
    #: Probability of being better than the best; of the best, better than the next.
    probability_better: float | None
    #: Probability of differing from it by less than the region.
    probability_equivalent: float | None
    #: Probability of being the best of all arms.
    probability_best: float
    #: The least difference to the best that would have been shown with a probability of 80 %.
    detectable: float | None
    #: What would show a difference as observed, each alone: more repeats, more searches, or so many
    #: times the rows. None where it is shown, or no acceptable number would.
    repeats_needed: int | None
    searches_needed: int | None
    rows_needed: int | None
    #: Standard error that the luck of the searches adds.
    search_sd: float | None
    #: Mean training seconds of one run.
    fit_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineScores(ScoreSummary):
    """The scores of the baseline, one fixed network."""

    activation: str
    trial: int | None
    params: Mapping[str, ParamValue]
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDifference:
    """The recommended network minus another predictor, both fixed; intervals are of 95 %."""

    #: A `TestRole`: the baseline, the linear or the trivial model.
    reference: str
    #: "validation" for the rows of the confirmation, or "test".
    rows: str
    difference: float
    ci_low: float
    ci_high: float
    #: One-sided: of a difference as great by chance, were the network no better.
    p_value: float
    probability_better: float
    #: Probability of a difference smaller than `Verdict.region`.
    probability_equivalent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkVerdict:
    """Whether the recommended network is better than the baseline and the reference models.

    The networks are fixed, so the luck of the search has no part in it.
    """

    trial: int | None
    params: Mapping[str, ParamValue]
    #: Against the baseline, on the rows of the confirmation; None where it has no runs.
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    probability_better: float | None
    probability_equivalent: float | None
    #: Against each reference, on both kinds of rows.
    differences: tuple[NetworkDifference, ...]
    sentence: str


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
    #: Ends of the 95 % interval of `score`, over rows like these; None where they are not known.
    ci_low: float | None = None
    ci_high: float | None = None


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
    """The answer of a confirmation to the question which arm is best."""

    #: One arm is shown to be better than every other.
    WINNER = "winner"
    #: The arms not shown to be worse than the best are shown to be as good, to the region.
    EQUIVALENT = "equivalent"
    #: Several are not shown to be worse, nor to be as good, and more repeats would not tell.
    TIED = "tied"
    #: More repeats would tell; or nothing was compared.
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
    """Which arm is recommended, how sure that is, and what would make it surer."""

    #: A `Question`: the axis whose values are the arms.
    question: str = "activation"
    #: The recommended arm, and its champion: the recommended network and the trial that found it.
    winner: str | None
    trial: int | None
    params: Mapping[str, ParamValue] | None
    #: The arm with the best mean.
    best: str | None
    #: The other arms not shown to be worse than the best.
    tied_with: tuple[str, ...]
    #: Arms all of whose runs failed.
    failed: tuple[str, ...]
    #: Arms of the space that no trial of use had.
    unconfirmed: tuple[str, ...] = ()
    outcome: Outcome
    #: Why no more repeats were trained; None in verdicts of older releases.
    stopped: Stopped | None = None
    #: Repeats of the arms that had most, and searches of each arm.
    repeats: int
    searches: int = 1
    #: The least of what would tell one more arm from the best, each alone; None where none would.
    repeats_needed: int | None
    searches_needed: int | None = None
    #: Times the rows of the study.
    rows_needed: int | None = None
    metric: str
    #: Accepted probability that the best arm is called worse, and the level of intervals.
    alpha: float
    level: float = 0.95
    #: The greatest difference that is held to have no practical meaning, and the rule that says so.
    region: float | None = None
    region_rule: str | None = None
    baseline: BaselineScores | None
    #: One an arm, the best first.
    comparisons: tuple[ArmComparison, ...]
    network: NetworkVerdict | None = None
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

    #: The trial of the recommended network once there is a verdict; `best_trial` until then.
    best: TrialSummary | None = None
    #: The best complete trial by the first objective: the luckiest of many noisy scores.
    best_trial: TrialSummary | None = None
    #: With two objectives, the trials that no other beats in both.
    front: tuple[TrialSummary, ...] = ()
    #: One an activation of the space, the best first.
    by_activation: tuple[ActivationSummary, ...] = ()
    #: Axis -> share of the variance of scores that can be compared, the greatest first.
    importances: Mapping[str, float] = field(default_factory=dict)
    #: Axis -> ends of the 95 % interval of its share.
    importance_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    #: Share that all axes explain together; None where there are too few trials.
    importance_explained: float | None = None
    #: Trials that the shares were computed from.
    importance_trials: int = 0
    #: What the shares mean, a sentence; it says where there is too little to say.
    importance_note: str = ""
    #: "activation x initializer" and "activation x depth" -> table.
    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    #: One a searched slope, alpha or beta.
    slope_effect: tuple[SlopeEffect, ...] = ()
    #: None until something was confirmed.
    verdict: Verdict | None = None
