"""Trials in answers, and requests to try a configuration."""

from typing import Any

from pydantic import ConfigDict, Field

from search.study import Finding, FoldCurve, LayerSnapshot, TrialRecord, TrialRequest, TrialSource
from service.api.schemas.base import RequestModel, ResponseModel, Scalar, UtcTime
from storage.sql.pagination import Page

#: Optuna's states of a trial, in lower case.
TRIAL_STATES = ("running", "complete", "pruned", "fail", "waiting")

EXAMPLE_REQUEST: dict[str, Any] = {
    "params": {"activation": "prelu", "prelu_slope": 0.1, "depth": 4, "learning_rate": 0.003}
}


class TrialRequestModel(RequestModel):
    """A requested configuration; the sampler chooses the axes left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_REQUEST]})

    params: dict[str, Scalar] = Field(max_length=100, description="Axis -> value.")


class TrialRequestOut(ResponseModel):
    """A configuration that is to be tried."""

    id: str = Field(description="The trial that takes it up carries this as `request_id`.")
    params: dict[str, Scalar] = Field(description="Axis -> value, as it will be tried.")

    @classmethod
    def from_request(cls, request: TrialRequest) -> "TrialRequestOut":
        """Return `request` in the wire format."""
        return cls(id=request.id, params=dict(request.params))


class CurveOut(ResponseModel):
    """How one fold of a trial learned; the lists have one entry per evaluation."""

    fold: int = Field(description="Counted from 0.")
    epochs: list[int] = Field(
        description="Epochs, counted from 1, after which the network was evaluated."
    )
    train_loss: list[float | None] = Field(
        description="Mean loss over the minibatches since the evaluation before."
    )
    validation_loss: list[float | None] = Field(description="Loss on the validation rows.")
    validation_score: list[float | None] = Field(description="The first objective.")
    best_epoch: int | None = Field(
        description="Epoch of the network scored last, where `stopping` is `best`; null otherwise."
    )

    @classmethod
    def from_curve(cls, curve: FoldCurve) -> "CurveOut":
        """Return `curve` in the wire format."""
        return cls(**{name: getattr(curve, name) for name in cls.model_fields})


class LayersOut(ResponseModel):
    """The hidden layers after some epoch; 0 is before the first step."""

    epoch: int = Field(description="Counted from 1; 0 is before the first step.")
    statistics: dict[str, list[float | None]] = Field(
        description="Statistic -> one value a layer, the layer next to the data first; mean over "
        "folds.",
        examples=[{"dead_units": [0.0, 0.12], "gradient_norm": [0.3, 0.2]}],
    )

    @classmethod
    def from_snapshot(cls, snapshot: LayerSnapshot) -> "LayersOut":
        """Return `snapshot` in the wire format."""
        statistics: dict[str, list[float | None]] = {
            name: [*values] for name, values in snapshot.statistics.items()
        }
        return cls(epoch=snapshot.epoch, statistics=statistics)


class FindingOut(ResponseModel):
    """Something wrong with a training; the rules are under /v1/findings."""

    name: str = Field(description="A name from `GET /v1/findings`.", examples=["dying_relu"])
    layer: int | None = Field(description="Counted from 1; null for the network as a whole.")
    numbers: dict[str, float | None] = Field(description="What was measured, and the threshold.")
    sentence: str = Field(description="What is wrong, with the numbers.")
    remedy: str = Field(description="What to do, in words of the search space.")

    @classmethod
    def from_finding(cls, finding: Finding) -> "FindingOut":
        """Return `finding` in the wire format."""
        return cls(**{name: getattr(finding, name) for name in cls.model_fields})


class TrialOut(ResponseModel):
    """One trial without its curves."""

    number: int = Field(description="Counted from 0 within the study.")
    state: str = Field(examples=["complete"], description=f"One of {', '.join(TRIAL_STATES)}.")
    source: TrialSource = Field(description="Who proposed it.")
    activation: str = Field(description="Of every hidden layer.")
    params: dict[str, Scalar] = Field(description="The whole configuration, fixed axes included.")
    value: float | None = Field(description="The first objective, mean over folds.")
    values: list[float] | None = Field(description="All objectives, mean over folds.")
    metrics: dict[str, float | None] = Field(description="Every metric at the last evaluation.")
    flags: list[str] = Field(description="What is wrong with the training, in short names.")
    error: str | None = Field(description="Why the trial failed or was ended early.")
    parameters: int = Field(description="Trainable parameters of the network.")
    fit_seconds: float = Field(description="Seconds of training, added up over folds.")
    started_at: UtcTime | None = Field(description="When it was proposed.")
    finished_at: UtcTime | None = Field(description="When it ended; null before.")
    request_id: str | None = Field(
        description="Of the request that asked for it; null where a sampler proposed it."
    )

    @classmethod
    def from_record(cls, trial: TrialRecord) -> "TrialOut":
        """Return `trial` in the wire format, without what only `TrialDetailOut` shows."""
        return cls(**_shared(trial))


class TrialDetailOut(TrialOut):
    """One trial with its curves, the diagnostics of its layers, and what they mean."""

    intermediate_values: dict[int, float | None] = Field(description="Epoch -> first objective.")
    curves: list[CurveOut] = Field(description="One a fold.")
    layers: list[LayersOut] = Field(description="At epoch 0 and at the rungs.")
    findings: list[FindingOut] = Field(description="What is wrong, the worst first.")

    @classmethod
    def from_record(cls, trial: TrialRecord) -> "TrialDetailOut":
        """Return `trial` whole in the wire format."""
        return cls(
            **_shared(trial),
            intermediate_values=dict(trial.intermediate_values),
            curves=[CurveOut.from_curve(curve) for curve in trial.curves],
            layers=[LayersOut.from_snapshot(snapshot) for snapshot in trial.layers],
            findings=[FindingOut.from_finding(finding) for finding in trial.findings],
        )


class TrialPage(ResponseModel):
    """A page of a study's trials."""

    items: list[TrialOut] = Field(description="The trials.")
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
