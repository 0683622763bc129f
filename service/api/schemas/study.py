"""A study as requested, and its mapping to `StudySpec`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from search.study import (
    Axis,
    Budget,
    Choices,
    Evaluation,
    Expression,
    ParamValue,
    PrunerScope,
    PrunerSpec,
    Question,
    Range,
    SamplerSpec,
    StudySpec,
    Task,
)
from search.study_checks import LEAST_TRIALS_PER_SEARCH, TRIALS_PER_SEARCH
from service.api.schemas.base import Number, RequestModel, Scalar, Text
from service.api.schemas.expression import ExpressionModel

MAX_CHOICES = 100
MAX_AXES = 100
MAX_TRIALS = 100_000
MAX_EPOCHS = 10_000
MAX_REPEATS = 100
MAX_SEARCHES = 20
MAX_SECONDS = 30 * 24 * 3600.0

EXAMPLE_SMALL: dict[str, Any] = {"dataset": "digits"}
EXAMPLE_FULL: dict[str, Any] = {
    "name": "digits, which activation?",
    "dataset": "digits",
    "space": {
        "activation": ["relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "tanh"],
        "prelu_slope": {"low": 0.0, "high": 0.5},
        "initializer": ["xavier_uniform", "kaiming_normal", "lecun_normal", "scaled_orthogonal"],
        "depth": {"low": 1, "high": 8},
        "width": [32, 64, 128],
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    },
    "sampler": {"name": "tpe", "seed": 0, "min_trials_per_activation": None},
    "pruner": {"name": "successive_halving", "scope": "activation"},
    "budget": {"trials": 960, "epochs": 30, "seconds": None},
    "question": "activation",
    "evaluation": {
        "searches": 4,
        "folds": 3,
        "test_fraction": 0.2,
        "confirm_top": 4,
        "confirm_repeats": 8,
        "region": None,
    },
    "objectives": ["log_loss"],
}


class RangeModel(RequestModel):
    """An axis over a range, ends included."""

    low: Number = Field(description="Least value.")
    high: Number = Field(description="Greatest value.")
    step: Number | None = Field(default=None, description="Grid within the range.")
    log: bool = Field(default=False, strict=True, description="Search on a logarithmic scale.")


def _is_expression(value: Any) -> bool:
    return isinstance(value, ExpressionModel) or (
        isinstance(value, Mapping) and "expression" in value
    )


def _entry_kind(value: Any) -> str:
    return "expression()" if isinstance(value, Mapping | ExpressionModel) else "name()"


def _axis_kind(value: Any) -> str:
    if _is_expression(value):
        return "expression()"
    if isinstance(value, Mapping | RangeModel):
        return "range()"
    return "choices()" if isinstance(value, list) else "fixed()"


#: One choice of an axis; only the axis `activation` has expressions.
Entry = Annotated[
    Annotated[Scalar, Tag("name()")] | Annotated[ExpressionModel, Tag("expression()")],
    Discriminator(_entry_kind),
]
AxisModel = Annotated[
    Annotated[list[Entry], Field(min_length=1, max_length=MAX_CHOICES), Tag("choices()")]
    | Annotated[RangeModel, Tag("range()")]
    | Annotated[ExpressionModel, Tag("expression()")]
    | Annotated[Scalar, Tag("fixed()")],
    Discriminator(_axis_kind),
    Field(description="A list of choices, a range, or one fixed value."),
]


class SamplerModel(RequestModel):
    """Who proposes configurations. `GET /v1/samplers` lists the names."""

    name: Text = Field(
        description="A name from `GET /v1/samplers`.", default="tpe", examples=["tpe"]
    )
    seed: int = Field(
        description="Seed of everything random in the study.",
        default=0,
        strict=True,
        ge=0,
        le=2**31 - 1,
    )
    min_trials_per_activation: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=MAX_TRIALS,
        description="Trials that every arm of a search gets before the sampler may choose the arm; "
        "null: every arm gets the same number, and a sampler of its own.",
    )


class PrunerModel(RequestModel):
    """Who ends hopeless trials early. `GET /v1/pruners` lists the names."""

    name: Text = Field(
        description="A name from `GET /v1/pruners`.",
        default="successive_halving",
        examples=["successive_halving"],
    )
    scope: PrunerScope = Field(
        default=PrunerScope.ACTIVATION,
        description="Whom a trial is compared with: trials of its arm and search, or all.",
    )


class BudgetModel(RequestModel):
    """When the search ends."""

    trials: int | None = Field(
        description="Trials of all searches together, the same number for each arm and search; "
        f"null: {TRIALS_PER_SEARCH} for each.",
        default=None,
        strict=True,
        ge=1,
        le=MAX_TRIALS,
    )
    epochs: int = Field(
        description="Epochs of a trial that is not ended early.",
        default=30,
        strict=True,
        ge=1,
        le=MAX_EPOCHS,
    )
    seconds: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=MAX_SECONDS,
        description="Wall clock of the study; null: no limit.",
    )


class EvaluationModel(RequestModel):
    """How a configuration is judged."""

    searches: int = Field(
        default=4,
        strict=True,
        ge=1,
        le=MAX_SEARCHES,
        description="Independent searches of every arm: what another search would have found. "
        f"Fewer where there are less than {LEAST_TRIALS_PER_SEARCH} trials for each.",
    )
    folds: int = Field(
        default=3,
        strict=True,
        ge=1,
        le=50,
        description="Folds of the cross-validation; 1: one holdout split.",
    )
    test_fraction: float = Field(
        default=0.2,
        strict=True,
        ge=0,
        le=0.5,
        description="Share of the rows that the search never sees.",
    )
    confirm_top: int = Field(
        default=4,
        strict=True,
        ge=0,
        le=50,
        description="Best configurations of each arm and search that race to be its champion; 0: "
        "no confirmation.",
    )
    confirm_repeats: int = Field(
        description="Times at most that each champion is trained again on all folds, with fresh "
        "splits and seeds; fewer where more would tell little.",
        default=8,
        strict=True,
        ge=1,
        le=MAX_REPEATS,
    )
    region: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=1,
        description="The greatest difference without practical meaning: points of a metric that is "
        "a share (0.005: half a point), else a share of the baseline's loss; null: 0.005 and 0.05.",
    )


class ExtensionModel(RequestModel):
    """What to add to a finished study: trials, searches, repeats, or several of them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"repeats": 4}, {"searches": 2}, {"trials": 400}]}
    )

    trials: int = Field(
        default=0, strict=True, ge=0, le=MAX_TRIALS, description="Beyond those already tried."
    )
    searches: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=MAX_SEARCHES,
        description="Independent searches of each arm, each with as many trials as those before.",
    )
    repeats: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=MAX_REPEATS,
        description="Beyond those of the confirmation so far.",
    )


class StudyModel(RequestModel):
    """A study. Only `dataset` is required."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SMALL, EXAMPLE_FULL]})

    dataset: Text = Field(description="A name or id from `GET /v1/datasets`.", examples=["digits"])
    name: Text = Field(default="", description="For people; need not be unique.")
    task: Task | None = Field(default=None, description="null: inferred from the target.")
    space: dict[str, AxisModel] = Field(
        default_factory=dict,
        max_length=MAX_AXES,
        description="Axes that differ from the default space: activation, initializer, gain, "
        "depth, width, learning_rate, weight_decay, dropout, normalization, gradient_clip, "
        "batch_size, optimizer, momentum, scaling, schedule, stopping, patience, and "
        "<activation>_<parameter> of "
        "`GET /v1/activations`.",
    )
    sampler: SamplerModel = Field(default=SamplerModel(), description="Who proposes.")
    pruner: PrunerModel = Field(default=PrunerModel(), description="Who ends trials early.")
    budget: BudgetModel = Field(default=BudgetModel(), description="When the search ends.")
    evaluation: EvaluationModel = Field(
        default=EvaluationModel(), description="How a configuration is judged."
    )
    question: Question = Field(
        default=Question.ACTIVATION,
        description="What is compared: the axis whose values are the arms. A range is cut into "
        "levels; `slope` needs a space of one activation that has a slope, leaky_relu by default.",
    )
    objectives: list[Text] = Field(
        default_factory=list,
        max_length=10,
        description="Metrics to optimise, the first one also prunes; a second one may be "
        "`parameters` or `latency`. Empty: log_loss, or mse for regression.",
        examples=[["log_loss"]],
    )

    @field_validator("space")
    @classmethod
    def _only_activations_are_expressions(cls, space: dict[str, Any]) -> dict[str, Any]:
        for name, axis in space.items():
            if name != "activation" and _expressions(axis):
                raise PydanticCustomError(
                    "expression", "only the axis activation may have expressions"
                )
        return space

    def to_spec(self) -> StudySpec:
        """Return the study as a plain value."""
        return StudySpec(
            expressions=tuple(
                model.to_expression() for model in _expressions(self.space.get("activation"))
            ),
            dataset=self.dataset,
            name=self.name,
            task=self.task,
            space={name: _to_axis(axis) for name, axis in self.space.items()},
            sampler=SamplerSpec(**dict(self.sampler)),
            pruner=PrunerSpec(**dict(self.pruner)),
            question=self.question,
            budget=Budget(**{**dict(self.budget), "trials": self.budget.trials or 0}),
            evaluation=Evaluation(**dict(self.evaluation)),
            objectives=tuple(self.objectives),
        )

    @classmethod
    def from_spec(cls, spec: StudySpec) -> "StudyModel":
        """Return `spec` in the wire format, defaults filled in."""
        return cls(
            dataset=spec.dataset,
            name=spec.name,
            task=spec.task,
            space={
                name: _from_axis(axis, spec.expressions if name == "activation" else ())
                for name, axis in spec.space.items()
            },
            sampler=SamplerModel.model_validate(_fields(spec.sampler)),
            pruner=PrunerModel.model_validate(_fields(spec.pruner)),
            question=spec.question,
            budget=BudgetModel.model_validate(
                {**_fields(spec.budget), "trials": spec.budget.trials or None}
            ),
            evaluation=EvaluationModel.model_validate(_fields(spec.evaluation)),
            objectives=list(spec.objectives),
        )


def _expressions(axis: Any) -> list[ExpressionModel]:
    """Return the expressions among the entries of an axis."""
    entries = axis if isinstance(axis, list) else [axis]
    return [entry for entry in entries if isinstance(entry, ExpressionModel)]


def _to_axis(
    value: list[ParamValue | ExpressionModel] | RangeModel | ExpressionModel | ParamValue,
) -> Axis:
    if isinstance(value, RangeModel):
        return Range(low=value.low, high=value.high, step=value.step, log=value.log)
    entries = value if isinstance(value, list) else [value]
    return Choices(
        values=tuple(
            entry.name if isinstance(entry, ExpressionModel) else entry for entry in entries
        )
    )


def _from_axis(
    axis: Axis, expressions: Sequence[Expression]
) -> list[ParamValue | ExpressionModel] | RangeModel:
    if isinstance(axis, Range):
        return RangeModel.model_validate(_fields(axis))
    own = {one.name: ExpressionModel.from_expression(one) for one in expressions}
    return [own.get(value, value) if isinstance(value, str) else value for value in axis.values]


def _fields(value: object) -> dict[str, Any]:
    """Return the fields of a slotted dataclass, unlike `asdict` not recursively."""
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}  # type: ignore[attr-defined]  # a dataclass
