"""Datasets in answers."""

from typing import Any

from pydantic import Field

from search.data.datasets import ColumnKind, ColumnReport, ColumnRole, DatasetSummary
from search.study import Task
from service.api.schemas.base import ResponseModel


class ColumnOut(ResponseModel):
    """What one column of a table was taken for."""

    name: str = Field(description="As in the table.", examples=["height"])
    role: ColumnRole = Field(
        description="As the upload says; `feature` where it says nothing, even if the column is "
        "left out."
    )
    kind: ColumnKind = Field(description="What it was taken for.")
    used: bool = Field(description="Whether networks learn from it, are split by it or learn it.")
    reason: str = Field(description="Why it was taken for that.")
    missing: int = Field(description="Cells that are missing, or count as missing.")
    examples: list[str] = Field(description="First different cells as written.")

    @classmethod
    def from_report(cls, report: ColumnReport) -> "ColumnOut":
        """Return `report` in the wire format."""
        return cls(**{name: getattr(report, name) for name in cls.model_fields})


class DatasetOut(ResponseModel):
    """The facts of a dataset."""

    id: str = Field(description="Opaque; the name of a built-in one.", examples=["digits"])
    name: str = Field(description="For people.")
    builtin: bool = Field(description="True for those that come with the service.")
    task: Task = Field(description="Inferred from the target unless it was given.")
    target: str = Field(description="The column that is predicted.")
    rows: int = Field(description="Rows with a target.")
    features: int = Field(description="Columns that are learned from.")
    feature_names: list[str] = Field(description="Their names, as in the table.")
    classes: list[str] = Field(description="Labels; of two the second is the positive one.")
    class_counts: list[int] = Field(description="Rows of each class.")
    notes: list[str] = Field(description="What was done to the table on the way in, and warnings.")
    description: str = Field(description="What it is and where it comes from; empty for uploads.")
    groups: int | None = Field(
        description="Groups of rows that no split divides; null where every row is one of its own."
    )
    columns: list[ColumnOut] = Field(
        description="What each column was taken for, and why; empty for built-in datasets."
    )

    @classmethod
    def from_summary(cls, summary: DatasetSummary, *, builtin: bool) -> "DatasetOut":
        """Return `summary` in the wire format."""
        names = set(cls.model_fields) - {"builtin", "columns"}
        return cls(
            builtin=builtin,
            columns=[ColumnOut.from_report(report) for report in summary.columns],
            **{name: getattr(summary, name) for name in names},
        )


class DatasetPage(ResponseModel):
    """A page of datasets: the built-in ones, then uploads, newest first."""

    items: list[DatasetOut] = Field(description="The datasets.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page.")


class PreviewOut(ResponseModel):
    """The first rows of a dataset as they were read."""

    columns: list[ColumnOut] = Field(description="As of the dataset.")
    rows: list[dict[str, Any]] = Field(
        description="Values by column, the target among them: numbers, texts, and null where a "
        "value is missing; columns that were left out are absent."
    )
