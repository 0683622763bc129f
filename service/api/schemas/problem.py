"""Problem details: the body of every error (RFC 9457)."""

from pydantic import Field

from service.api.schemas.base import ResponseModel


class ErrorOut(ResponseModel):
    """One broken rule."""

    pointer: str = Field(
        description="JSON pointer into the body, or `query:name`, `path:name`, `header:name`.",
        examples=["/dataset"],
    )
    detail: str = Field(description="The value, the rule and the way out.")


class ProblemOut(ResponseModel):
    """An error, for people in `detail` and for programs in `type` and `errors`."""

    type: str = Field(
        description="Kind of problem, a URN.",
        examples=["urn:activation-search:problem:unknown-choice"],
    )
    title: str = Field(description="Kind of problem, in words.")
    status: int = Field(description="The HTTP status again.")
    detail: str = Field(description="What went wrong, as a sentence.")
    errors: list[ErrorOut] | None = Field(
        default=None, description="Each broken rule, for input that breaks any."
    )
