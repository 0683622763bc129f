"""Trials as they are shown, and the configuration somebody wants tried."""

from typing import Any

from pydantic import ConfigDict, Field

from search.study import FoldCurve, TrialRecord, TrialRequest, TrialSource
from service.schemas.base import RequestModel, ResponseModel, Scalar, UtcTime
from storage.pages import Page

#: What Optuna calls the states of a trial, in our lower case.
TRIAL_STATES = ("running", "complete", "pruned", "fail", "waiting")

EXAMPLE_REQUEST: dict[str, Any] = {
    "params": {"activation": "prelu", "prelu_slope": 0.1, "depth": 4, "learning_rate": 0.003}
}


class TrialRequestModel(RequestModel):
    """A configuration of one's own; axes that are left out are the sampler's choice."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_REQUEST]})

    params: dict[str, Scalar] = Field(max_length=100, description="Axis -> value.")


class TrialRequestOut(ResponseModel):
    """A configuration that will be tried."""

    id: str = Field(description="The trial that takes it up carries this as `request_id`.")
    params: dict[str, Scalar]

    @classmethod
    def from_request(cls, request: TrialRequest) -> "TrialRequestOut":
        """Return `request` in the wire format."""
        return cls(id=request.id, params=dict(request.params))


class CurveOut(ResponseModel):
    """How one fold of a trial learned; the lists have one entry per evaluation."""

    fold: int
    epochs: list[int]
    train_loss: list[float | None]
    validation_loss: list[float | None]
    validation_score: list[float | None] = Field(description="The first objective.")

    @classmethod
    def from_curve(cls, curve: FoldCurve) -> "CurveOut":
        """Return `curve` in the wire format."""
        return cls(**{name: getattr(curve, name) for name in cls.model_fields})


class TrialOut(ResponseModel):
    """One configuration, as far as it has come."""

    number: int
    state: str = Field(examples=["complete"], description=f"One of {', '.join(TRIAL_STATES)}.")
    source: TrialSource = Field(description="Who proposed it.")
    activation: str
    params: dict[str, Scalar] = Field(description="The whole configuration, fixed axes included.")
    value: float | None = Field(description="The first objective, mean over folds.")
    values: list[float] | None = Field(description="All objectives, mean over folds.")
    metrics: dict[str, float | None] = Field(description="Every metric at the last evaluation.")
    flags: list[str] = Field(description="What is wrong with the training, in short names.")
    error: str | None
    parameters: int = Field(description="Trainable parameters of the network.")
    fit_seconds: float
    started_at: UtcTime | None
    finished_at: UtcTime | None
    request_id: str | None

    @classmethod
    def from_record(cls, trial: TrialRecord) -> "TrialOut":
        """Return `trial` in the wire format, without what only `TrialDetailOut` shows."""
        return cls(**_shared(trial))


class TrialDetailOut(TrialOut):
    """One trial with its curves and the diagnostics of its layers."""

    intermediate_values: dict[int, float | None] = Field(description="Epoch -> first objective.")
    curves: list[CurveOut]
    layers: dict[str, list[float | None]] = Field(
        description="Statistic -> one value a layer, the layer next to the data first."
    )

    @classmethod
    def from_record(cls, trial: TrialRecord) -> "TrialDetailOut":
        """Return `trial` whole in the wire format."""
        return cls(
            **_shared(trial),
            intermediate_values=dict(trial.intermediate_values),
            curves=[CurveOut.from_curve(curve) for curve in trial.curves],
            layers={name: list(values) for name, values in trial.layers.items()},
        )


class TrialPage(ResponseModel):
    """Some trials of a study."""

    items: list[TrialOut]
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page.")

    @classmethod
    def from_page(cls, page: Page[TrialRecord]) -> "TrialPage":
        """Return `page` in the wire format."""
        return cls(
            items=[TrialOut.from_record(trial) for trial in page.items],
            next_cursor=page.next_cursor,
        )


def _shared(trial: TrialRecord) -> dict[str, Any]:
    names = ("number", "source", "activation", "error", "parameters", "fit_seconds",
             "started_at", "finished_at", "request_id")  # fmt: skip
    return {
        **{name: getattr(trial, name) for name in names},
        "state": trial.state.name.lower(),
        "params": dict(trial.params),
        "value": trial.values[0] if trial.values else None,
        "values": list(trial.values) if trial.values else None,
        "metrics": dict(trial.metrics),
        "flags": list(trial.flags),
    }
