"""Proposals of a batch: each is what Optuna's TPE would choose among its candidates."""

import warnings
from collections.abc import Callable
from statistics import fmean, median

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from search.samplers import SAMPLERS
from search.samplers.batched_tpe import CANDIDATES, MAX_BATCH_SIZE, BatchedTPE
from search.samplers.catalog import SamplerName

KINDS = ("a", "b", "c")
SHARED = ("kind", "depth", "rate")


def suggest(trial: optuna.Trial) -> optuna.Trial:
    """Give the trial its values; only the kind "a" has a slope and a curve."""
    if trial.suggest_categorical("kind", KINDS) == "a":
        trial.suggest_float("slope", 0.0, 1.0)
        trial.suggest_int("curve", 0, 9)
    trial.suggest_int("depth", 1, 6)
    trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    return trial


def loss(params: dict[str, object]) -> float:
    kind = {"a": 0.0, "b": 0.3, "c": 1.0}[str(params["kind"])]
    depth, rate, slope = (float(str(params.get(name, 0.5))) for name in ("depth", "rate", "slope"))
    return kind + 0.1 * abs(depth - 2) + abs(rate - 3e-3) ** 0.5 + 0.3 * abs(slope - 0.5)


def study_of(sampler: BaseSampler, trials: int = 30) -> optuna.Study:
    """A study that knows the same random trials whatever its sampler."""
    study = optuna.create_study(sampler=sampler)
    random = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=7))
    for _ in range(trials):
        drawn = suggest(random.ask())
        random.tell(drawn, loss(drawn.params))
    study.add_trials(random.trials)
    return study


def ask(study: optuna.Study, count: int) -> list[optuna.Trial]:
    return [suggest(study.ask()) for _ in range(count)]


def rounded(trial: optuna.Trial) -> dict[str, object]:
    """Its values, floats to nine digits: the last ones are a matter of how they are computed."""
    return {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in trial.params.items()}


def batched(seed: int, expected: int = MAX_BATCH_SIZE) -> BaseSampler:
    sampler = SAMPLERS[SamplerName.TPE].build(seed)
    assert isinstance(sampler, BatchedTPE)
    sampler.set_batch_size(expected)
    return sampler


def plain(seed: int, candidates: int = CANDIDATES) -> TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            seed=seed, n_ei_candidates=candidates, multivariate=True, group=True, constant_liar=True
        )


@pytest.mark.parametrize("seed", range(3))
def test_what_optuna_would_choose_of_all_candidates_is_among_the_proposals(seed: int) -> None:
    def shared(trial: optuna.Trial) -> list[object]:
        return [rounded(trial)[name] for name in SHARED]

    batch = ask(study_of(batched(seed)), MAX_BATCH_SIZE)
    (best,) = ask(study_of(plain(seed, MAX_BATCH_SIZE * CANDIDATES)), 1)
    assert shared(best) in map(shared, batch)
    assert len({str(trial.params) for trial in batch}) > MAX_BATCH_SIZE // 2


@pytest.mark.parametrize("seed", range(8))
def test_one_proposal_is_the_one_that_optuna_makes(seed: int) -> None:
    (ours,), (theirs,) = ask(study_of(batched(seed, 1)), 1), ask(study_of(plain(seed)), 1)
    assert rounded(ours) == rounded(theirs)
    # The best kind is the one whose slope and curve are a group of their own.
    assert set(ours.params) == {*SHARED, "slope", "curve"}


def test_axes_of_a_group_are_drawn_together_and_only_for_trials_that_have_them() -> None:
    study = study_of(batched(0))
    modelled = study.sampler.infer_relative_search_space(study, study.trials[0])
    assert set(modelled) == set(SHARED)
    batch = [trial.params for trial in ask(study, MAX_BATCH_SIZE)]
    own = {(params["slope"], params["curve"]) for params in batch if params["kind"] == "a"}
    assert len(own) > MAX_BATCH_SIZE // 4
    others = [set(params) for params in batch if params["kind"] != "a"]
    assert others == [set(SHARED)] * len(others)
    assert others


def test_a_told_trial_is_in_the_model_of_the_next_proposal() -> None:
    study = study_of(batched(0))
    ask(study, 1)
    left = [trial.params for trial in ask(study, 3)]
    study = study_of(batched(0))
    (first,) = ask(study, 1)
    study.tell(first, 0.0)
    assert [trial.params for trial in ask(study, 3)] != left


def test_what_is_left_for_a_slope_holds_until_a_trial_with_one_is_told() -> None:
    def next_slope(told: str) -> object:
        """The slope proposed after a trial of that kind was told in the middle of a batch."""
        study = study_of(batched(0))
        study.enqueue_trial({"kind": "a"})
        with_slope = suggest(study.ask())
        study.enqueue_trial({"kind": "b"})
        without = suggest(study.ask())
        if told:
            trial = with_slope if told == "a" else without
            study.tell(trial, 0.0)
        study.enqueue_trial({"kind": "a"})
        return suggest(study.ask()).params["slope"]

    assert next_slope("b") == next_slope("")
    assert next_slope("a") != next_slope("")


def test_an_axis_that_first_comes_late_is_modelled_from_then_on() -> None:
    study = study_of(batched(0))
    ask(study, 1)
    assert set(study.sampler.infer_relative_search_space(study, study.trials[0])) == set(SHARED)
    late = study.ask()
    late.suggest_float("rate", 1e-4, 1e-1, log=True)
    study.tell(late, 0.0)
    assert set(study.sampler.infer_relative_search_space(study, late)) == {"rate"}


def test_groups_outlive_the_study_that_showed_them() -> None:
    """A study of what is remembered may lack the trials with a slope; the next may have one."""

    def complete(study: optuna.Study, params: dict[str, object]) -> None:
        study.enqueue_trial(params)
        study.tell(branching(study.ask()), 1.0)

    def branching(trial: optuna.Trial) -> optuna.Trial:
        kind = trial.suggest_categorical("kind", KINDS)
        if kind in ("a", "b"):
            trial.suggest_float(f"slope of {kind}", 0.0, 1.0)
        if trial.suggest_categorical("optimizer", ("adam", "sgd")) == "sgd":
            trial.suggest_float("momentum", 0.0, 1.0)
        return trial

    sampler = batched(0)
    study = optuna.create_study(sampler=sampler)
    for kind in KINDS * 6:
        complete(study, {"kind": kind, "optimizer": "adam"})
    branching(study.ask())
    recalled = [trial for trial in study.trials if trial.params["kind"] == "c"]
    study = optuna.create_study(sampler=sampler)
    study.add_trials([trial for trial in recalled if trial.state.is_finished()] * 3)
    complete(study, {"kind": "c", "optimizer": "sgd"})  # axes that none had: groups are made anew
    study.enqueue_trial({"kind": "a"})
    assert 0.0 <= branching(study.ask()).params["slope of a"] <= 1.0


def test_more_than_a_batch_can_be_asked() -> None:
    proposals = [str(trial.params) for trial in ask(study_of(batched(0)), 2 * MAX_BATCH_SIZE + 1)]
    assert len(set(proposals)) > MAX_BATCH_SIZE


def test_begins_at_random_as_optuna_does() -> None:
    study = optuna.create_study(sampler=batched(0))
    assert len({str(trial.params) for trial in ask(study, 10)}) == 10


@pytest.mark.parametrize("make", [batched, plain])
def test_searches_as_well_as_when_asked_one_by_one(make: Callable[[int], BaseSampler]) -> None:
    def late(seed: int) -> float:
        study = study_of(make(seed), 10)
        for _ in range(6):
            for trial in ask(study, 10):
                study.tell(trial, loss(trial.params))
        return fmean(trial.value or 0.0 for trial in study.trials[-20:])

    # Random search: 0.66.
    assert median(map(late, range(9))) < 0.45
