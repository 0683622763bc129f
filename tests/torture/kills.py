"""SIGKILL at random instants: of the worker, of a trainer, of the API, or of all of them."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from storage import open_database
from storage.integrity import find_faults
from tests.service.processes import FINISHED, until
from tests.torture.figures import Figure
from tests.torture.scales import Scale
from tests.torture.service import Service, is_alive, kill, running

ENDS = ("completed", "failed", "cancelled")
#: Seconds within which a killed study must end, on a machine that has other things to do.
PATIENCE_S = 300
#: Longest time from the moment at which a study runs to the kill.
SPREAD_S = 3.0
#: Kills in one study; five in a row without progress would end it, as they should.
KILLS_A_STUDY = 4

Trials = dict[int, dict[str, Any]]


def study(seed: int) -> dict[str, Any]:
    """A study of some ten seconds: its samplers and pruners differ with the seed."""
    samplers = ("tpe", "random", "tpe", "qmc")
    return {
        "name": f"torture {seed}",
        "dataset": ("breast_cancer", "iris", "diabetes")[seed % 3],
        "space": {
            "activation": ["relu", "tanh", "gelu"],
            "width": [16, 32],
            "depth": {"low": 1, "high": 3},
            "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        },
        "sampler": {"name": samplers[seed % len(samplers)], "seed": seed},
        "budget": {"trials": 60, "epochs": 40},
        "evaluation": {"folds": 3, "confirm_top": 2, "confirm_repeats": 3},
    }


def _worker(service: Service, chance: random.Random) -> list[psutil.Process]:
    return service.workers()


def _trainer(service: Service, chance: random.Random) -> list[psutil.Process]:
    trainers = service.trainers()
    return [chance.choice(trainers)] if trainers else []


def _api(service: Service, chance: random.Random) -> list[psutil.Process]:
    return [service.process]


def _all(service: Service, chance: random.Random) -> list[psutil.Process]:
    return service.family()


#: Who is killed, in turn.
VICTIMS: dict[str, Callable[[Service, random.Random], list[psutil.Process]]] = {
    "worker": _worker,
    "trainer": _trainer,
    "API": _api,
    "all": _all,
}


@dataclass(slots=True)
class Tally:
    """What has been found so far."""

    kills: Counter[str] = field(default_factory=Counter)
    in_phase: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    equal: int = 0
    unfinished: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)


def measure(scale: Scale, folder: Path) -> Figure:
    """Kill `scale.kills` times in the middle of studies; compare with the undisturbed."""
    chance = random.Random(17)
    # Of fewer kills than that all are in one study.
    seeds = range(max(1 if scale.kills <= KILLS_A_STUDY else 2, min(12, scale.kills // 5)))
    tally = Tally()
    with running(folder / "undisturbed") as service:
        undisturbed = {seed: finished(service, service.post(**study(seed)))[1] for seed in seeds}
    with running(folder / "killed") as service:
        victims, again = turns(), cycle(seeds)
        ends = time.monotonic() + scale.kill_seconds
        while (left := scale.kills - tally.kills.total()) > 0 and time.monotonic() < ends:
            seed, most = next(again), min(KILLS_A_STUDY, left)
            _one_study(service, seed, victims, most, chance, tally, undisturbed[seed])
        until(service.is_up, seconds=60)
    tally.doubled += doubled(service.database)
    database = open_database(f"sqlite:///{service.database}")
    tally.holes += [str(fault) for fault in find_faults(database)]
    database.close()
    return _figure(tally)


def _one_study(
    service: Service,
    seed: int,
    victims: Iterator[str],
    kills: int,
    chance: random.Random,
    tally: Tally,
    undisturbed: Trials,
) -> None:
    study_id = service.post(**study(seed))
    before: Trials = {}
    for _ in range(kills):
        if not _runs(service, study_id):
            break
        time.sleep(chance.uniform(0, SPREAD_S))
        name = next(victims)
        phase = service.get(f"/v1/studies/{study_id}")
        found = VICTIMS[name](service, chance)
        if phase["state"] != "running" or not found:
            continue
        before |= trials_of(service, study_id)
        kill(found)
        tally.kills[name] += 1
        tally.in_phase[str(phase["phase"])] += 1
        if not is_alive(service.process):
            service.start()
    state, after = finished(service, study_id)
    tally.studies += 1
    if state != "completed":
        tally.unfinished.append(f"{study_id}: {state}")
    tally.lost += [f"{study_id} #{n}" for n, trial in before.items() if after.get(n) != trial]
    if sorted(after) != list(range(len(undisturbed))):
        tally.holes.append(f"{study_id}: {sorted(after)}")
    if after == undisturbed:
        tally.equal += 1
    else:
        at = next((n for n in sorted(undisturbed) if after.get(n) != undisturbed[n]), -1)
        tally.unequal.append(f"seed {seed} ({study(seed)['sampler']['name']}) from trial {at}")


def _runs(service: Service, study_id: str) -> bool:
    """Wait until a living worker trains the study; False where it ends before."""
    until(
        lambda: bool(
            service.get(f"/v1/studies/{study_id}")["state"] in ENDS
            or (
                service.get(f"/v1/studies/{study_id}")["state"] == "running"
                and service.is_ready()
                and service.trainers()
            )
        ),
        seconds=PATIENCE_S,
    )
    return bool(service.get(f"/v1/studies/{study_id}")["state"] == "running")


def finished(service: Service, study_id: str) -> tuple[str, Trials]:
    """Wait for the study's end; return its state and its trials."""

    def ended() -> bool:
        return service.get(f"/v1/studies/{study_id}")["state"] in ENDS

    try:
        until(ended, seconds=PATIENCE_S)
    except AssertionError:
        return "stuck", trials_of(service, study_id)
    state = service.get(f"/v1/studies/{study_id}")["state"]
    return str(state), trials_of(service, study_id)


def trials_of(service: Service, study_id: str) -> Trials:
    """Return what the finished trials of a study are and found, by number."""
    page = service.get(f"/v1/studies/{study_id}/trials", limit=1000)
    kept = ("number", "state", "params", "values", "source")
    return {
        trial["number"]: {name: trial.get(name) for name in kept}
        for trial in page["items"]
        if trial["state"] in FINISHED
    }


def doubled(database: Path) -> list[str]:
    """Return the numbers that Optuna's table has twice, which no constraint of its own forbids."""
    query = """SELECT study_id, number, COUNT(*) FROM trials GROUP BY 1, 2 HAVING COUNT(*) > 1"""
    with closing(sqlite3.connect(database)) as connection:
        return [f"{study} #{number}: {times}" for study, number, times in connection.execute(query)]


def turns() -> Iterator[str]:
    """The victims, in turn, without end."""
    while True:
        yield from VICTIMS


def _figure(tally: Tally) -> Figure:
    killed, in_search = tally.kills.total(), tally.in_phase["search"]
    share = tally.equal / tally.studies
    faults = (tally.lost, tally.doubled, tally.holes, tally.unfinished)
    lost, twice, holes, unfinished = (len(found) for found in faults)
    return Figure(
        shown=f"{killed} kills, {in_search} in the search: {lost} lost, {twice} doubled, "
        f"{holes} holes, {unfinished} of {tally.studies} studies not completed; "
        f"{tally.equal} ({100 * share:.0f} %) equal",
        holds=not any(faults) and share >= 0.95 and 2 * in_search >= killed,
        details={
            "kills": dict(tally.kills),
            "in_phase": dict(tally.in_phase),
            "studies": tally.studies,
            "equal": tally.equal,
            "lost": tally.lost,
            "doubled": tally.doubled,
            "holes": tally.holes,
            "unfinished": tally.unfinished,
            "unequal": tally.unequal,
        },
    )
