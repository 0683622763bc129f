"""Trials are found, filtered, sorted and read in pages that never repeat or skip one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from optuna.trial import TrialState

from search.errors import InvalidInput, NotFound, UnknownChoice
from search.study import FoldCurve, LayerSnapshot, TrialRecord
from storage import Database, Recorder, Results, Trials
from storage.rows.study_rows import StudyRow
from storage.sql.pagination import write_cursor
from storage.trials import ORDERS
from tests.storage.records import PARAMS, STARTED, changed, make_record

CURVE = FoldCurve(
    fold=0, epochs=(1,), train_loss=(2.0,), validation_loss=(1.0,), validation_score=(0.5,)
)


def with_activation(record: TrialRecord, activation: str) -> TrialRecord:
    return replace(record, params={**PARAMS, "activation": activation})


#: Values tie, are missing and are infinite; nothing is in the order of the numbers.
RECORDS = tuple(
    with_activation(
        make_record(
            number,
            state,
            values=None if value is None else (value,),
            started_at=STARTED + timedelta(microseconds=(number * 7) % 5),
            parameters=(number * 3) % 4,
            curves=(CURVE,),
            layers=(LayerSnapshot(epoch=0, statistics={"slope": (0.25,)}),),
        ),
        "relu" if number % 3 else "tanh",
    )
    for number, (state, value) in enumerate(
        [
            (TrialState.COMPLETE, 0.5),
            (TrialState.RUNNING, None),
            (TrialState.COMPLETE, 0.25),
            (TrialState.COMPLETE, 0.5),
            (TrialState.FAIL, None),
            (TrialState.COMPLETE, float("inf")),
            (TrialState.PRUNED, 0.75),
            (TrialState.COMPLETE, -1.0),
            (TrialState.COMPLETE, 0.5),
        ]
    )
)


@pytest.fixture
def trials(database: Database, recorder: Recorder) -> Trials:
    recorder.record([changed(*RECORDS)])
    return Trials(database)


def pages(trials: Trials, study_id: str, order: str, limit: int) -> list[int]:
    numbers: list[int] = []
    cursor = None
    while True:
        page = trials.list(study_id, order=order, limit=limit, cursor=cursor)
        numbers += [record.number for record in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return numbers


def test_one_trial_is_read_whole(trials: Trials, running: StudyRow) -> None:
    assert trials.get(running.id, 3) == RECORDS[3]


def test_a_list_leaves_curves_and_layers_out(trials: Trials, running: StudyRow) -> None:
    page = trials.list(running.id)
    assert page.items == tuple(
        replace(record, curves=(), layers=(), findings=()) for record in RECORDS
    )
    assert page.next_cursor is None


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        ("number", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("-number", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("value", [7, 2, 0, 3, 8, 6, 5, 1, 4]),
        ("-value", [5, 6, 0, 3, 8, 2, 7, 1, 4]),
    ],
)
def test_trials_are_sorted_with_missing_values_last(
    order: str, numbers: list[int], trials: Trials, running: StudyRow
) -> None:
    assert pages(trials, running.id, order, 100) == numbers


@pytest.mark.parametrize("limit", [1, 2, 4, 9])
@pytest.mark.parametrize("order", ORDERS)
def test_pages_hold_every_trial_once_in_every_order(
    order: str, limit: int, trials: Trials, running: StudyRow
) -> None:
    numbers = pages(trials, running.id, order, limit)
    assert sorted(numbers) == list(range(len(RECORDS)))
    assert numbers == pages(trials, running.id, order, 100)


def test_trials_are_filtered_by_state_and_activation(trials: Trials, running: StudyRow) -> None:
    def numbers(**filters: object) -> list[int]:
        page = trials.list(running.id, **filters)  # type: ignore[arg-type]  # any filter
        return [record.number for record in page.items]

    assert numbers(state=TrialState.COMPLETE) == [0, 2, 3, 5, 7, 8]
    assert numbers(activation="tanh") == [0, 3, 6]
    assert numbers(activation="tanh", state=TrialState.PRUNED) == [6]
    assert numbers(activation="mish") == []


def test_an_unknown_order_lists_the_known_ones(trials: Trials, running: StudyRow) -> None:
    with pytest.raises(UnknownChoice, match="did you mean '-value'"):
        trials.list(running.id, order="-values")


def test_a_cursor_of_another_order_is_refused(trials: Trials, running: StudyRow) -> None:
    cursor = trials.list(running.id, order="value", limit=1).next_cursor
    with pytest.raises(InvalidInput, match="belongs to the order 'value'"):
        trials.list(running.id, order="number", cursor=cursor)


def test_a_damaged_cursor_is_refused(trials: Trials, running: StudyRow) -> None:
    damaged: list[tuple[Any, ...]] = [("started_at", "no time", 1), ("value",), ("value", [], 1)]
    for keys in damaged:
        with pytest.raises(InvalidInput, match="cursor"):
            trials.list(running.id, order=keys[0], cursor=write_cursor(*keys))


def test_what_does_not_exist_is_not_found(trials: Trials, running: StudyRow) -> None:
    with pytest.raises(NotFound, match="99"):
        trials.get(running.id, 99)
    with pytest.raises(NotFound, match="st_none"):
        trials.get("st_none", 0)
    with pytest.raises(NotFound, match="st_none"):
        trials.list("st_none")
    with pytest.raises(NotFound, match="st_none"):
        trials.changed_since("st_none", 0)


def test_changes_since_a_version_are_found_in_whole_transactions(
    database: Database, trials: Trials, running: StudyRow, recorder: Recorder
) -> None:
    version = Results(database).version(running.id)
    assert trials.changed_since(running.id, version) == ()
    recorder.record([changed(make_record(1), make_record(20))])
    recorder.record([changed(make_record(21), make_record(20, metrics={}))])
    found = trials.changed_since(running.id, version)
    assert [record.number for record in found] == [1, 20, 21]
    first = trials.changed_since(running.id, 0, limit=2)
    assert len(first) == len(RECORDS) - 1  # all but the one that changed since
