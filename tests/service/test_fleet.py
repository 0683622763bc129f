"""Several API processes and workers on one database, some killed: each study runs exactly once."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from storage import Keys, open_database
from storage.keys import KeyScope
from tests.postgresql import Cluster
from tests.service.processes import FINISHED, PROGRAM, free_port, ready, until

WORKERS = 4
#: Of each database: studies, and workers killed. Both run the same code but for the claims.
SCALES = {"postgresql": (20, 3), "sqlite": (8, 1)}
TRIALS = 14
#: Large enough that workers can be killed in the middle.
STUDY: dict[str, Any] = {
    "dataset": "breast_cancer",
    "space": {"activation": ["relu", "tanh"], "width": 64, "depth": 2},
    "budget": {"trials": TRIALS, "epochs": 20},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The processes on one database, and what the workers have logged."""

    folder: Path
    environment: Mapping[str, str]

    @contextmanager
    def process(self, name: str, *arguments: str) -> Iterator[psutil.Process]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*PROGRAM, *arguments], env=dict(self.environment), stdout=log, stderr=log
            )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)

    def logged(self) -> list[tuple[str, str, str]]:
        """What was logged of studies, in order: the event, the worker, the study."""
        lines = [
            json.loads(line)
            for path in self.folder.glob("worker-*.log")
            for line in path.read_text().splitlines()
            if line.startswith("{") and line.endswith("}")  # not the half that was just written
        ]
        return [
            (line["event"], line["worker"], line["study_id"])
            for line in sorted(lines, key=itemgetter("timestamp"))
            if line["event"] in ("claimed", "released")
        ]

    def holders(self) -> list[str]:
        """Living workers that hold a study which no worker held before."""
        holding, claims = {}, Counter[str]()
        for event, worker, study in self.logged():
            holding.pop(worker, None)
            if event == "claimed":
                claims[study] += 1
                holding[worker] = study
        return [w for w, study in holding.items() if claims[study] == 1 and is_alive(w)]

    def kill_a_holder(self) -> str:
        """Kill a worker in the middle of a study; return its name."""
        while True:
            until(lambda: bool(self.holders()), seconds=60)
            worker = self.holders()[-1]
            process = psutil.Process(pid_of(worker))
            process.suspend()  # so that it does not release the study at the last moment
            if worker in self.holders():
                kill(process)
                return worker
            process.resume()


def is_alive(worker: str) -> bool:
    try:
        return psutil.Process(pid_of(worker)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pid_of(worker: str) -> int:
    return int(worker.split("-")[-2])


def kill(process: psutil.Process) -> None:
    """End a worker and its training processes at once."""
    family = [process, *process.children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=30)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_study_runs_exactly_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    studies, kills = SCALES[kind]
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'search.db'}"
        if kind == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database(template="template0"))
        database = open_database(url)
        keys = {name: Keys(database).create(name, KeyScope.WRITE) for name in ("ann", "bob")}
        database.close()
        given = {
            "ACTIVATION_SEARCH_DATA_DIR": str(tmp_path),
            "ACTIVATION_SEARCH_DATABASE_URL": url,
            "ACTIVATION_SEARCH_PROCESSES": "1",
            "ACTIVATION_SEARCH_LEASE_SECONDS": "12",
            "ACTIVATION_SEARCH_LOG_FORMAT": "json",
        }
        fleet = Fleet(folder=tmp_path, environment={**os.environ, **given})
        apis = []
        for name, key in keys.items():
            port = free_port()
            arguments = ("serve", "--no-worker", "--port", str(port))
            stack.enter_context(fleet.process(f"api-{name}", *arguments))
            headers = {"Authorization": f"Bearer {key}"}
            base = f"http://127.0.0.1:{port}"
            client = stack.enter_context(httpx2.Client(base_url=base, headers=headers, timeout=60))
            until(lambda client=client: ready(client))
            apis.append(client)
        # All of the one client's come before the other's first.
        ids = [
            api.post("/v1/studies", json={**STUDY, "name": f"{n}"}).json()
            for api in apis
            for n in range(studies // len(apis))
        ]
        ids = [study["id"] for study in ids]
        for number in range(WORKERS):
            stack.enter_context(fleet.process(f"worker-{number}", "worker"))

        def states() -> Counter[str]:
            return Counter(apis[0].get(f"/v1/studies/{i}").json()["state"] for i in ids)

        killed: list[str] = []
        for number in range(kills):
            enough = number * studies // 5
            until(lambda least=enough: states()["completed"] >= least)
            killed.append(fleet.kill_a_holder())
            stack.enter_context(fleet.process(f"worker-{WORKERS + number}", "worker"))
        until(lambda: states() == {"completed": studies})

        claims: dict[str, list[str]] = defaultdict(list)
        ends: dict[str, list[str]] = defaultdict(list)
        for event, worker, study in fleet.logged():
            (claims if event == "claimed" else ends)[study].append(worker)
        assert set(claims) == set(ids)
        for study in ids:
            *lost, last = claims[study]
            # Taken over only from workers that were killed, and ended by one alone.
            assert set(lost) <= set(killed)
            assert ends[study] == [last]
            page = apis[1].get(f"/v1/studies/{study}/trials", params={"limit": 1000}).json()
            assert sorted(trial["number"] for trial in page["items"]) == list(range(TRIALS))
            assert {trial["state"] for trial in page["items"]} <= set(FINISHED)
            results = apis[1].get(f"/v1/studies/{study}/results").json()
            assert results["verdict"]["sentence"]
        assert sum(len(of_study) - 1 for of_study in claims.values()) == kills
        began = {i: apis[0].get(f"/v1/studies/{i}").json()["started_at"] for i in ids}
        turns = [ids.index(study) // (studies // 2) for study in sorted(ids, key=began.__getitem__)]
        # Clients take turns, though the one had queued all of its studies before the other.
        assert turns == [0, 1] * (studies // 2)
