"""What the results say of activations: rows, interactions, slopes, the verdict."""

from typing import Literal

from pydantic import Field

from service.api.schemas.base import ResponseModel, Scalar

Params = dict[str, Scalar]
Scores = dict[str, float | None]


class TrialSummaryOut(ResponseModel):
    """A complete trial in short."""

    number: int = Field(description="Of the trial.")
    activation: str = Field(description="Of every hidden layer.")
    params: Params = Field(description="The whole configuration.")
    values: list[float] = Field(description="One an objective, mean over folds.")
    metrics: Scores = Field(description="Every metric of the task, mean over folds.")
    parameters: int = Field(description="Trainable parameters.")
    fit_seconds: float | None = Field(description="Seconds of training, added up over folds.")
    source: str = Field(description="Who proposed it.", examples=["sampler"])
    flags: list[str] = Field(description="What is wrong with the training, in short names.")


class ScoresOut(ResponseModel):
    """Scores over the resamples of the confirmation, in the metric's units and direction."""

    n: int | None = Field(description="Resamples: repeats x folds.")
    mean: float | None = Field(description="Mean score.")
    sd: float | None = Field(description="Standard deviation over the resamples.")
    worst: float | None = Field(
        description="Worst single run; a run that failed counts as the worst of its resample."
    )
    ci_low: float | None = Field(
        description="95 % interval of the mean, corrected for the rows that resamples share, cut "
        "off where no score can be."
    )
    ci_high: float | None = Field(description="Its upper end.")


class ActivationRowOut(ScoresOut):
    """One activation.

    `n` to `ci_high` are those of its best configuration trained anew, null where it was not.
    """

    activation: str = Field(description="Its name.")
    trials: int = Field(description="Trials that had it.")
    best_value: float | None = Field(description="Best of the search; flatters itself.")
    median_value: float | None = Field(description="Median of the complete trials.")
    best_number: int | None = Field(description="Number of the best trial.")
    best_params: Params | None = Field(description="Its whole configuration.")
    completed: int = Field(description="Trials trained to the end.")
    failed: int = Field(description="Trials that failed.")
    pruned: int = Field(description="Trials ended early.")
    running: int = Field(description="Trials in training now.")
    failed_share: float | None = Field(description="Of the trials that have ended.")
    pruned_share: float | None = Field(description="Of the trials that have ended.")
    flags: dict[str, int] = Field(description="Flag -> trials that have it.")
    parameters: int | None = Field(description="Of the best trial's network.")
    fit_seconds: float | None = Field(description="Training seconds of the best trial.")
    expected_best: dict[str, float | None] = Field(
        description="Number of trials -> best value to expect of as many (Dodge et al. 2019); "
        "null where fewer were tried.",
        examples=[{"5": 0.14, "10": 0.11, "20": None}],
    )
    learning_rate_spread: float | None = Field(
        description="What a learning rate that is off costs: the median, over half decades, of how "
        "far the best there is behind the best of all."
    )
    confirmed_number: int | None = Field(description="The trial whose configuration it is.")
    confirmed_failures: int | None = Field(description="Runs of it that failed.")


class DifferenceOut(ResponseModel):
    """A paired difference by the corrected resampled t-test (Nadeau & Bengio 2003)."""

    difference: float | None = Field(description="Difference of the means, in the metric's units.")
    difference_low: float | None = Field(
        description="Interval at the level at which the difference is tested: it leaves 0 out "
        "where `p_adjusted` is below `alpha`."
    )
    difference_high: float | None = Field(description="Its upper end.")
    p_value: float | None = Field(description="Two-sided, of this comparison alone.")
    p_adjusted: float | None = Field(
        description="By Holm's steps, so that all comparisons together err with at most `alpha`."
    )


class ComparisonOut(ScoresOut, DifferenceOut):
    """One activation against the best, as the mean of its confirmed configurations."""

    activation: str = Field(description="Its name.")
    trials: list[int | None] = Field(description="Trials whose configurations were trained anew.")
    failures: int = Field(description="Runs that failed.")
    repeats_needed: int | None = Field(
        description="More repeats that would show a difference as large as observed with 80 % "
        "probability; null where it is shown or not even 100 repeats would."
    )
    tied: bool = Field(description="Not shown to be worse than the best.")
    probability_best: float = Field(
        description="Chance to be the best: correlated Bayesian t-test (Corani & Benavoli 2015) "
        "over all activations."
    )
    search_sd: float | None = Field(
        description="Standard error that the luck of the search adds; null where only one "
        "configuration of each activation was confirmed."
    )
    baseline_difference: float | None = Field(description="This activation minus the baseline.")
    baseline_difference_low: float | None = Field(
        description="As `difference_low`, against the baseline."
    )
    baseline_difference_high: float | None = Field(
        description="As `difference_high`, against the baseline."
    )
    baseline_p_value: float | None = Field(description="As `p_value`, against the baseline.")
    baseline_p_adjusted: float | None = Field(
        description="As `p_adjusted`, over the comparisons with the baseline."
    )
    fit_seconds: float | None = Field(description="Mean training seconds of one run.")


class BaselineOut(ScoresOut, DifferenceOut):
    """ReLU with He initialization at the best common settings.

    The difference is that of the recommended activation minus the baseline.
    """

    activation: str = Field(description="Always `relu`.")
    trial: int | None = Field(
        description="The trial with this configuration; null where none had it."
    )
    params: Params = Field(description="The whole configuration.")
    failures: int = Field(description="Runs that failed.")


class TestScoreOut(ResponseModel):
    """One predictor refitted on all training rows and scored once on the test rows."""

    score: float | None = Field(description="First objective on the test rows.")
    validation_score: float | None = Field(description="The same in the confirmation.")
    scores: Scores = Field(description="Every metric on the test rows.")
    validation_scores: Scores = Field(description="Every metric in the confirmation.")
    params: Params = Field(
        description="The whole configuration; empty for the linear and the trivial model."
    )
    repeats: int = Field(description="Refits that the scores are the mean of.")


class TestOut(ResponseModel):
    """What rows say that nothing before has touched.

    When a study is extended, its winner is scored on the same rows again: nothing was chosen by
    them, but whoever extends a study because of what they said has.
    """

    winner: TestScoreOut | None = Field(description="The configuration recommended.")
    baseline: TestScoreOut | None = Field(description="The baseline.")
    linear: TestScoreOut | None = Field(description="A linear model.")
    trivial: TestScoreOut | None = Field(description="The commonest class, or the mean.")
    optimism: float | None = Field(
        description="By how much the winner's validation score was better than its test score."
    )
    reason: str | None = Field(description="Why there are no test scores; null where there are.")


class VerdictOut(ResponseModel):
    """Which activation, how sure, and what would make it surer."""

    winner: str | None = Field(
        description="The simplest of the activations tied for the best, of those within one "
        "standard error of it."
    )
    trial: int | None = Field(description="Its best configuration.")
    params: Params | None = Field(description="The whole configuration of that trial.")
    best: str | None = Field(description="The activation with the best mean.")
    tied_with: list[str] = Field(description="The others not shown to be worse than the best.")
    failed: list[str] = Field(description="Activations all of whose runs failed.")
    unconfirmed: list[str] = Field(
        default=[], description="Activations of the space that no complete trial had."
    )
    outcome: Literal["winner", "tied", "undecided"] = Field(
        description="winner: better than every other; tied: not even 100 repeats would tell; "
        "undecided: more repeats or configurations could, or nothing was compared."
    )
    repeats: int = Field(description="Repeats of the confirmation that count.")
    repeats_needed: int | None = Field(description="More repeats that could decide.")
    metric: str = Field(description="The first objective.")
    alpha: float = Field(description="Chance of any wrong claim that is accepted.")
    baseline: BaselineOut | None = Field(
        description="What every activation is compared with; null where it has no runs."
    )
    comparisons: list[ComparisonOut] = Field(description="A row an activation, the best first.")
    test: TestOut | None = Field(description="Scores on the test rows; null before the test phase.")
    sentence: str = Field(
        description="The verdict in words.",
        examples=[
            "GELU and SiLU are tied, and GELU is the simplest of them; GELU leads SiLU by 0.1 "
            "points [-0.3, 0.6], and not even 100 repeats would make that certain: only more rows "
            "or more trials could; both beat the baseline (ReLU with He initialization) by "
            "at least 0.8 points [0.3, 1.3]; the activation matters less here than the learning "
            "rate (12 % of the variance against 55 %)."
        ],
    )


class CellOut(ResponseModel):
    """Complete trials of one activation with one initializer, or of one depth."""

    activation: str = Field(description="Its name.")
    initializer: str | None = Field(
        default=None, description="Its name, in the table of initializers."
    )
    depth: int | str | None = Field(
        description="Hidden layers, in the table of depths.", default=None, examples=[3, "5-8"]
    )
    count: int = Field(description="Complete trials.")
    mean: float = Field(description="Mean of their first objective.")
    best: float = Field(description="The best of them.")


class InteractionOut(ResponseModel):
    """A table of two axes."""

    cells: list[CellOut] = Field(description="A row a combination that was tried.")
    share: float | None = Field(
        description="Share of the variance of ranks beyond both axes added up."
    )
    p_value: float | None = Field(description="F test of that share; exploratory.")


class PointOut(ResponseModel):
    """One complete trial."""

    x: float = Field(description="The number of the activation.")
    value: float = Field(description="First objective.")
    number: int = Field(description="Of the trial.")


class CurvePointOut(ResponseModel):
    """One point of a smooth curve."""

    x: float = Field(description="The number of the activation.")
    value: float = Field(description="First objective, smoothed.")


class EffectOut(ResponseModel):
    """First objective against a number of an activation."""

    points: list[PointOut] = Field(description="One a complete trial.")
    curve: list[CurvePointOut] = Field(description="Smoothing spline; empty with few points.")


class SlopeEffectOut(ResponseModel):
    """What a searched slope, alpha or beta does."""

    axis: str = Field(description="Its name.", examples=["prelu_slope"])
    activation: str = Field(description="The activation it belongs to.")
    parameter: str = Field(description="Its name within the activation.")
    initial: EffectOut | None = Field(description="Against the value training began with.")
    learned: EffectOut | None = Field(description="Against its mean over layers after training.")
