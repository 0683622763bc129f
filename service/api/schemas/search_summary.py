"""Trials and activations on the wire: the search, and the scores of the confirmation."""

from pydantic import Field

from search.study.results import ActivationSummary, TrialSummary
from service.api.schemas.base import ResponseModel
from service.api.schemas.scores import Params, Scores, ScoresOut


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

    @classmethod
    def from_summary(cls, trial: TrialSummary) -> "TrialSummaryOut":
        """Return `trial` in the wire format."""
        return cls(
            number=trial.number,
            activation=trial.activation,
            params=dict(trial.params),
            values=list(trial.values),
            metrics=dict(trial.metrics),
            parameters=trial.parameters,
            fit_seconds=trial.fit_seconds,
            source=trial.source,
            flags=list(trial.flags),
        )


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

    @classmethod
    def from_summary(cls, row: ActivationSummary) -> "ActivationRowOut":
        """Return `row` in the wire format."""
        return cls(
            n=row.n,
            mean=row.mean,
            sd=row.sd,
            worst=row.worst,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            activation=row.activation,
            trials=row.trials,
            best_value=row.best_value,
            median_value=row.median_value,
            best_number=row.best_number,
            best_params=None if row.best_params is None else dict(row.best_params),
            completed=row.completed,
            failed=row.failed,
            pruned=row.pruned,
            running=row.running,
            failed_share=row.failed_share,
            pruned_share=row.pruned_share,
            flags=dict(row.flags),
            parameters=row.parameters,
            fit_seconds=row.fit_seconds,
            expected_best={str(count): best for count, best in row.expected_best.items()},
            learning_rate_spread=row.learning_rate_spread,
            confirmed_number=row.confirmed_number,
            confirmed_failures=row.confirmed_failures,
        )
