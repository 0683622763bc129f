"""A study on a service: waited for, read, taken home."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from warnings import warn

import httpx2

from search.analysis.figures.study_reader import StudyReader
from search.analysis.figures.study_view import StudyView
from search.exports.catalog import FORMATS
from search.progress_bar import ProgressBar
from service.client.connection import Connection, ServiceError

if TYPE_CHECKING:
    import pandas as pd

FINISHED = ("completed", "failed", "cancelled")
#: Seconds for which the service holds one answer while nothing changes.
_HOLD_S = 10
#: Endings of files by the format of an export.
_ENDINGS = {name.value: row.suffix for name, row in FORMATS.items()}


class Study(StudyReader):
    """A study of a service, by its id."""

    def __init__(self, connection: Connection, study_id: str) -> None:
        self._connection = connection
        self.id = study_id
        self._path = f"/v1/studies/{study_id}"

    def __repr__(self) -> str:
        """Return the id; what it stands for is asked for by `describe`."""
        return f"Study({self.id!r})"

    def describe(self) -> dict[str, Any]:
        """Return the study: state, progress, specification, links."""
        study: dict[str, Any] = self._connection.get(self._path)
        return study

    def results(self) -> dict[str, Any]:
        """Return everything found so far."""
        results: dict[str, Any] = self._connection.get(f"{self._path}/results")
        return results

    def trials(self) -> list[Any]:
        """Return all trials without their curves."""
        return self._connection.pages(f"{self._path}/trials", limit=1000)

    def trial(self, number: int) -> dict[str, Any]:
        """Return one trial with its curves, its layers and its findings."""
        trial: dict[str, Any] = self._connection.get(f"{self._path}/trials/{number}")
        return trial

    def view(self) -> StudyView:
        """Return the study as the figures read it."""
        results = self.results()
        numbers = [row["best_number"] for row in results["by_activation"]]
        bests = [self.trial(number) for number in numbers if number is not None]
        return StudyView(results=results, trials=self.trials(), bests=bests)

    def wait(self, *, seconds: float | None = None, progress: bool = True) -> Self:
        """Wait until the study has ended and return it; with a bar, unless `progress` is false.

        Raises TimeoutError after `seconds`; the study goes on. ServiceError where it failed.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        with ProgressBar("queued", quiet=not progress) as bar:
            etag = ""
            while True:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"study '{self.id}' has not ended after {seconds:g} s")
                answer = self._connection.ask(
                    "GET",
                    f"{self._path}/results",
                    params={"wait": min(_HOLD_S, left or _HOLD_S)},
                    headers={"If-None-Match": etag} if etag else {"If-None-Match": '"-1"'},
                )
                if answer.status_code == httpx2.codes.NOT_MODIFIED:
                    continue
                etag = answer.headers["ETag"]
                now = answer.json()
                done, total = _count(now)
                bar.show(now["phase"] or now["state"], done, total)
                if now["state"] in FINISHED:
                    break
        if now["state"] == "failed":
            raise ServiceError(self.describe()["error"] or "the study failed", status=0)
        return self

    def pause(self) -> None:
        """Stop at the next rung, to be resumed."""
        self._connection.ask("POST", f"{self._path}/pause")

    def resume(self) -> None:
        """Queue a paused study again."""
        self._connection.ask("POST", f"{self._path}/resume")

    def cancel(self) -> None:
        """End the study for good and keep what it found."""
        self._connection.ask("POST", f"{self._path}/cancel")

    def finish(self) -> None:
        """End the search now and go on to the confirmation."""
        self._connection.ask("POST", f"{self._path}/finish")

    def extend(self, **more: int) -> Self:
        """Add `trials`, `searches` or `repeats` to a finished study and return it."""
        self._connection.ask("POST", f"{self._path}/extend", json=more)
        return self

    def delete(self) -> None:
        """Delete the study with all its trials."""
        self._connection.ask("DELETE", self._path)

    def report(self, path: Path | str) -> Path:
        """Write the report as one HTML file and return its path."""
        return self._save(f"/studies/{self.id}/report.html", Path(path))

    def export(self, form: str, path: Path | str | None = None) -> Path:
        """Write the winner as `pytorch`, `onnx`, `keras` or `json` and return the file's path."""
        ending = _ENDINGS.get(form, "")
        return self._save(f"{self._path}/export/{form}", Path(path or f"{self.id}-{form}{ending}"))

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the recommended network's predictions: `prediction`, and `probability_LABEL`s.

        Warns of cells that could not be read.
        """
        import pandas as pd  # noqa: PLC0415 - the rest needs none

        answer = self._connection.ask(
            "POST",
            f"{self._path}/predict",
            content=rows.to_csv(index=False).encode(),
            headers={"Content-Type": "text/csv", "Accept": "text/csv"},
        )
        for warning in json.loads(answer.headers.get("Prediction-Warnings", "[]")):
            warn(warning, stacklevel=2)
        # A class may be called as pandas writes missing values.
        return pd.read_csv(StringIO(answer.text), keep_default_na=False)

    def _save(self, address: str, path: Path) -> Path:
        path.write_bytes(self._connection.ask("GET", address).content)
        return path


def _count(results: dict[str, Any]) -> tuple[int, int]:
    kind = "trials" if results["phase"] in (None, "search") else "confirmations"
    progress = results["progress"]
    return progress[f"{kind}_finished"], progress[f"{kind}_total"]
