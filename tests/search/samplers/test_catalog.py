"""The table of samplers: every row searches a conditional space by ask and tell."""

import logging
import subprocess
import sys
import warnings

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.errors import InvalidInput, UnknownChoice
from search.samplers import SAMPLERS, check_sampler, get_sampler
from search.samplers.catalog import SamplerName, seed_for
from search.space import SearchSpace, build_space
from search.study import Axis, Choices, ParamValue, Range, SamplerSpec

SMALL: dict[str, Axis] = {
    "activation": Choices(values=("relu", "leaky_relu", "prelu")),
    "leaky_relu_slope": Choices(values=(0.01, 0.1, 0.3)),
    "prelu_slope": Choices(values=(0.1, 0.25)),
    "initializer": Choices(values=("kaiming_normal",)),
    "depth": Range(low=1, high=2),
    "learning_rate": Choices(values=(1e-3, 1e-2)),
    "weight_decay": Choices(values=(0.0,)),
}

CONTINUOUS: dict[str, Axis] = {
    "activation": Choices(values=("relu", "leaky_relu", "prelu")),
    "initializer": Choices(values=("kaiming_normal",)),
    "weight_decay": Choices(values=(0.0,)),
}

#: Gaussian processes take long; a few trials past their random start suffice.
TRIALS = dict.fromkeys(SamplerName, 40) | {SamplerName.GP: 14}


def space_for(name: SamplerName) -> SearchSpace:
    return build_space(SMALL if SAMPLERS[name].finite else CONTINUOUS)


def score(params: dict[str, ParamValue]) -> float:
    return abs(float(params["learning_rate"] or 0) - 0.01) + 0.1 * float(params["depth"] or 0)


def run(
    name: SamplerName, seed: int, trials: int, objectives: int = 1
) -> list[dict[str, ParamValue]]:
    """Ask four, tell four, until `trials` are told; never past the end of a grid."""
    space = space_for(name)
    study = optuna.create_study(
        directions=["minimize"] * objectives, sampler=SAMPLERS[name].build(seed)
    )
    told: list[dict[str, ParamValue]] = []
    trials = min(trials, (space.grid_size() or trials) - 1)
    while len(told) < trials:
        asked = [study.ask() for _ in range(min(4, trials - len(told)))]
        batch = [space.suggest(trial) for trial in asked]
        for trial, params in zip(asked, batch, strict=True):
            study.tell(trial, [score(params), float(params["depth"] or 0)][:objectives])
        told += batch
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    return told


def test_every_name_has_one_row_under_its_own_name() -> None:
    assert set(SAMPLERS) == set(SamplerName)
    assert all(row.name == name for name, row in SAMPLERS.items())


@pytest.mark.parametrize("name", SamplerName)
@pytest.mark.parametrize("objectives", [1, 2])
def test_searches_a_conditional_space_without_warnings(name: SamplerName, objectives: int) -> None:
    told = run(name, 0, TRIALS[name], objectives)
    assert {"relu", "leaky_relu", "prelu"} == {params["activation"] for params in told}


@pytest.mark.parametrize("name", [n for n in SamplerName if n is not SamplerName.GP])
def test_same_seed_proposes_the_same_and_another_seed_does_not(name: SamplerName) -> None:
    assert run(name, 5, 15) == run(name, 5, 15)
    assert run(name, 5, 15) != run(name, 6, 15)


def test_experimental_warnings_are_silenced_here_only() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for row in SAMPLERS.values():
            row.build(0)
        assert caught == []
        optuna.samplers.QMCSampler(seed=0)
        assert len(caught) == 1


def test_tpe_models_shared_axes_together_and_a_slope_where_there_is_one() -> None:
    space = build_space(
        {
            "activation": Choices(values=("relu", "leaky_relu")),
            "leaky_relu_slope": Range(low=0.0, high=0.5),
        }
    )
    sampler = SAMPLERS[SamplerName.TPE].build(0)
    study = optuna.create_study(sampler=sampler)
    late = []
    for number in range(120):
        trial = study.ask()
        params = space.suggest(trial)
        slope = params.get("leaky_relu_slope")
        study.tell(trial, 1.0 if slope is None else (float(slope) - 0.4) ** 2)
        late += [float(slope)] if slope is not None and number >= 80 else []
    modelled = sampler.infer_relative_search_space(study, study.trials[-1])
    assert set(modelled) == set(space.searched) - {"leaky_relu_slope"}
    assert np.mean(np.abs(np.array(late) - 0.4) < 0.1) > 0.7


def test_grid_tries_every_configuration_once_whatever_was_enqueued() -> None:
    space = build_space(SMALL)
    size = space.grid_size()
    assert size == (1 + 3 + 2) * 2 * 2
    study = optuna.create_study(sampler=SAMPLERS[SamplerName.GRID].build(0))
    study.enqueue_trial(space.stratum("prelu"))
    study.enqueue_trial({"depth": 2, "learning_rate": 1e-2})
    asked = [study.ask() for _ in range(size)]
    seen = [space.suggest(trial) for trial in asked]
    assert len({tuple(sorted(params.items())) for params in seen}) == size


def test_grid_refuses_continuous_axes_by_name() -> None:
    spec = SamplerSpec(name="grid")
    check_sampler(spec, build_space(SMALL))
    check_sampler(spec, build_space({**SMALL, "dropout": Range(low=0, high=0.5, step=0.1)}))
    with pytest.raises(InvalidInput, match="infinitely many values: dropout; list") as caught:
        check_sampler(spec, build_space({**SMALL, "dropout": Range(low=0, high=0.5)}))
    assert caught.value.pointer == "/sampler/name"


def test_other_samplers_take_any_space() -> None:
    for name in set(SamplerName) - {SamplerName.GRID}:
        check_sampler(SamplerSpec(name=name), build_space({}))


def test_unknown_sampler_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'random'") as caught:
        check_sampler(SamplerSpec(name="randm"), build_space({}))
    assert caught.value.pointer == "/sampler/name"
    assert get_sampler("tpe").name is SamplerName.TPE


def test_seed_is_stable_differs_by_study_and_history_and_fits_numpy() -> None:
    assert seed_for(0, 0) == seed_for(0, 0)
    seeds = {seed_for(study, length) for study in range(-5, 20) for length in range(200)}
    seeds |= {seed_for(0, 0, search, arm) for search in range(20) for arm in ("relu", "tanh")}
    assert len(seeds) == 25 * 200 + 40
    assert all(0 <= seed < 2**32 for seed in seeds)
    # A changed hash would change every recorded study's continuation.
    assert seed_for(0, 0) == 2161185375


def test_resumed_sampler_does_not_repeat_its_first_proposals() -> None:
    space = build_space(CONTINUOUS)

    def proposals(seed: int) -> list[dict[str, ParamValue]]:
        study = optuna.create_study(sampler=SAMPLERS[SamplerName.RANDOM].build(seed))
        return [space.suggest(study.ask()) for _ in range(3)]

    assert proposals(seed_for(1, 0)) == proposals(seed_for(1, 0))
    assert proposals(seed_for(1, 0)) != proposals(seed_for(1, 3))


def test_torch_is_loaded_by_the_gaussian_process_only() -> None:
    program = (
        "import sys\n"
        "from search.samplers import SAMPLERS\n"
        "for name, row in SAMPLERS.items():\n"
        "    if name != 'gp': row.build(0)\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_fallback_to_random_draws_is_not_logged_for_each_trial(
    caplog: pytest.LogCaptureFixture,
) -> None:
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.WARNING):
            run(SamplerName.GP, 0, 14)
    finally:
        optuna.logging.disable_propagation()
    assert "sampled independently" not in caplog.text
