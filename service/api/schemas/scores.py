"""Scores and configurations on the wire, as several models show them."""

from pydantic import Field

from service.api.schemas.base import ResponseModel, Scalar

#: Axis -> value of one configuration.
Params = dict[str, Scalar]
#: Metric -> score; null where it was not finite.
Scores = dict[str, float | None]


class ScoresOut(ResponseModel):
    """Scores over the resamples of the confirmation, in the metric's units and direction."""

    n: int | None = Field(description="Resamples: repeats x folds.")
    mean: float | None = Field(description="Mean score.")
    sd: float | None = Field(description="Standard deviation over the resamples.")
    worst: float | None = Field(
        description="Worst single run; a run that failed counts as the worst of its resample."
    )
    ci_low: float | None = Field(
        description="95 % interval of the mean, cut off where no score can be."
    )
    ci_high: float | None = Field(description="Its upper end.")
