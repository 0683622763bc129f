"""Datasets in answers."""

from pydantic import Field

from search.data.datasets import DatasetSummary
from search.study import Task
from service.api.schemas.base import ResponseModel


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
    notes: list[str] = Field(description="What was done to the table on the way in.")
    description: str = Field(description="What it is and where it comes from; empty for uploads.")

    @classmethod
    def from_summary(cls, summary: DatasetSummary, *, builtin: bool) -> "DatasetOut":
        """Return `summary` in the wire format."""
        names = set(cls.model_fields) - {"builtin"}
        return cls(builtin=builtin, **{name: getattr(summary, name) for name in names})


class DatasetPage(ResponseModel):
    """A page of datasets: the built-in ones, then uploads, newest first."""

    items: list[DatasetOut] = Field(description="The datasets.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page.")
