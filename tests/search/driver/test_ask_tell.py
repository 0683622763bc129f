"""Asking and telling: whose turn it is, and long studies of which a sampler sees a part only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from optuna.trial import TrialState

from search.data.datasets import load_builtin
from search.driver.ask_tell import AskTell
from search.driver.plan import plan_study
from search.samplers import get_sampler
from search.samplers.catalog import SamplerName
from search.study import (
    Budget,
    Choices,
    Evaluation,
    Question,
    Range,
    SamplerSpec,
    StudySpec,
    TrialRecord,
    TrialRequest,
    TrialSource,
)

TRIALS = 700


def proposals(history: tuple[TrialRecord, ...] = ()) -> AskTell:
    spec = StudySpec(
        dataset="wine",
        budget=Budget(trials=TRIALS, epochs=3),
        sampler=SamplerSpec(name="tpe", seed=1, min_trials_per_activation=2),
    )
    return AskTell(plan_study(spec, load_builtin("wine")), history)


def ended(record: TrialRecord, random: Random) -> TrialRecord:
    """Score by learning rate, with every fifth pruned and every eleventh failed."""
    score = abs(float(str(record.params["learning_rate"])) - 0.01) + 0.001 * random.random()
    if record.number % 11 == 0:
        return replace(record, state=TrialState.FAIL, error="made to fail")
    if record.number % 5 == 0:
        return replace(record, state=TrialState.PRUNED, intermediate_values={1: score})
    return replace(
        record, state=TrialState.COMPLETE, values=(score,), intermediate_values={3: score}
    )


def searched() -> tuple[list[TrialRecord], AskTell]:
    """Ask in batches of which one is always under way, as the driver does."""
    asked = proposals()
    random = Random(0)
    done: list[TrialRecord] = []
    before = asked.ask(25)
    while batch := asked.ask(25):
        for record in before:
            done.append(ended(record, random))
            asked.tell(done[-1])
        before = batch
    for record in before:
        done.append(ended(record, random))
        asked.tell(done[-1])
    return done, asked


def asked_of(spec: StudySpec) -> list[TrialRecord]:
    """Ask a whole study in batches, each trial complete before the next batch."""
    asked, random = AskTell(plan_study(spec, load_builtin("wine")), ()), Random(0)
    done: list[TrialRecord] = []
    while batch := asked.ask(7):
        for record in batch:
            done.append(ended(record, random))
            asked.tell(done[-1])
    return done


EQUAL = StudySpec(
    dataset="wine",
    space={"activation": Choices(values=("relu", "tanh", "prelu", "elu"))},
    budget=Budget(trials=160, epochs=3),
    evaluation=Evaluation(searches=2),
)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_every_arm_of_every_search_gets_the_same_number_of_trials(sampler: str) -> None:
    done = asked_of(replace(EQUAL, sampler=SamplerSpec(name=sampler)))
    counts = Counter((record.activation, record.search) for record in done)
    assert len(counts) == 8
    assert set(counts.values()) == {20}


def test_wherever_it_ends_no_arm_is_more_than_one_trial_ahead() -> None:
    counts: Counter[tuple[str, int]] = Counter()
    for record in asked_of(EQUAL)[:101]:
        counts[record.activation, record.search] += 1
    assert max(counts.values()) - min(counts.values()) == 1


def test_searches_do_not_learn_from_each_other() -> None:
    """What one search is told changes nothing in another."""

    def proposals_of_the_second(better: float) -> list[object]:
        asked = AskTell(plan_study(EQUAL, load_builtin("wine")), ())
        seen: list[object] = []
        while batch := asked.ask(1):
            (record,) = batch
            told = ended(record, Random(record.number))
            if record.search == 0 and told.values:
                told = replace(told, values=(told.values[0] * better,))
            if record.search == 1:
                seen.append(record.params)
            asked.tell(told)
        return seen

    assert proposals_of_the_second(1.0) == proposals_of_the_second(-3.0)


def test_the_first_trials_of_each_arm_can_be_compared() -> None:
    done = asked_of(EQUAL)
    random = Counter((r.activation, r.search) for r in done if r.source is TrialSource.STRATIFIED)
    assert set(random.values()) <= {4, 5}
    assert done[0].source is TrialSource.BASELINE
    assert {r.source for r in done[-8:]} == {TrialSource.SAMPLER}


def test_a_share_leaves_the_rest_to_one_sampler_of_each_search() -> None:
    shared = SamplerSpec(min_trials_per_activation=5)
    done = asked_of(replace(EQUAL, sampler=shared))
    counts = Counter((record.activation, record.search) for record in done)
    assert min(counts.values()) >= 5
    assert max(counts.values()) > 20
    assert Counter(record.search for record in done) == {0: 80, 1: 80}
    assert TrialSource.STRATIFIED not in {r.source for r in done}


def test_a_level_of_a_range_is_an_arm_too() -> None:
    spec = replace(EQUAL, question=Question.DEPTH, space={"depth": Range(low=1, high=8)})
    counts = Counter((str(r.params["depth"]), r.search) for r in asked_of(spec))
    for search in (0, 1):
        for low, high in ((1, 2), (3, 4), (5, 6), (7, 8)):
            assert counts[str(low), search] + counts[str(high), search] == 20


def test_requests_of_a_person_take_turns_of_their_arm() -> None:
    asked = AskTell(plan_study(EQUAL, load_builtin("wine")), ())
    asked.request([TrialRequest(id=f"r{n}", params={"activation": "tanh"}) for n in range(3)])
    done: list[TrialRecord] = []
    while batch := asked.ask(8):
        for record in batch:
            done.append(ended(record, Random(record.number)))
            asked.tell(done[-1])
    assert len(done) == 160
    assert {r.activation for r in done if r.source is TrialSource.REQUESTED} == {"tanh"}
    counts = Counter((record.activation, record.search) for record in done)
    assert set(counts.values()) == {20}


def test_numbers_go_on_and_every_trial_can_be_told_when_the_sampler_forgets() -> None:
    memory = get_sampler(SamplerName.TPE).history_size
    assert memory is not None
    assert memory * 1.5 < TRIALS
    done, _ = searched()
    assert [record.number for record in done] == list(range(TRIALS))


def test_forgetting_repeats_itself_and_still_learns() -> None:
    done, _ = searched()
    again, _ = searched()
    assert [record.params for record in done] == [record.params for record in again]

    def median(records: list[TrialRecord]) -> float:
        scores = sorted(r.values[0] for r in records if r.values)
        return scores[len(scores) // 2]

    assert median(done[-200:]) < 0.7 * median(done[:200])


def test_a_long_history_is_taken_up_with_its_running_trials() -> None:
    done, _ = searched()
    history = [
        *done[:600],
        *(replace(r, state=TrialState.RUNNING, values=None) for r in done[600:]),
    ]
    resumed = proposals(tuple(history))
    assert resumed.ask(10) == []
    for record in done[600:]:
        resumed.tell(record)
