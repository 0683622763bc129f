"""Trials of other programs teach the samplers of an extended study."""

from __future__ import annotations

import pytest

from search.data.datasets import load_builtin
from search.driver import run_study
from search.driver.outside import fitting
from search.driver.plan import StudyPlan, plan_study
from search.study import (
    Budget,
    Choices,
    Evaluation,
    OutsideTrial,
    ParamValue,
    Range,
    StudySpec,
    TrialSource,
)
from tests.search.driver.events import trials_of

SPEC = StudySpec(
    dataset="iris",
    space={
        "activation": Choices(values=("relu", "leaky_relu")),
        "initializer": Choices(values=("kaiming_normal",)),
        "depth": Range(low=1, high=3),
        "width": Choices(values=(8,)),
        "learning_rate": Range(low=1e-4, high=1e-1, log=True),
        "weight_decay": Choices(values=(0.0,)),
    },
    budget=Budget(trials=40, epochs=2),
    evaluation=Evaluation(searches=1, folds=2, confirm_top=0),
)
GIVEN: dict[str, ParamValue] = {"activation": "relu", "depth": 2, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return plan_study(SPEC, load_builtin("iris"))


def test_a_trial_that_fits_is_whole(plan: StudyPlan) -> None:
    (record,) = fitting(plan, [OutsideTrial(params=GIVEN, values=(0.5,))])
    assert record.params == plan.space.check(record.params)
    assert (record.params["width"], record.params["learning_rate"]) == (8, 0.05)
    assert set(record.distributions) == {"activation", "depth", "learning_rate"}
    assert record.values == (0.5,)


@pytest.mark.parametrize(
    ("params", "values"),
    [
        ({**GIVEN, "depth": 4}, (0.5,)),
        ({**GIVEN, "activation": "tanh"}, (0.5,)),
        ({**GIVEN, "leaky_relu_slope": 0.1}, (0.5,)),
        ({**GIVEN, "own": 0.5}, (0.5,)),
        ({"activation": "relu", "depth": 2}, (0.5,)),
        ({**GIVEN, "activation": "leaky_relu"}, (0.5,)),
        (GIVEN, (0.5, 1.0)),
        (GIVEN, (float("nan"),)),
    ],
)
def test_what_does_not_fit_is_left_out(
    params: dict[str, ParamValue], values: tuple[float, ...], plan: StudyPlan
) -> None:
    assert list(fitting(plan, [OutsideTrial(params=params, values=values)])) == []


def test_samplers_learn_from_them(plan: StudyPlan) -> None:
    # Whatever is tried, the others have found that a learning rate near 0.0002 is the best.
    outside = [
        OutsideTrial(
            params={**GIVEN, "learning_rate": 2e-4 * 1.02**k if k % 2 else 0.01 * 1.05**k},
            values=(-10.0 if k % 2 else 10.0,),
        )
        for k in range(40)
    ]
    iris = load_builtin("iris")

    def rates(outside: list[OutsideTrial]) -> list[float]:
        trials = trials_of(run_study(SPEC, iris, outside=outside))
        assert [record.number for record in trials] == list(range(40))
        chosen = (r for r in trials if r.source is TrialSource.SAMPLER and r.activation == "relu")
        return [float(str(record.params["learning_rate"])) for record in chosen]

    def near(found: list[float]) -> float:
        return sum(1e-4 <= rate <= 6e-4 for rate in found) / len(found)

    assert near(rates(outside)) > 2 * near(rates([]))
