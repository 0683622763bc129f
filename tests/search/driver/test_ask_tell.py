"""Asking and telling over a long study, of which the sampler sees a part only."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from optuna.trial import TrialState

from search.data.datasets import load_builtin
from search.driver.ask_tell import AskTell
from search.driver.plan import plan_study
from search.samplers import get_sampler
from search.samplers.catalog import SamplerName
from search.study import Budget, SamplerSpec, StudySpec, TrialRecord

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
