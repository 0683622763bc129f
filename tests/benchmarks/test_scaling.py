"""The simulation is the real scheduler: the same work, sooner, by a clock that adds up."""

from __future__ import annotations

import pytest

from search.data.datasets import load_builtin
from tests.benchmarks.scaling import ahead_of, simulate
from tests.benchmarks.simulated_executors import record_trials


def test_more_executors_do_the_same_work_sooner_until_the_driver_is_all_there_is() -> None:
    digits = load_builtin("digits")
    record = record_trials(digits, 4)
    assert record
    alone, some, many = (
        simulate(digits, record, executors=count, trials=24, slowness=20.0) for count in (1, 2, 500)
    )
    # On one executor nothing is lost but the driver's own time.
    assert alone.efficiency + alone.driver == pytest.approx(1.0, abs=0.1)
    # Trials are asked, pruned and told in an order that does not depend on the executors.
    assert some.core_ms == pytest.approx(alone.core_ms)
    assert many.core_ms == pytest.approx(alone.core_ms)
    assert alone.seconds > some.seconds > many.seconds
    assert many.efficiency < 0.1


def test_more_executors_get_more_trials_ahead() -> None:
    fitting = [ahead_of(count) for count in (1, 4, 5, 10, 100, 1000, 10_000)]
    assert fitting == sorted(fitting)
    assert fitting[:2] == [1, 1]
