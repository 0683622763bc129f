"""On a real cluster of three nodes: the same study as on this machine, though a node is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.data.datasets import Dataset
from search.driver import run_study
from search.errors import InvalidInput
from search.study import Event
from search.training.backend import Backend, EngineName, cluster_backend
from search.training.executors import local_pool
from search.training.stores import SavedData
from tests.search.driver.events import runs_of
from tests.search.driver.test_driver import SPEC, outcome, trials_of
from tests.search.plain_network import small_data
from tests.search.ray_cluster import ray_cluster

pytest.importorskip("ray", reason="Ray is not installed (the extra ray)")
pytestmark = pytest.mark.filterwarnings("default:::ray", "ignore::ResourceWarning")

BACKEND = cluster_backend("cpu", EngineName.AUTO)
STUDY = replace(
    SPEC,
    budget=replace(SPEC.budget, trials=24),
    evaluation=replace(SPEC.evaluation, confirm_top=2, confirm_repeats=2),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster(nodes=2) as running:
        yield running


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[Any]:
    from search.training.ray_executor import RayExecutor  # noqa: PLC0415 - Ray may be missing

    assert cluster.address
    with RayExecutor(BACKEND) as connected:
        yield connected


def scores(events: list[Event]) -> list[tuple[object, ...]]:
    return [(run.role, run.repeat, run.fold, dict(run.scores)) for run in runs_of(events)]


def node_of_call() -> str:
    import ray  # noqa: PLC0415 - as above

    return str(ray.get_runtime_context().get_node_id())


def slow_node_of_call() -> str:
    time.sleep(1.0)
    return node_of_call()


def busy() -> None:
    while True:
        time.sleep(0.01)


def stubborn(began: Path) -> None:
    began.touch()
    while True:
        with suppress(KeyboardInterrupt):
            busy()


def data_facts(data: SavedData) -> tuple[float, bool, bool]:
    x = data.load().folds[0].x_train
    return float(x.sum()), x.flags.owndata, data.load() is data.load()


def die() -> None:
    os._exit(1)


def test_results_and_errors_come_as_they_were(executor: Any) -> None:
    assert executor.submit(pow, 2, 5).result() == 32
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result()


def test_calls_are_spread_over_the_nodes(executor: Any) -> None:
    calls = [executor.submit(slow_node_of_call) for _ in range(4)]
    assert len({call.result() for call in calls}) == 2


def test_a_cancelled_call_ends_though_it_has_begun(executor: Any) -> None:
    began = time.monotonic()
    calls = [executor.submit(busy) for _ in range(2)]
    time.sleep(1)
    assert all(call.cancel() and call.cancel() for call in calls)
    assert not wait(calls, timeout=10).not_done
    # Both cores are free again.
    assert executor.submit(pow, 2, 5).result(timeout=60) == 32
    assert time.monotonic() - began < 120


def test_a_cancelled_call_ends_though_its_interrupt_is_lost(executor: Any, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    calls = [executor.submit(stubborn, path) for path in paths]
    while not all(path.exists() for path in paths):
        time.sleep(0.1)
    assert all(call.cancel() for call in calls)
    assert executor.submit(pow, 2, 5).result(timeout=60) == 32


def test_folds_are_put_once_and_mapped(executor: Any, tmp_path: Path) -> None:
    store = executor.open_store(tmp_path)
    data = small_data()
    saved = store.save(data)
    total, is_copied, is_kept = executor.submit(data_facts, saved).result()
    assert total == float(data.folds[0].x_train.sum())
    assert not is_copied
    assert is_kept
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_kills_every_process_breaks_the_executor(
    executor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(executor._needs, "max_retries", 1)
    with pytest.raises(BrokenExecutor, match="died"):
        executor.submit(die).result()


def test_a_study_is_the_same_to_the_last_bit_though_a_node_is_killed(
    cluster: Any, executor: Any, iris: Dataset
) -> None:
    with local_pool(1, BACKEND) as pool:
        here = list(run_study(STUDY, iris, executor=pool, backend=BACKEND))
    there: list[Event] = []
    killed = False
    for event in run_study(STUDY, iris, executor=executor, backend=BACKEND):
        there.append(event)
        records = trials_of(there).values()
        finished = sum(record.state.is_finished() for record in records)
        # In the middle: some lanes wait between rungs, some train.
        if not killed and 6 <= finished < len(records):
            *_, last = cluster.list_all_nodes()
            cluster.remove_node(last, allow_graceful=False)
            killed = True
    assert killed
    assert outcome(trials_of(there)) == outcome(trials_of(here))
    assert len(outcome(trials_of(here))) == 24
    assert scores(there) == scores(here)
    assert scores(here)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ray://head:10001", "is the address|the address of Ray's client server"),
        ("nonsense", "no Ray cluster answers at RAY_ADDRESS 'nonsense'"),
    ],
)
def test_an_address_without_a_cluster_is_refused(
    address: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.training.ray_executor import RayExecutor  # noqa: PLC0415 - Ray may be missing

    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InvalidInput, match=sentence):
        RayExecutor(Backend())
