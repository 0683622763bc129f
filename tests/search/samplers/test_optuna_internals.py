"""An Optuna that has changed inside: studies go on with its plain TPE, and the log says why."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from itertools import chain

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.samplers._tpe import parzen_estimator
from optuna.trial import FrozenTrial, TrialState

from search.data.datasets import load_builtin
from search.driver.ask_tell import AskTell
from search.driver.plan import plan_study
from search.samplers import SAMPLERS
from search.samplers.batched_tpe import BatchedTPE
from search.samplers.catalog import SamplerName
from search.samplers.optuna_internals import OptunaChanged, replace_estimator, running_trial
from search.study import Budget, Evaluation, SamplerSpec, StudySpec, TrialRecord

#: More than twice the 120 trials of the row, so that the sampler's history is trimmed.
LONG = 260


def without_estimator_class(patch: pytest.MonkeyPatch) -> None:
    """TPESampler makes its models otherwise, as it would have if the attribute went."""
    theirs = TPESampler.__init__
    estimator = parzen_estimator._ParzenEstimator

    def init(self: TPESampler, *arguments: object, **options: object) -> None:
        theirs(self, *arguments, **options)
        del self._parzen_estimator_cls

    def build(self: TPESampler, study, space, trials, handle_below):
        observations = self._get_internal_repr(trials, space, study)
        return estimator(observations, space, self._parzen_estimator_parameters)

    patch.setattr(TPESampler, "__init__", init)
    patch.setattr(TPESampler, "_build_parzen_estimator", build)


def without_mixture(patch: pytest.MonkeyPatch) -> None:
    """The estimator keeps its mixture under another name."""

    def renamed(self: object, name: str) -> object:
        if name == "mixture":
            return self.__dict__["_mixture_distribution"]
        raise AttributeError(name)

    theirs = parzen_estimator._ParzenEstimator

    class Renamed(theirs):
        __getattr__ = renamed

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            self.mixture = self.__dict__.pop("_mixture_distribution")

        def sample(self, rng, size):
            return self._untransform(self.mixture.sample(rng, size))

        def log_pdf(self, samples_dict):
            return self.mixture.log_pdf(self._transform(samples_dict))

    sampler = import_module("optuna.samplers._tpe.sampler")
    patch.setattr(sampler, "_ParzenEstimator", Renamed)


def without_kernel_module(patch: pytest.MonkeyPatch) -> None:
    """The module of the kernels has another name."""
    patch.setitem(sys.modules, "optuna.samplers._tpe.probability_distributions", None)


CHANGES = [without_estimator_class, without_mixture, without_kernel_module]


def asked(trials: int) -> AskTell:
    spec = StudySpec(
        dataset="wine",
        budget=Budget(trials=trials, epochs=3),
        # One sampler for all arms.
        sampler=SamplerSpec(name="tpe", seed=1, min_trials_per_activation=trials // 20),
        evaluation=Evaluation(searches=1),
    )
    return AskTell(plan_study(spec, load_builtin("wine")), ())


def score(record: TrialRecord) -> float:
    return abs(float(record.params["learning_rate"] or 0) - 0.01) + float(
        record.params["depth"] or 0
    )


@pytest.mark.parametrize(("change", "trials"), [*zip(CHANGES, (60, 60, LONG), strict=True)])
def test_a_study_goes_on_with_optunas_plain_tpe_and_the_log_warns(
    change: Callable[[pytest.MonkeyPatch], None],
    trials: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    change(monkeypatch)
    with caplog.at_level(logging.WARNING, logger="search"):
        study = asked(trials)
        first = study.ask(10)
    (warning,) = caplog.records
    assert warning.name == "search.samplers.batched_tpe"
    assert "install optuna~=5.0" in warning.getMessage()
    (sampler,) = study._studies.values()
    assert type(sampler._sampler) is TPESampler
    depths = []
    for batch in chain([first], iter(lambda: study.ask(10), [])):
        for record in batch:
            depths.append(record.params["depth"])
            study.tell(replace(record, state=TrialState.COMPLETE, values=(score(record),)))
    assert len(depths) == trials
    # Shallow networks score best. The first half is the stratified start, the rest has learned.
    assert sum(depth == 1 for depth in depths[trials // 2 :]) > trials // 4


@pytest.mark.parametrize("change", CHANGES)
def test_a_sampler_that_cannot_be_changed_is_left_as_it_was(
    change: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    sampler = TPESampler(seed=0)
    before = dict(sampler.__dict__)
    with pytest.raises(OptunaChanged, match=r"_parzen_est|_mixture_dist|probability_dist"):
        replace_estimator(sampler, lambda mixture: pytest.fail("no mixture can be read"))
    assert sampler.__dict__ == before


def test_the_optuna_at_hand_is_used_in_batches_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert isinstance(SAMPLERS[SamplerName.TPE].build(0), BatchedTPE)
    assert caplog.records == []


def test_a_trial_that_was_added_running_can_be_reported_and_told() -> None:
    study = optuna.create_study()
    study.add_trial(optuna.create_trial(value=1.0))
    study.add_trial(optuna.create_trial(state=TrialState.RUNNING))
    trial = running_trial(study, study.get_trials(deepcopy=False)[-1])
    trial.report(0.5, 3)
    study.tell(trial, 0.25)
    told = study.trials[-1]
    assert (told.number, told.value, told.intermediate_values) == (1, 0.25, {3: 0.5})


def test_without_ids_a_running_trial_is_found_by_its_number() -> None:
    class Anonymous(FrozenTrial):
        """A trial of an Optuna that has renamed the id."""

        def __getattribute__(self, name: str) -> object:
            if name == "_trial_id":
                raise AttributeError(name)
            return super().__getattribute__(name)

    study = optuna.create_study()
    study.add_trial(optuna.create_trial(value=1.0))
    study.add_trial(optuna.create_trial(state=TrialState.RUNNING))
    anonymous = study.trials[-1]
    anonymous.__class__ = Anonymous
    study.tell(running_trial(study, anonymous), 0.25)
    assert study.trials[-1].value == 0.25
