"""The disk is full for a while, then may only be read: said while it lasts, gone on afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage import open_database
from tests.service.processes import PROGRAM, until
from tests.torture import mounts
from tests.torture.figures import Figure
from tests.torture.kills import finished, trials_of
from tests.torture.scales import Scale
from tests.torture.service import LEASE_S, Service

SIZE = 16 * 2**20
STUDY: dict[str, Any] = {
    "dataset": "breast_cancer",
    "space": {"activation": ["relu", "tanh"], "width": 32, "depth": 2},
    "budget": {"trials": 60, "epochs": 60},
    "pruner": {"name": "none"},
    "evaluation": {"folds": 3, "confirm_top": 1, "confirm_repeats": 2},
}
#: Three leases and the start of a worker, whatever had to be given up.
RECOVERED_S = 3 * LEASE_S + 15


def measure(scale: Scale, folder: Path) -> Figure:
    """Fill the disk under a running study, make room again; read the end from a read-only disk."""
    if not mounts.are_possible():
        return Figure(shown="not tried: no mounts of one's own here", holds=True)
    place, copy = folder / "small", folder / "copy"
    place.mkdir(parents=True)
    service = Service(place, folder / "service.log")
    try:
        service.start(prefix=mounts.small_disk(place, SIZE))
        is_right, study, recovered = _filled(service)
        copy.mkdir()
        _copy(mounts.as_seen_by(service.process, service.database), copy)
    finally:
        service.stop()
        service.client.close()
    is_right |= _read(copy, study)
    wrong = [name for name, right in is_right.items() if not right]
    return Figure(
        shown=f"full: {'wrong: ' + ', '.join(wrong) if wrong else 'readyz and the study say so'}, "
        f"which goes on {recovered:.1f} s after there is room; "
        "studies and results are read from a read-only disk",
        holds=not wrong and recovered < scale.patience * RECOVERED_S,
        details={"is_right": is_right, "recovered_s": recovered},
    )


def _filled(service: Service) -> tuple[dict[str, bool], str, float]:
    """Return what was as it should be meanwhile, the study, and how long it paused afterwards."""
    client = service.client
    until(service.is_ready, seconds=60)
    study = service.post(**STUDY)
    until(lambda: len(trials_of(service, study)) >= 5)
    filler = mounts.as_seen_by(service.process, service.folder) / "filler"
    _fill(filler)
    before = trials_of(service, study)
    is_right: dict[str, bool] = {}

    def said() -> bool:
        ready, shown = client.get("/readyz"), service.get(f"/v1/studies/{study}")
        is_right["readyz says it"] = ready.status_code == 503 and "disk" in ready.text
        is_right["the study says it"] = shown["state"] == "running" and "disk" in (
            shown["error"] or ""
        )
        return all(is_right.values())

    with suppress(AssertionError):  # `is_right` tells what was not
        until(said, seconds=40)
    time.sleep(2 * LEASE_S)
    answer = client.post("/v1/studies", json={**STUDY, "name": "x" * 20_000})
    answers = [answer, client.post(f"/v1/studies/{study}/pause")]
    is_right["no request gets 500"] = all(a.status_code in (202, 422, 503) for a in answers)
    client.post(f"/v1/studies/{study}/resume")
    filler.unlink()
    began, stood = time.monotonic(), len(trials_of(service, study))
    _resume(service, study)
    until(lambda: len(trials_of(service, study)) > stood or _ended(service, study), seconds=120)
    recovered = time.monotonic() - began
    state, after = finished(service, study)
    is_right["the study completes"] = state == "completed"
    is_right["no trial is lost or found twice"] = sorted(after) == list(range(60)) and all(
        after.get(number) == trial for number, trial in before.items()
    )
    shown = service.get(f"/v1/studies/{study}")
    is_right["nothing is said any more"] = shown["error"] is None
    return is_right, study, recovered


def _resume(service: Service, study: str) -> None:
    """Resume the study if the request to pause it came through after all."""
    time.sleep(1)
    if service.get(f"/v1/studies/{study}")["state"] == "paused":
        service.client.post(f"/v1/studies/{study}/resume")


def _ended(service: Service, study: str) -> bool:
    return bool(service.get(f"/v1/studies/{study}")["state"] == "completed")


def _fill(path: Path) -> None:
    """Write until no byte is left."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    os.write(file.fileno(), b"x" * size)
            except OSError:
                continue


def _copy(database: Path, folder: Path) -> None:
    for path in (database, database.with_name(f"{database.name}-wal")):
        if path.exists():
            shutil.copyfile(path, folder / path.name)
    open_database(f"sqlite:///{folder / database.name}").close()


def _read(folder: Path, study: str) -> dict[str, bool]:
    """Return whether the commands that read do so where nothing can be written."""
    prefix = mounts.read_only(folder)

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*prefix, *PROGRAM, *words, "--data-dir", str(folder)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    studies = asked("studies", "--json")
    results = asked("results", study, "--json")
    started = asked("serve", "--port", "0")
    return {
        "studies are read": studies.returncode == 0 and study in studies.stdout,
        "results are read": results.returncode == 0
        and bool(json.loads(results.stdout or "{}").get("verdict")),
        "a server says why it cannot start": started.returncode not in (0, None)
        and "Traceback" not in started.stderr
        and "cannot be opened" in started.stderr,
    }
