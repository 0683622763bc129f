"""Tables as people bring them, read without danger to the process that asks.

843 bytes of Parquet can hold a table that fills the memory, and a row of two million columns takes
minutes. So a file is read in a bounded process of its own (`service/bounded_process.py`), unless it
is text so short that no cell of it can cost much.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

from search.data.datasets import ColumnKind, ColumnReport, ColumnRole, DatasetSummary
from search.data.table_limits import TableLimits
from search.errors import InvalidDataset
from search.study import Task
from service.bounded_process import BeyondLimits, BoundedProcess, Limits, ProcessFailed
from service.logs import get_log

#: A summary as JSON, and rows of a table by column.
Facts: TypeAlias = dict[str, Any]
Rows: TypeAlias = list[dict[str, Any]]

#: Text of at most this size, with at most so many separators a line, is read where it is asked for.
_SHORT_BYTES = 64 * 2**10
_SHORT_SEPARATORS = 256
_BINARY = (b"PAR1", b"PK", b"\x1f\x8b", b"\xd0\xcf")
_MEBIBYTE = 2**20
#: What a process may reserve beyond what it uses: Arrow reserves 1 GB for 3,000 columns of text.
_RESERVED_BYTES = 1536 * _MEBIBYTE
_WATCH_S = 0.01
#: Linux's counts of this process's pages; the second is of those in memory.
_MEMORY = Path("/proc/self/statm")
#: Last words of a process that ends itself for want of memory.
_BEYOND = "beyond the memory of a reading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file, and how it is to be read; as `search.data.dataset_builder.read_table` takes it."""

    content: bytes
    target: str
    task: Task | None = None
    columns: Mapping[str, ColumnRole]
    name: str = ""
    dataset_id: str = ""
    filename: str = ""

    def options(self) -> Facts:
        """Return everything but the content, as JSON."""
        return {
            "target": self.target,
            "task": None if self.task is None else self.task.value,
            "columns": {name: role.value for name, role in self.columns.items()},
            "name": self.name,
            "dataset_id": self.dataset_id,
            "filename": self.filename,
        }


class TableReader:
    """Reads tables; one object is shared by all threads, and bounds how many are read at once."""

    def __init__(
        self, shape: TableLimits, *, bytes_: int, memory_bytes: int, seconds: float, at_once: int
    ) -> None:
        """`bytes_` of a file, plain or decompressed; `memory_bytes` and `seconds` of a reading."""
        self._bounds: Facts = {"limit": bytes_, "shape": asdict(shape), "memory": memory_bytes}
        self._process = BoundedProcess(
            Limits(memory_bytes=memory_bytes + _RESERVED_BYTES, seconds=seconds, at_once=at_once),
            purpose="reading the table",
            way_out="bring fewer rows or columns, or raise ACTIVATION_SEARCH_READ_SECONDS",
        )
        self._beyond_memory = (
            f"reading the table took more than {memory_bytes // _MEBIBYTE} MiB of memory, which is "
            "the limit; bring fewer rows or columns, or raise ACTIVATION_SEARCH_READ_MEMORY_BYTES"
        )

    def describe(self, table: Table, *, as_task: Task | None = None) -> DatasetSummary:
        """Return the facts of a table, once read for the task `as_task` where one is given.

        Raises as `read_table` and `with_task`, and NotReady where too many wait.
        """
        other = None if as_task is None else as_task.value
        options = {**table.options(), "as_task": other}
        return read_summary(self._run(describe_table, table.content, options))

    def first_rows(self, table: Table, rows: int) -> Rows:
        """Return the first rows as read, by column; raises as `describe`."""
        found: Rows = self._run(first_rows_of, table.content, {**table.options(), "rows": rows})
        return found

    def look(self, content: bytes, filename: str) -> Facts:
        """Return `rows`, `notes` and `columns`, each with `name` and `examples`, of any table.

        Before anyone has said what its target is. Raises as `describe`.
        """
        found: Facts = self._run(look_at, content, {"filename": filename})
        return found

    def _run(self, function: Callable[[bytes, Facts], Any], content: bytes, options: Facts) -> Any:
        options |= self._bounds
        if _is_short(content):
            return function(content, options)
        try:
            return self._process.run(function, content, {**options, "is_alone": True})
        except BeyondLimits as error:
            detail = self._beyond_memory if "of memory" in str(error) else str(error)
            raise InvalidDataset(detail, pointer="/file") from error
        except ProcessFailed as error:
            if _BEYOND in error.words:
                raise InvalidDataset(self._beyond_memory, pointer="/file") from error
            # Libraries crash on damaged files.
            get_log(__name__).warning("reading a table failed", words=error.words)
            raise InvalidDataset(
                f"{error}; the file may be damaged: write it again, or bring it as CSV",
                pointer="/file",
            ) from error


def describe_table(content: bytes, options: Facts) -> Facts:
    """Return the facts of a table, as JSON; runs in a bounded process."""
    dataset = _read(content, options)
    from search.data.dataset_builder import with_task  # noqa: PLC0415 - loads pandas

    other = options["as_task"]
    return asdict(with_task(dataset, None if other is None else Task(other)).describe())


def first_rows_of(content: bytes, options: Facts) -> Rows:
    """Return the first `rows` of a table, as JSON; runs in a bounded process."""
    return rows_of(_read(content, options), options["rows"])


def look_at(content: bytes, options: Facts) -> Facts:
    """Return what a table holds, as JSON; runs in a bounded process."""
    from search.data.file_formats import parse_file  # noqa: PLC0415 - loads pandas

    _watch(options)
    shape = TableLimits(**options["shape"])
    parsed = parse_file(content, filename=options["filename"], limit=options["limit"], shape=shape)
    return {
        "rows": len(parsed.frame),
        "notes": list(parsed.notes),
        "columns": [
            {"name": str(name), "examples": [str(cell) for cell in column.dropna().unique()[:3]]}
            for name, column in parsed.frame.items()
        ],
    }


def rows_of(dataset: Any, rows: int) -> Rows:
    """Return the first rows of a Dataset by column; missing values are None, classes labels."""
    table = dataset.features.head(rows).astype(object)
    values = table.where(table.notna(), None).to_dict("records")
    y = dataset.y[:rows].tolist()
    labels = [dataset.classes[code] for code in y] if dataset.classes else y
    return [
        {**{str(name): value for name, value in row.items()}, dataset.target: label}
        for row, label in zip(values, labels, strict=True)
    ]


def read_summary(facts: Facts) -> DatasetSummary:
    """Return a summary from JSON."""
    words = ("feature_names", "classes", "class_counts", "notes", "class_groups")
    return DatasetSummary(
        **{
            **facts,
            **{name: tuple(facts[name]) for name in words},
            "task": Task(facts["task"]),
            "columns": tuple(map(read_report, facts["columns"])),
        }
    )


def read_report(column: Mapping[str, Any]) -> ColumnReport:
    """Return the report of a column from JSON."""
    return ColumnReport(
        **{
            **column,
            "role": ColumnRole(column["role"]),
            "kind": ColumnKind(column["kind"]),
            "examples": tuple(column["examples"]),
        }
    )


def _read(content: bytes, options: Facts) -> Any:
    _watch(options)
    from search.data.dataset_builder import read_table  # noqa: PLC0415 - loads pandas

    names = ("target", "name", "dataset_id", "filename", "limit")
    return read_table(
        content,
        task=None if options["task"] is None else Task(options["task"]),
        columns={name: ColumnRole(role) for name, role in options["columns"].items()},
        shape=TableLimits(**options["shape"]),
        **{name: options[name] for name in names},
    )


def _is_short(content: bytes) -> bool:
    return (
        len(content) <= _SHORT_BYTES
        and not content.startswith(_BINARY)
        and all(
            max(map(line.count, (b",", b";", b"\t", b"|", b" "))) <= _SHORT_SEPARATORS
            for line in content.splitlines()
        )
    )


def _watch(options: Facts) -> None:
    """In a process that only reads this table, end it where it uses more memory than allowed.

    The limit that the system holds is on memory reserved, of which Arrow takes three times what it
    uses.
    """
    if options.get("is_alone"):
        # Before Arrow is loaded: its own allocator would keep what it frees.
        os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
        if _MEMORY.exists():
            Thread(target=_end_beyond, args=(options["memory"],), daemon=True).start()


def _end_beyond(memory_bytes: int) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        used = int(_MEMORY.read_text().split()[1]) * page
        if used > memory_bytes:
            os.write(sys.stderr.fileno(), _BEYOND.encode())
            os._exit(1)
        time.sleep(_WATCH_S)
