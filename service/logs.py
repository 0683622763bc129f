"""Log lines on standard error, made by structlog: an event, and fields that say of what.

JSON, one object a line, where a program reads them; in words where standard error is a terminal.
Lines of one request carry its `request_id`, and `study_id` where it is about one; those of a worker
carry the `worker` and the study that it runs.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, cast

import optuna
import structlog

from service.settings import LogFormat, LogLevel

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

#: What every line gets, ours and those of libraries alike.
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def get_log(name: str, **fields: object) -> FilteringBoundLogger:
    """Return a logger whose calls take fields; `fields` are on every line of it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    return cast("FilteringBoundLogger", structlog.get_logger(name, **fields))


def set_up_logs(level: LogLevel, form: LogFormat = LogFormat.AUTO) -> None:
    """Send every record of this process to standard error in our format. Call once, in `main`."""
    in_words = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_WORDS if in_words else _JSON),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("alembic", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    quieten_optuna()


_WORDS: tuple[Processor, ...] = (structlog.dev.ConsoleRenderer(),)
_JSON: tuple[Processor, ...] = (
    # A traceback is a field, so that it stays on the line of its event.
    structlog.processors.format_exc_info,
    structlog.processors.EventRenamer("event"),
    structlog.processors.JSONRenderer(default=str),
)


def quieten_optuna() -> None:
    """Limit Optuna to warnings; it would log every in-memory study, one for each pruned arm."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
