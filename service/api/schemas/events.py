"""Events of a study that are no schema of another answer."""

from pydantic import Field

from search.study import Phase, StudyState
from service.api.schemas.base import ResponseModel


class StateEventOut(ResponseModel):
    """What a study is doing, the data of the event `state`."""

    state: StudyState = Field(description="As in the study.")
    phase: Phase | None = Field(description="As in the study.")
    error: str | None = Field(description="As in the study.")
