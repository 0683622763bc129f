"""Commands that take the winner home: predict, export."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic_core import to_json
from rich.console import Console
from rich.text import Text

from search.errors import InvalidInput, UnknownChoice
from search.exports.catalog import FORMATS, FormatName
from search.exports.catalog import export as write_export
from search.prediction.predict import predict_file
from service.settings import Settings
from service.taken_home import TakenHome
from storage import open_database

_BLOCK_BYTES = 2**18


def predict(
    settings: Settings, study_id: str, rows: Path, out: Path | None, *, as_json: bool
) -> None:
    """Predict the rows of a table into the file `out`, or to standard output.

    As JSON with `out`: how many rows, the warnings and the file; without it, the predictions.
    """
    if not rows.is_file():
        raise InvalidInput(f"{rows} is no file; give a CSV with a header row")
    with _taken_home(settings, study_id) as network:
        archive = network.blob
    with TemporaryDirectory(prefix="activation-search-") as folder:
        made = out or Path(folder, "predictions.csv")
        try:
            found = predict_file(archive, str(rows), str(made))
        except OSError as error:
            raise InvalidInput(f"{made} cannot be written: {error.strerror}") from error
        if as_json:
            printed = _lines_as_json(made) if out is None else {**found, "file": str(out)}
            sys.stdout.write(to_json(printed).decode() + "\n")
        elif out is None:
            with made.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    sys.stdout.buffer.write(block)
            sys.stdout.flush()
    console = Console(stderr=True)
    for warning in found["warnings"]:
        console.print(Text(warning, style="yellow"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"{found['rows']} predictions in {out}"), soft_wrap=True)


def export(
    settings: Settings, study_id: str, name: str, out: Path | None, *, as_json: bool
) -> None:
    """Write the network that a study recommends to the file `out`, or one named by the study."""
    if name not in list(FormatName):
        raise UnknownChoice("format", name, list(FormatName))
    with _taken_home(settings, study_id) as network:
        content = write_export(name, network.blob, network.story())
    path = out or Path(f"{study_id}-{name}{FORMATS[FormatName(name)].suffix}")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
    if as_json:
        sys.stdout.write(to_json({"file": str(path), "format": name}).decode() + "\n")
        return
    Console(stderr=True).print(Text(f"{path}: {FORMATS[FormatName(name)].title}"), soft_wrap=True)


def _lines_as_json(table: Path) -> list[dict[str, str | float]]:
    """Return each prediction with its columns; classes stay text."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        is_regression = list(rows.fieldnames or ()) == ["prediction"]
        return [
            {
                name: cell if name == "prediction" and not is_regression else float(cell)
                for name, cell in row.items()
            }
            for row in rows
        ]


@contextmanager
def _taken_home(settings: Settings, study_id: str) -> Iterator[TakenHome]:
    database = open_database(settings.database)
    try:
        yield TakenHome(database, study_id)
    finally:
        database.close()
