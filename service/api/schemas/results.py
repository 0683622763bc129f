"""The results of a study: what API.md promises, filled from what the worker stored."""

from pydantic import Field

from search.study import Phase, StudyState
from service.api.schemas.base import ResponseModel
from service.api.schemas.evidence import (
    ActivationRowOut,
    InteractionOut,
    SlopeEffectOut,
    TrialSummaryOut,
    VerdictOut,
)
from service.api.schemas.study_out import LinksOut, ProgressOut
from storage.results import StoredResults
from storage.rows.study_rows import StudyRow


class ResultsOut(ResponseModel):
    """Best configurations, a row an activation, and what matters."""

    study_id: str = Field(description="Of the study.")
    state: StudyState = Field(description="As in the study.")
    phase: Phase | None = Field(description="As in the study.")
    progress: ProgressOut = Field(description="As in the study.")
    best: TrialSummaryOut | None = Field(description="The best complete trial; null before one.")
    front: list[TrialSummaryOut] = Field(description="With two objectives, the Pareto front.")
    by_activation: list[ActivationRowOut] = Field(description="A row an activation, best first.")
    importances: dict[str, float] = Field(description="Axis -> share by fANOVA, at the end.")
    interactions: dict[str, InteractionOut] = Field(
        description="`activation x initializer` and `activation x depth`, at the end."
    )
    slope_effect: list[SlopeEffectOut] = Field(
        description="A row a searched slope, alpha or beta, at the end."
    )
    verdict: VerdictOut | None = Field(description="null until confirmed.")
    links: LinksOut = Field(description="Where to go from here.")

    @classmethod
    def from_stored(cls, row: StudyRow, stored: StoredResults) -> "ResultsOut":
        """Return the stored document of the study `row` in the wire format."""
        document = stored.document
        return cls(
            study_id=row.id,
            state=row.state,
            phase=row.phase,
            progress=ProgressOut.from_progress(row.progress),
            best=document.get("best"),
            front=document.get("front", []),
            by_activation=document.get("by_activation", []),
            importances=document.get("importances", {}),
            interactions=document.get("interactions", {}),
            slope_effect=document.get("slope_effect", []),
            verdict=document.get("verdict"),
            links=LinksOut.from_row(row),
        )
