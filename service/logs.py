"""Structured log lines on standard error: `time level logger event key=value ...`."""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import optuna

from service.settings import LogLevel


class LineFormatter(logging.Formatter):
    """Formats the message and the fields passed as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; an exception's traceback follows on lines of its own."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = getattr(record, "fields", {})
        parts = [when, record.levelname.lower(), record.name, record.getMessage()]
        parts += [f"{name}={json.dumps(value, default=str)}" for name, value in fields.items()]
        line = " ".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class FieldsAdapter(logging.LoggerAdapter[logging.Logger]):
    """Passes keyword arguments of a log call on as fields: `log.info("claimed", study=id)`."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Separate the arguments of `logging` itself from the fields."""
        own = {key: kwargs.pop(key) for key in ("exc_info", "stack_info") if key in kwargs}
        return msg, {**own, "extra": {"fields": {**(self.extra or {}), **kwargs}}}


def get_log(name: str, **fields: object) -> FieldsAdapter:
    """Return a logger whose calls take fields; `fields` are on every line of it."""
    return FieldsAdapter(logging.getLogger(name), fields)


def set_up_logs(level: LogLevel) -> None:
    """Send every record of this process to standard error in our format. Call once, in `main`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("alembic", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    quieten_optuna()


def quieten_optuna() -> None:
    """Limit Optuna to warnings; it would log every in-memory study, one for each pruned arm."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
