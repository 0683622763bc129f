"""What hangs in place of ending: clocks an hour off, a worker and its trainers stopped."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.service.processes import until
from tests.torture.figures import Figure
from tests.torture.kills import finished, trials_of
from tests.torture.scales import Scale
from tests.torture.service import Service, kill, running

#: Half of the default, so that three of them outlast the start of a worker on a busy machine.
LEASE_S = 15.0
#: Until a worker is killed for its silence, has been started again, and has the study.
LIMIT_S = 3 * LEASE_S
STUDY: dict[str, Any] = {
    "dataset": "breast_cancer",
    "space": {"activation": ["relu", "tanh"], "width": 32, "depth": 2},
    "budget": {"trials": 400, "epochs": 30},
    "pruner": {"name": "none"},
    "evaluation": {"folds": 3, "confirm_top": 0},
}


def measure(scale: Scale, folder: Path) -> Figure:
    """Let a study stall in each way; time how long it takes to go on, or to end as asked."""
    took: dict[str, float] = {}
    wrong: list[str] = []
    with running(folder, lease_seconds=LEASE_S, max_study_seconds=1e9) as service:
        for name, stall in list(STALLS.items())[: scale.stalls]:
            study = service.post(**STUDY)
            until(lambda study=study: len(trials_of(service, study)) >= 3, seconds=120)
            before = trials_of(service, study)
            began = time.monotonic()
            stall(service, study)
            time.sleep(2)  # what was trained before is recorded meanwhile
            stood = set(trials_of(service, study))
            until(lambda study=study, stood=stood: _went_on(service, study, stood), seconds=300)
            took[name] = time.monotonic() - began
            service.client.post(f"/v1/studies/{study}/cancel")
            state, after = finished(service, study)
            if state != "cancelled" or any(after.get(n) != t for n, t in before.items()):
                wrong.append(f"{name}: {state}")
            until(service.is_ready, seconds=60)
    longest = max(took, key=lambda name: took[name])
    return Figure(
        shown=f"{len(took)} ways to hang: the longest stall is {took[longest]:.0f} s ({longest}), "
        f"where three leases are {LIMIT_S:.0f}; {len(wrong)} wrong answers",
        holds=not wrong and took[longest] <= scale.patience * LIMIT_S,
        details={"seconds": took, "wrong": wrong},
    )


def _went_on(service: Service, study: str, stood: set[int]) -> bool:
    state = service.get(f"/v1/studies/{study}")["state"]
    return state in ("cancelled", "completed", "paused") or bool(
        set(trials_of(service, study)) - stood
    )


def _shifted(hours: int) -> Callable[[Service, str], None]:
    """The worker dies, and its lease and heartbeats are of a clock that is off."""

    def stall(service: Service, study: str) -> None:
        kill(service.workers())
        then = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)
        with closing(sqlite3.connect(service.database, timeout=30)) as connection:
            text = then.isoformat(sep=" ")
            connection.execute(
                "UPDATE search_studies SET lease_until = ? WHERE id = ?", (text, study)
            )
            connection.execute("UPDATE search_workers SET beat_at = ?", (text,))
            connection.commit()

    return stall


def _stopped_trainers(service: Service, study: str) -> None:
    for trainer in service.trainers():
        trainer.send_signal(signal.SIGSTOP)


def _cancelled_while_stopped(service: Service, study: str) -> None:
    _stopped_trainers(service, study)
    assert service.client.post(f"/v1/studies/{study}/cancel").status_code == 202


def _stopped_worker(service: Service, study: str) -> None:
    for worker in service.workers():
        worker.send_signal(signal.SIGSTOP)


#: Each way to hang, by name.
STALLS: dict[str, Callable[[Service, str], None]] = {
    "trainers stopped, study cancelled": _cancelled_while_stopped,
    "worker dead, lease an hour ahead": _shifted(1),
    "worker dead, lease an hour behind": _shifted(-1),
    "trainers stopped": _stopped_trainers,
    "worker stopped": _stopped_worker,
}
