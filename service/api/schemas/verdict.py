"""The verdict on the wire: comparisons with the best and the baseline, and the held-out test."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from search.study.results import (
    ActivationComparison,
    BaselineComparison,
    Holdout,
    HoldoutScore,
    Outcome,
    Verdict,
)
from service.api.schemas.base import ResponseModel
from service.api.schemas.scores import Params, Scores, ScoresOut

#: An `Outcome`. OpenAPI lists its words in place; an enum would be a reference to a list of them.
OutcomeWord = Annotated[
    str,
    WithJsonSchema(
        {"title": "Outcome", "type": "string", "enum": [outcome.value for outcome in Outcome]}
    ),
]


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

    @classmethod
    def from_comparison(cls, row: ActivationComparison) -> "ComparisonOut":
        """Return `row` in the wire format."""
        return cls(
            n=row.n,
            mean=row.mean,
            sd=row.sd,
            worst=row.worst,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            difference=row.difference,
            difference_low=row.difference_low,
            difference_high=row.difference_high,
            p_value=row.p_value,
            p_adjusted=row.p_adjusted,
            activation=row.activation,
            trials=list(row.trials),
            failures=row.failures,
            repeats_needed=row.repeats_needed,
            tied=row.tied,
            probability_best=row.probability_best,
            search_sd=row.search_sd,
            baseline_difference=row.baseline_difference,
            baseline_difference_low=row.baseline_difference_low,
            baseline_difference_high=row.baseline_difference_high,
            baseline_p_value=row.baseline_p_value,
            baseline_p_adjusted=row.baseline_p_adjusted,
            fit_seconds=row.fit_seconds,
        )


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

    @classmethod
    def from_comparison(cls, baseline: BaselineComparison) -> "BaselineOut":
        """Return `baseline` in the wire format."""
        return cls(
            n=baseline.n,
            mean=baseline.mean,
            sd=baseline.sd,
            worst=baseline.worst,
            ci_low=baseline.ci_low,
            ci_high=baseline.ci_high,
            difference=baseline.difference,
            difference_low=baseline.difference_low,
            difference_high=baseline.difference_high,
            p_value=baseline.p_value,
            p_adjusted=baseline.p_adjusted,
            activation=baseline.activation,
            trial=baseline.trial,
            params=dict(baseline.params),
            failures=baseline.failures,
        )


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

    @classmethod
    def from_score(cls, score: HoldoutScore | None) -> "TestScoreOut | None":
        """Return `score` in the wire format; None for None."""
        if score is None:
            return None
        return cls(
            score=score.score,
            validation_score=score.validation_score,
            scores=dict(score.scores),
            validation_scores=dict(score.validation_scores),
            params=dict(score.params),
            repeats=score.repeats,
        )


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

    @classmethod
    def from_holdout(cls, holdout: Holdout) -> "TestOut":
        """Return `holdout` in the wire format."""
        return cls(
            winner=TestScoreOut.from_score(holdout.winner),
            baseline=TestScoreOut.from_score(holdout.baseline),
            linear=TestScoreOut.from_score(holdout.linear),
            trivial=TestScoreOut.from_score(holdout.trivial),
            optimism=holdout.optimism,
            reason=holdout.reason,
        )


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
    outcome: OutcomeWord = Field(
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

    @classmethod
    def from_verdict(cls, verdict: Verdict) -> "VerdictOut":
        """Return `verdict` in the wire format."""
        return cls(
            winner=verdict.winner,
            trial=verdict.trial,
            params=None if verdict.params is None else dict(verdict.params),
            best=verdict.best,
            tied_with=list(verdict.tied_with),
            failed=list(verdict.failed),
            unconfirmed=list(verdict.unconfirmed),
            outcome=verdict.outcome.value,
            repeats=verdict.repeats,
            repeats_needed=verdict.repeats_needed,
            metric=verdict.metric,
            alpha=verdict.alpha,
            baseline=BaselineOut.from_comparison(verdict.baseline) if verdict.baseline else None,
            comparisons=[ComparisonOut.from_comparison(row) for row in verdict.comparisons],
            test=TestOut.from_holdout(verdict.test) if verdict.test else None,
            sentence=verdict.sentence,
        )
