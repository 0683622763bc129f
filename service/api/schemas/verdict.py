"""The verdict on the wire: arms against the best, networks, and the held-out test."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from search.study.results import (
    ArmComparison,
    BaselineScores,
    Holdout,
    HoldoutScore,
    NetworkDifference,
    NetworkVerdict,
    Outcome,
    Stopped,
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
#: A `Stopped`, likewise.
StoppedWord = Annotated[
    str,
    WithJsonSchema(
        {"title": "Stopped", "type": "string", "enum": [stopped.value for stopped in Stopped]}
    ),
]


EXAMPLE_SENTENCE = (
    "Which activation is best for data like this cannot be told: 8 of 10 are not shown to be worse "
    "than GELU, which scores best, SiLU next, 0.004 [-0.006, 0.014] in log loss behind; SiLU is "
    "recommended, the simplest of them, within one standard error of the best; shown to be worse "
    "than GELU: Tanh by 0.021 [0.008, 0.034] in log loss and Sigmoid by 0.052 [0.031, 0.073] in "
    "log loss."
)


class ComparisonOut(ScoresOut):
    """One arm against the best, as the mean of the champions of its searches.

    Intervals are of 95 %, for data like this, had the searches been done again.
    """

    arm: str = Field(description="Its name: an activation, or a value of another question.")
    activation: str = Field(description="Activation of the best network of the arm.")
    trials: list[int | None] = Field(description="Its champions, one a search.")
    searches: int = Field(description="Searches with a champion.")
    repeats: int = Field(description="Repeats that its champions have had.")
    failures: int = Field(description="Runs that failed.")
    tuned: int = Field(description="Trials of the arm, all searches together.")
    unequal_tuning: bool = Field(
        description="Had fewer trials than other arms, so that it is never called worse."
    )
    difference: float | None = Field(
        description="This arm minus the best, in the metric's units; 0 for the best."
    )
    difference_low: float | None = Field(description="Lower end of its interval.")
    difference_high: float | None = Field(description="Upper end of its interval.")
    p_value: float | None = Field(
        description="One-sided: of a difference as great, were this arm no worse than the best."
    )
    p_adjusted: float | None = Field(
        description="Step-down over the arms, and over all looks at the runs; worse below `alpha`."
    )
    worse: bool = Field(description="Shown to be worse than the best.")
    equivalent: bool = Field(description="Shown to differ from it by less than `region`.")
    tied: bool = Field(description="Not shown to be worse than the best.")
    probability_better: float | None = Field(
        description="Of being better than the best; of the best, better than the next."
    )
    probability_equivalent: float | None = Field(
        description="Of differing from it by less than `region`."
    )
    probability_best: float = Field(description="Of being the best of all arms.")
    detectable: float | None = Field(
        description="The least difference that would have been shown with 80 % probability."
    )
    repeats_needed: int | None = Field(
        description="More repeats that would show a difference as large as observed with 80 % "
        "probability; null where it is shown or no acceptable number would."
    )
    searches_needed: int | None = Field(description="More searches of each arm, likewise.")
    rows_needed: int | None = Field(description="Times as many rows, likewise.")
    search_sd: float | None = Field(
        description="Standard error that the luck of the searches adds."
    )
    fit_seconds: float | None = Field(description="Mean training seconds of one run.")

    @classmethod
    def from_comparison(cls, row: ArmComparison) -> "ComparisonOut":
        """Return `row` in the wire format."""
        return cls(
            n=row.n,
            mean=row.mean,
            sd=row.sd,
            worst=row.worst,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            arm=row.arm,
            activation=row.activation,
            trials=list(row.trials),
            searches=row.searches,
            repeats=row.repeats,
            failures=row.failures,
            tuned=row.tuned,
            unequal_tuning=row.unequal_tuning,
            difference=row.difference,
            difference_low=row.difference_low,
            difference_high=row.difference_high,
            p_value=row.p_value,
            p_adjusted=row.p_adjusted,
            worse=row.worse,
            equivalent=row.equivalent,
            tied=row.tied,
            probability_better=row.probability_better,
            probability_equivalent=row.probability_equivalent,
            probability_best=row.probability_best,
            detectable=row.detectable,
            repeats_needed=row.repeats_needed,
            searches_needed=row.searches_needed,
            rows_needed=row.rows_needed,
            search_sd=row.search_sd,
            fit_seconds=row.fit_seconds,
        )


class BaselineOut(ScoresOut):
    """The usual network (ReLU with He initialization) at the settings of its best champion."""

    activation: str = Field(description="Of every hidden layer.")
    trial: int | None = Field(
        description="The trial with this configuration; null where none had it."
    )
    params: Params = Field(description="The whole configuration.")
    failures: int = Field(description="Runs that failed.")

    @classmethod
    def from_scores(cls, baseline: BaselineScores) -> "BaselineOut":
        """Return `baseline` in the wire format."""
        return cls(
            n=baseline.n,
            mean=baseline.mean,
            sd=baseline.sd,
            worst=baseline.worst,
            ci_low=baseline.ci_low,
            ci_high=baseline.ci_high,
            activation=baseline.activation,
            trial=baseline.trial,
            params=dict(baseline.params),
            failures=baseline.failures,
        )


class NetworkDifferenceOut(ResponseModel):
    """The recommended network minus another predictor, both fixed."""

    reference: str = Field(description="baseline, linear or trivial.", examples=["baseline"])
    rows: str = Field(description="validation: those of the confirmation; or test.")
    difference: float = Field(description="In the metric's units and direction.")
    ci_low: float = Field(description="Lower end of its 95 % interval, over rows like these.")
    ci_high: float = Field(description="Its upper end.")
    p_value: float = Field(
        description="One-sided: of a difference as great, were the network no better."
    )
    probability_better: float = Field(description="Of being better than the other.")
    probability_equivalent: float = Field(description="Of differing by less than `region`.")

    @classmethod
    def from_difference(cls, row: NetworkDifference) -> "NetworkDifferenceOut":
        """Return `row` in the wire format."""
        return cls(
            reference=row.reference,
            rows=row.rows,
            difference=row.difference,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            p_value=row.p_value,
            probability_better=row.probability_better,
            probability_equivalent=row.probability_equivalent,
        )


class NetworkOut(ResponseModel):
    """The network recommended against others, without the luck of the search."""

    trial: int | None = Field(description="The trial of the network.")
    params: Params = Field(description="Its whole configuration.")
    difference: float | None = Field(
        description="The network minus the baseline's, on the rows of the confirmation; null, as "
        "are the next five, where the baseline has no runs."
    )
    ci_low: float | None = Field(description="Lower end of its 95 % interval.")
    ci_high: float | None = Field(description="Its upper end.")
    p_value: float | None = Field(description="One-sided.")
    probability_better: float | None = Field(description="Of being better than the baseline's.")
    probability_equivalent: float | None = Field(
        description="Of differing from it by less than `region`."
    )
    differences: list[NetworkDifferenceOut] = Field(
        description="Against the baseline, a linear model and a constant, on both kinds of rows."
    )
    sentence: str = Field(description="The same in words.")

    @classmethod
    def from_network(cls, network: NetworkVerdict) -> "NetworkOut":
        """Return `network` in the wire format."""
        return cls(
            trial=network.trial,
            params=dict(network.params),
            difference=network.difference,
            ci_low=network.ci_low,
            ci_high=network.ci_high,
            p_value=network.p_value,
            probability_better=network.probability_better,
            probability_equivalent=network.probability_equivalent,
            differences=[NetworkDifferenceOut.from_difference(d) for d in network.differences],
            sentence=network.sentence,
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
    ci_low: float | None = Field(
        default=None, description="Lower end of the 95 % interval of `score`, over rows like these."
    )
    ci_high: float | None = Field(default=None, description="Its upper end.")

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
            ci_low=score.ci_low,
            ci_high=score.ci_high,
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
    """Which arm, how sure, and what would make it surer."""

    question: str = Field(default="activation", description="The axis whose values are the arms.")
    winner: str | None = Field(
        description="The arm recommended: of activations the simplest within one standard error "
        "of the best, else the best."
    )
    trial: int | None = Field(description="The trial of the network recommended.")
    params: Params | None = Field(description="The whole configuration of that trial.")
    best: str | None = Field(description="The arm with the best mean.")
    tied_with: list[str] = Field(description="The others not shown to be worse than the best.")
    failed: list[str] = Field(description="Arms all of whose runs failed.")
    unconfirmed: list[str] = Field(
        default=[], description="Arms of the space that no trial of use had."
    )
    outcome: OutcomeWord = Field(
        description="winner: better than every other; equivalent: those not worse differ by less "
        "than `region`; tied: not shown to differ, nor to be equivalent; undecided: more repeats "
        "would tell, or nothing was compared."
    )
    stopped: StoppedWord | None = Field(
        default=None,
        description="Why no more repeats were trained: decided; budget: time ran out; repeats: as "
        "many as the study allows; extend: more would tell little, searches or rows would.",
    )
    repeats: int = Field(description="Repeats of the confirmation, of the arms that had most.")
    searches: int = Field(default=1, description="Independent searches of each arm.")
    repeats_needed: int | None = Field(
        description="More repeats that would tell one more arm from the best."
    )
    searches_needed: int | None = Field(
        default=None, description="More searches of each arm, likewise."
    )
    rows_needed: int | None = Field(default=None, description="Times as many rows, likewise.")
    metric: str = Field(description="The first objective.")
    alpha: float = Field(
        description="Accepted probability that the best arm is called worse, over all looks and "
        "all verdicts of the study."
    )
    level: float = Field(default=0.95, description="Level of all intervals.")
    region: float | None = Field(
        default=None, description="The difference held to be of no practical meaning."
    )
    region_rule: str | None = Field(default=None, description="How it was chosen, in words.")
    baseline: BaselineOut | None = Field(description="null where it has no runs.")
    comparisons: list[ComparisonOut] = Field(description="A row an arm, the best first.")
    network: NetworkOut | None = Field(
        default=None, description="Of the network recommended; null in verdicts of older releases."
    )
    test: TestOut | None = Field(description="Scores on the test rows; null before the test phase.")
    sentence: str = Field(description="The verdict in words.", examples=[EXAMPLE_SENTENCE])

    @classmethod
    def from_verdict(cls, verdict: Verdict) -> "VerdictOut":
        """Return `verdict` in the wire format."""
        return cls(
            question=verdict.question,
            winner=verdict.winner,
            trial=verdict.trial,
            params=None if verdict.params is None else dict(verdict.params),
            best=verdict.best,
            tied_with=list(verdict.tied_with),
            failed=list(verdict.failed),
            unconfirmed=list(verdict.unconfirmed),
            outcome=verdict.outcome.value,
            stopped=None if verdict.stopped is None else verdict.stopped.value,
            repeats=verdict.repeats,
            searches=verdict.searches,
            repeats_needed=verdict.repeats_needed,
            searches_needed=verdict.searches_needed,
            rows_needed=verdict.rows_needed,
            metric=verdict.metric,
            alpha=verdict.alpha,
            level=verdict.level,
            region=verdict.region,
            region_rule=verdict.region_rule,
            baseline=BaselineOut.from_scores(verdict.baseline) if verdict.baseline else None,
            comparisons=[ComparisonOut.from_comparison(row) for row in verdict.comparisons],
            network=NetworkOut.from_network(verdict.network) if verdict.network else None,
            test=TestOut.from_holdout(verdict.test) if verdict.test else None,
            sentence=verdict.sentence,
        )
