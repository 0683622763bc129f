"""Measurements of many processes add up, and what was stored otherwise is left out."""

from __future__ import annotations

from storage import Database, Queue, Statistics
from storage.measurements import SEGMENT_BOUNDS, Measurements


def measured(*seconds: float) -> Measurements:
    measurements = Measurements(SEGMENT_BOUNDS)
    for each in seconds:
        measurements.add(each)
    return measurements


def test_measurements_are_counted_up_to_each_bound() -> None:
    measurements = measured(0.01, 0.02, 5.0, 1000.0)
    assert dict(measurements.cumulative())["0.01"] == 1
    assert dict(measurements.cumulative())["0.03"] == 2
    assert dict(measurements.cumulative())["10.0"] == 3
    assert measurements.cumulative()[-1] == ("+Inf", 4)
    assert measurements.total == 1005.03


def test_workers_add_up_and_a_later_beat_replaces_the_earlier(database: Database) -> None:
    queue = Queue(database)
    queue.beat("a", measured(1.0))
    queue.beat("a", measured(1.0, 2.0))
    queue.beat("b", measured(4.0))
    queue.beat("c")
    other = Measurements((1.0,))
    other.add(0.5)
    queue.beat("of another release", other)
    state = Statistics(database).read(30.0)
    assert state.workers == 4
    assert (state.segments.count, state.segments.total) == (3, 7.0)
    assert Statistics(database).read(1e-9).workers == 0
