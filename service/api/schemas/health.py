"""Whether the service lives and whether it can work."""

from pydantic import Field

from service.api.schemas.base import ResponseModel


class AliveOut(ResponseModel):
    """The process answers."""

    status: str = Field(description="Always `alive`.", examples=["alive"])
    version: str = Field(description="Of the service.")


class ReadyOut(ResponseModel):
    """What the service needs in order to work."""

    status: str = Field(description="Always `ready`.", examples=["ready"])
    database: bool = Field(description="Whether the database answers.")
    workers: int = Field(description="Workers that gave a sign of life lately.")
