"""The results of a study: what API.md promises, filled from what the worker stored."""

from typing import Any

from pydantic import Field

from search.study import Phase, StudyState
from service.schemas.base import ResponseModel
from service.schemas.study_out import LinksOut, ProgressOut
from storage.results import StoredResults
from storage.study_rows import StudyRow


class ResultsOut(ResponseModel):
    """Best configurations, a row an activation, and what matters."""

    study_id: str
    state: StudyState
    phase: Phase | None
    progress: ProgressOut
    best: dict[str, Any] | None = Field(description="The best complete trial; null before one.")
    front: list[dict[str, Any]] = Field(description="With two objectives, the Pareto front.")
    by_activation: list[dict[str, Any]] = Field(description="A row an activation, best first.")
    importances: dict[str, float] = Field(description="Axis -> share; filled at the end.")
    verdict: dict[str, Any] | None = Field(description="null until confirmed.")
    links: LinksOut

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
            verdict=document.get("verdict"),
            links=LinksOut.from_row(row),
        )
