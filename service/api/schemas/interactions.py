"""Interactions and effects of slopes on the wire.

Points are dictionaries, since results hold thousands of them: as models they would take five times
as long to make.
"""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from search.study.results import (
    Effect,
    Interaction,
    InteractionCell,
    SlopeEffect,
)
from service.api.schemas.base import ResponseModel


class CellOut(ResponseModel):
    """Complete trials of one activation with one initializer, or of one depth."""

    activation: str = Field(description="Its name.")
    initializer: str | None = Field(
        default=None, description="Its name, in the table of initializers."
    )
    depth: int | str | None = Field(
        default=None, description="Hidden layers, in the table of depths.", examples=[3, "5-8"]
    )
    count: int = Field(description="Complete trials.")
    mean: float = Field(description="Mean of their first objective.")
    best: float = Field(description="The best of them.")

    @classmethod
    def from_cell(cls, cell: InteractionCell) -> "CellOut":
        """Return `cell` in the wire format."""
        return cls(
            activation=cell.activation,
            initializer=cell.initializer,
            depth=cell.depth,
            count=cell.count,
            mean=cell.mean,
            best=cell.best,
        )


class InteractionOut(ResponseModel):
    """A table of two axes."""

    cells: list[CellOut] = Field(description="A row a combination that was tried.")
    share: float | None = Field(
        description="Share of the variance of ranks beyond both axes added up."
    )
    p_value: float | None = Field(description="F test of that share; exploratory.")

    @classmethod
    def from_interaction(cls, table: Interaction) -> "InteractionOut":
        """Return `table` in the wire format."""
        return cls(
            cells=[CellOut.from_cell(cell) for cell in table.cells],
            share=table.share,
            p_value=table.p_value,
        )


class PointOut(TypedDict):
    """One complete trial."""

    x: Annotated[float, Field(description="The number of the activation.")]
    value: Annotated[float, Field(description="First objective.")]
    number: Annotated[int, Field(description="Of the trial.")]


class CurvePointOut(TypedDict):
    """One point of a smooth curve."""

    x: Annotated[float, Field(description="The number of the activation.")]
    value: Annotated[float, Field(description="First objective, smoothed.")]


class EffectOut(ResponseModel):
    """First objective against a number of an activation."""

    points: list[PointOut] = Field(description="One a complete trial.")
    curve: list[CurvePointOut] = Field(description="Smoothing spline; empty with few points.")

    @classmethod
    def from_effect(cls, effect: Effect | None) -> "EffectOut | None":
        """Return `effect` in the wire format; None for None."""
        if effect is None:
            return None
        return cls(
            points=[
                PointOut(x=point.x, value=point.value, number=point.number)
                for point in effect.points
            ],
            curve=[CurvePointOut(x=point.x, value=point.value) for point in effect.curve],
        )


class SlopeEffectOut(ResponseModel):
    """What a searched slope, alpha or beta does."""

    axis: str = Field(description="Its name.", examples=["prelu_slope"])
    activation: str = Field(description="The activation it belongs to.")
    parameter: str = Field(description="Its name within the activation.")
    initial: EffectOut | None = Field(description="Against the value training began with.")
    learned: EffectOut | None = Field(description="Against its mean over layers after training.")

    @classmethod
    def from_effect(cls, effect: SlopeEffect) -> "SlopeEffectOut":
        """Return `effect` in the wire format."""
        return cls(
            axis=effect.axis,
            activation=effect.activation,
            parameter=effect.parameter,
            initial=EffectOut.from_effect(effect.initial),
            learned=EffectOut.from_effect(effect.learned),
        )
