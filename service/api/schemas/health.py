"""Liveness and readiness."""

from pydantic import Field

from service.api.schemas.base import ResponseModel


class AliveOut(ResponseModel):
    """The process is alive."""

    status: str = Field(description="Always `alive`.", examples=["alive"])
    version: str = Field(description="Of the service.")


class ReadyOut(ResponseModel):
    """State of the database and of the workers."""

    status: str = Field(description="Always `ready`.", examples=["ready"])
    database: bool = Field(description="Whether the database answers.")
    workers: int = Field(description="Workers that gave a sign of life lately.")
