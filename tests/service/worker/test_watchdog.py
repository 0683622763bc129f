"""Training processes that do not go on are ended, those that work are not."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import active_children, get_context
from threading import Event

import psutil
import pytest

from search.training.measured import MeasuredExecutor
from service.worker import watchdog
from service.worker.watchdog import Watchdog

#: In place of the seconds that a watchdog has patience for.
SHORT_S = 1.0


def spin(seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pass


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[MeasuredExecutor]:
    for name in ("STOPPED_S", "STILL_S", "STOPPING_S"):
        monkeypatch.setattr(watchdog, name, SHORT_S)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        list(processes.map(spin, [0.2, 0.2]))
        measured = MeasuredExecutor(processes, lambda seconds: None)
        measured.submit(spin, 0.0).result()
        yield measured
        for child in active_children():
            child.kill()  # so that the pool need not wait for those that hang


def watch(pool: MeasuredExecutor, seconds: float, *, stopping: Event | None = None) -> Watchdog:
    asked = stopping or Event()
    dog = Watchdog(
        in_flight=lambda: pool.in_flight, ended=lambda: pool.ended, is_stopping=asked.is_set
    )
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and dog.reason is None:
        dog.look()
        time.sleep(0.1)
    return dog


def test_those_that_work_are_left_alone(pool: MeasuredExecutor) -> None:
    calls = [pool.submit(spin, 3.0) for _ in range(2)]
    assert watch(pool, 3 * SHORT_S).reason is None
    assert [call.result() for call in calls] == [None, None]
    assert pool.in_flight == 0


def test_those_without_work_may_stand_still(pool: MeasuredExecutor) -> None:
    assert watch(pool, 3 * SHORT_S).reason is None
    assert pool.submit(spin, 0.0).result() is None


def test_stopped_ones_are_ended_and_who_waits_is_told(pool: MeasuredExecutor) -> None:
    call = pool.submit(spin, 60.0)
    psutil.Process(active_children()[0].pid).send_signal(signal.SIGSTOP)
    assert "were stopped" in str(watch(pool, 10).reason)
    assert isinstance(call.exception(timeout=10), BrokenExecutor)


def test_ones_that_have_work_and_use_no_processor_are_ended(pool: MeasuredExecutor) -> None:
    call = pool.submit(time.sleep, 60.0)
    assert "stood still" in str(watch(pool, 10).reason)
    assert isinstance(call.exception(timeout=10), BrokenExecutor)


def test_a_cancellation_waits_for_a_pool_that_starts() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        pool = MeasuredExecutor(processes, lambda seconds: None)
        stopping = Event()
        stopping.set()
        call = pool.submit(spin, watchdog.STOPPING_S + 3)
        assert watch(pool, watchdog.STOPPING_S + 2, stopping=stopping).reason is None
        assert call.result() is None
        assert pool.ended == 1


def test_a_cancellation_waits_for_no_segment_for_long(pool: MeasuredExecutor) -> None:
    stopping = Event()
    call = pool.submit(spin, 60.0)
    assert watch(pool, 2 * SHORT_S, stopping=stopping).reason is None
    stopping.set()
    assert "end was asked for" in str(watch(pool, 10, stopping=stopping).reason)
    assert isinstance(call.exception(timeout=10), BrokenExecutor)
