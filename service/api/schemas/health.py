"""Whether the service lives and whether it can work."""

from pydantic import Field

from service.api.schemas.base import ResponseModel


class AliveOut(ResponseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])
    version: str


class ReadyOut(ResponseModel):
    """What the service needs in order to work."""

    status: str = Field(examples=["ready"])
    database: bool
    workers: int = Field(description="Workers that gave a sign of life lately.")
