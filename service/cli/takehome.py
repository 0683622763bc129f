"""Commands that take the winner home: predict."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from search.errors import InvalidInput
from search.prediction.predict import predict_file
from service.settings import Settings
from service.taken_home import trained_network
from storage import Confirmations, Studies, Trials, open_database

_BLOCK_BYTES = 2**18


def predict(settings: Settings, study_id: str, rows: Path, out: Path | None) -> None:
    """Predict the rows of a table into the file `out`, or to standard output."""
    if not rows.is_file():
        raise InvalidInput(f"{rows} is no file; give a CSV with a header row")
    archive = recorded_network(settings, study_id)
    with TemporaryDirectory(prefix="activation-search-") as folder:
        made = out or Path(folder, "predictions.csv")
        try:
            found = predict_file(archive, str(rows), str(made))
        except OSError as error:
            raise InvalidInput(f"{made} cannot be written: {error.strerror}") from error
        if out is None:
            with made.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    sys.stdout.buffer.write(block)
            sys.stdout.flush()
    console = Console(stderr=True)
    for warning in found["warnings"]:
        console.print(Text(warning, style="yellow"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"{found['rows']} predictions in {out}"), soft_wrap=True)


def recorded_network(settings: Settings, study_id: str, trial: int | None = None) -> bytes:
    """Return the archive of the network that a study recommends, as `trained_network` does."""
    database = open_database(settings.database)
    try:
        return trained_network(
            study_id,
            studies=Studies(database),
            trials=Trials(database),
            confirmations=Confirmations(database),
            trial=trial,
        )
    finally:
        database.close()
