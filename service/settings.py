"""Settings of a deployment, from the environment (`ACTIVATION_SEARCH_...`) or in code."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from search.errors import InvalidInput, UnknownChoice
from search.training.backend import EngineName
from search.training.device import Device, parse_device

PREFIX = "ACTIVATION_SEARCH_"
#: Variables that commands for a running service read; no settings of a deployment.
_OF_CLIENTS = (f"{PREFIX}URL", f"{PREFIX}KEY")


class ExecutorName(StrEnum):
    """What runs the segments of a study."""

    #: Training processes of this machine.
    LOCAL = "local"
    #: Tasks of a Ray cluster.
    RAY = "ray"


class LogLevel(StrEnum):
    """Least severity of the log lines."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


def _known_device(wanted: str) -> str:
    try:
        parse_device(wanted)
    except InvalidInput as error:
        # Of the kind that pydantic expects of a validator.
        raise ValueError(str(error)) from error
    return wanted


def _split(value: object) -> object:
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


#: Words; separated by commas in the environment.
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """All settings, with defaults that work on a laptop; `load_settings` reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    #: Address the server listens on.
    host: str = "127.0.0.1"
    #: Port the server listens on; 0 lets the system choose.
    port: int = Field(default=8000, ge=0, le=65535)
    #: Names under which browsers may ask for this server, besides its own and any address.
    allowed_hosts: Words = ()
    #: Origins of foreign pages that may read and write, such as `https://lab.example`.
    allowed_origins: Words = ()
    #: Folder of the database file.
    data_dir: Path = Path("data")
    #: SQLAlchemy URL; None: a SQLite file in `data_dir`.
    database_url: str | None = None
    #: Training processes of one worker; None: one a core, or one a GPU.
    processes: int | None = Field(default=None, ge=1, le=1024)
    #: Device of the training: auto (GPUs where there are any), cpu, cuda (all GPUs) or cuda:1.
    device: Annotated[str, AfterValidator(_known_device)] = Device.CPU
    #: Engine of the training; auto: compiled loops on a processor, torch's kernels on a GPU.
    engine: EngineName = EngineName.AUTO
    #: What runs the training: processes of this machine, or a Ray cluster at RAY_ADDRESS.
    executor: ExecutorName = ExecutorName.LOCAL
    #: Cores and GPUs of the cluster that one segment reserves; of a GPU it may be a share.
    ray_cpus: float = Field(default=1.0, gt=0, le=1024)
    ray_gpus: float = Field(default=0.0, ge=0, le=64)
    #: Times as many trials under way as a small machine needs, for many processes. What is proposed
    #: depends on it.
    ahead: int = Field(default=1, ge=1, le=256)
    #: Whether matrix products on a GPU may round factors to TF32: quicker, to three digits.
    tf32: bool = False
    #: Seconds after which a silent worker loses its study to another.
    lease_seconds: float = Field(default=30.0, gt=0, le=3600)
    #: Seconds between two polls of the queue by an idle worker.
    queue_poll_seconds: float = Field(default=0.05, gt=0, le=60)
    #: Seconds between two polls of a study that clients wait for.
    watch_poll_seconds: float = Field(default=0.25, gt=0, le=60)
    #: Niceness of the worker, so that the API answers while all cores train.
    worker_niceness: int = Field(default=5, ge=0, le=19)
    #: True opens the writing routes of the Optuna dashboard, which knows no users or passwords.
    dashboard_writable: bool = False
    #: Largest table that may be uploaded.
    max_upload_bytes: int = Field(default=64 * 2**20, ge=1)
    #: Largest table by its shape; a column costs some milliseconds to read, however short.
    max_table_rows: int = Field(default=2_000_000, ge=1)
    max_table_columns: int = Field(default=3_000, ge=1)
    max_table_cells: int = Field(default=20_000_000, ge=1)
    #: Memory and seconds that reading one table may take, in a process of its own.
    read_memory_bytes: int = Field(default=768 * 2**20, ge=2**28)
    read_seconds: float = Field(default=10.0, gt=0, le=3600)
    #: Tables read at once.
    read_at_once: int = Field(default=1, ge=1, le=64)
    #: Studies that wait for a worker.
    max_queued_studies: int = Field(default=100, ge=1)
    #: Trials of a study, parameters of its largest network, its processor time in seconds.
    max_trials: int = Field(default=100_000, ge=1)
    max_parameters: int = Field(default=10_000_000, ge=1)
    max_study_seconds: float = Field(default=1e6, gt=0)
    #: Uploads kept, and their bytes together.
    max_datasets: int = Field(default=1_000, ge=1)
    max_stored_bytes: int = Field(default=4 * 2**30, ge=1)
    #: Requests of one client, by key or address, in a minute; 0: any number.
    reads_per_minute: int = Field(default=6_000, ge=0)
    writes_per_minute: int = Field(default=120, ge=0)
    #: Connections at once, in all and of one address; a process has 1,024 files on most systems.
    max_connections: int = Field(default=512, ge=1)
    max_connections_a_client: int = Field(default=256, ge=1)
    #: Seconds in which the head of a request must have arrived.
    head_seconds: float = Field(default=10.0, gt=0)
    #: Largest JSON body.
    max_body_bytes: int = Field(default=2**20, ge=1)
    #: Largest table of rows to predict.
    max_prediction_bytes: int = Field(default=256 * 2**20, ge=1)
    log_level: LogLevel = LogLevel.INFO
    #: json, text, or auto: text where standard error is a terminal, else JSON.
    log_format: LogFormat = LogFormat.AUTO

    @property
    def database(self) -> str:
        """The URL to open: the one given, or the SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'activation-search.db'}"

    def environment(self) -> dict[str, str]:
        """Return these settings as environment variables, for a process started from this one."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {
            f"{PREFIX}{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
            for name, value in values.items()
        }


def load_settings(**given: object) -> Settings:
    """Read the environment; arguments that are not None win.

    Raises `UnknownChoice` for a misspelt variable and `InvalidInput` for a value out of range.
    """
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in {*known, *_OF_CLIENTS}:
            raise UnknownChoice("environment variable", variable, known)
    try:
        return Settings.model_validate(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{'_'.join(map(str, first['loc'])).upper()}"
        raise InvalidInput(f"{name} is {first['input']!r}: {first['msg']}") from error
