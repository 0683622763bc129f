"""A study in answers, and pages of studies."""

from typing import Annotated

from pydantic import Field

from search.study import Phase, Progress, StudyState
from service.api.schemas.base import ResponseModel, UtcTime
from service.api.schemas.study import StudyModel
from storage.rows.study_rows import StudyRow
from storage.sql.pagination import Page


class ProgressOut(ResponseModel):
    """How far a study is."""

    trials_total: int = Field(description="Trials that the study will have.")
    trials_finished: int = Field(description="Complete, pruned or failed.")
    trials_pruned: int = Field(description="Ended early by the pruner or by a finding.")
    trials_failed: int = Field(description="Ended without scores, or cancelled.")
    trials_running: int = Field(description="In training now.")
    trials_per_second: float | None = Field(description="Measured; null before there is a rate.")
    seconds_left: float | None = Field(
        description="Estimate to the end of the search; null before there is a rate."
    )
    best_value: float | None = Field(description="Best value of the first objective.")
    confirmations_total: int = Field(description="Trainings of the confirmation; 0 before it.")
    confirmations_finished: int = Field(description="Of them, those that have ended.")

    @classmethod
    def from_progress(cls, progress: Progress) -> "ProgressOut":
        """Return `progress` in the wire format."""
        return cls(**{name: getattr(progress, name) for name in cls.model_fields})


class LinksOut(ResponseModel):
    """Paths of what belongs to a study."""

    self: Annotated[str, Field(description="The study.", examples=["/v1/studies/st_k3fxw8mq2abz"])]
    results: str = Field(description="Its results.")
    trials: str = Field(description="Its trials.")
    dashboard: str = Field(description="The study in the Optuna dashboard.")

    @classmethod
    def from_row(cls, row: StudyRow) -> "LinksOut":
        """Return the links of the study `row`."""
        here = f"/v1/studies/{row.id}"
        return cls(
            self=here,
            results=f"{here}/results",
            trials=f"{here}/trials",
            dashboard=f"/dashboard/studies/{row.optuna_id}",
        )


class StudyOut(ResponseModel):
    """A study and how far it is."""

    id: str = Field(description="Opaque.", examples=["st_k3fxw8mq2abz"])
    name: str = Field(description="As given; made of the dataset's name if left out.")
    state: StudyState = Field(description="Where it stands.")
    phase: Phase | None = Field(description="What a running study is doing.")
    dataset: str = Field(description="Name or id of the dataset.")
    spec: StudyModel = Field(description="The study as asked for, defaults filled in.")
    progress: ProgressOut = Field(description="How far it is.")
    created_at: UtcTime = Field(description="When it was queued.")
    started_at: UtcTime | None = Field(description="When a worker first took it; null before.")
    finished_at: UtcTime | None = Field(description="When it ended; null before.")
    error: str | None = Field(
        description="Why a failed study failed, or what an unfinished one waits for: a full disk, "
        "say. A sentence."
    )
    note: str | None = Field(
        description="What else a reader has to know: that an interrupted search could not be "
        "repeated up to where it was, say. A sentence."
    )
    links: LinksOut = Field(description="Where to go from here.")

    @classmethod
    def from_row(cls, row: StudyRow, *, fault: str | None = None) -> "StudyOut":
        """Return `row` in the wire format; `fault` is why nothing can be recorded now."""
        return cls(
            id=row.id,
            name=row.name,
            state=row.state,
            phase=row.phase,
            dataset=row.dataset,
            spec=StudyModel.from_spec(row.spec),
            progress=ProgressOut.from_progress(row.progress),
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            error=row.error or fault,
            note=row.note,
            links=LinksOut.from_row(row),
        )


class StudyPage(ResponseModel):
    """A page of studies, newest first."""

    items: list[StudyOut] = Field(description="The studies.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page.")

    @classmethod
    def from_page(cls, page: Page[StudyRow]) -> "StudyPage":
        """Return `page` in the wire format."""
        return cls(
            items=[StudyOut.from_row(row) for row in page.items], next_cursor=page.next_cursor
        )
