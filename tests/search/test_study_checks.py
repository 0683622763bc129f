"""One function checks a study against its dataset, and the driver and the results resolve by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.analysis.live_results import LiveResults
from search.data.datasets import BUILTIN, Dataset
from search.driver.plan import plan_study
from search.errors import InvalidAxis, InvalidDataset, InvalidInput, UnknownChoice
from search.study import (
    Budget,
    Choices,
    Evaluation,
    PrunerSpec,
    Question,
    SamplerSpec,
    StudySpec,
    Task,
)
from search.study_checks import check_study

SPEC = StudySpec(dataset="iris")
BROKEN = {
    "objective": (replace(SPEC, objectives=("acuracy",)), UnknownChoice),
    "objective of another task": (replace(SPEC, objectives=("mse",)), InvalidInput),
    "axis": (replace(SPEC, space={"width": Choices(values=(0,))}), InvalidAxis),
    "sampler": (replace(SPEC, sampler=SamplerSpec(name="tpee")), UnknownChoice),
    "sampler of finite spaces": (replace(SPEC, sampler=SamplerSpec(name="grid")), InvalidInput),
    "pruner": (replace(SPEC, pruner=PrunerSpec(name="medium")), UnknownChoice),
    "pruner that two objectives leave unused": (
        replace(SPEC, objectives=("log_loss", "parameters"), pruner=PrunerSpec(name="medium")),
        UnknownChoice,
    ),
    "folds": (replace(SPEC, evaluation=Evaluation(folds=20, test_fraction=0.8)), InvalidDataset),
}


@pytest.mark.parametrize(("spec", "error"), BROKEN.values(), ids=BROKEN)
def test_every_broken_rule_is_refused_alike_wherever_a_study_is_checked(
    spec: StudySpec, error: type[InvalidInput], iris: Dataset
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_study(spec, BUILTIN["iris"].summary)
    assert type(refused.value) is error
    assert refused.value.pointer != ""
    for check in (plan_study, LiveResults):
        with pytest.raises(error) as again:
            check(spec, iris)
        assert str(again.value) == str(refused.value)


def test_names_are_resolved_for_the_task_of_the_dataset() -> None:
    iris = check_study(SPEC, BUILTIN["iris"].summary)
    assert (iris.task, [metric.name for metric in iris.objectives]) == (
        Task.MULTICLASS,
        ["log_loss"],
    )
    assert iris.pruner.name == SPEC.pruner.name
    assert iris.spec == replace(SPEC, budget=iris.spec.budget)
    diabetes = check_study(replace(SPEC, dataset="diabetes"), BUILTIN["diabetes"].summary)
    assert [metric.name for metric in diabetes.objectives] == ["mse"]


def test_two_objectives_are_never_pruned() -> None:
    spec = replace(SPEC, objectives=("log_loss", "parameters"))
    checked = check_study(spec, BUILTIN["iris"].summary)
    assert checked.pruner.name == checked.spec.pruner.name == "none"
    assert checked.pruner.rungs(30) == (30,)
    assert replace(checked.spec, pruner=spec.pruner, budget=spec.budget) == spec


@pytest.mark.parametrize(
    ("trials", "searches", "sampler", "expected"),
    [
        (0, 4, "tpe", (240, 4)),
        (0, 2, "random", (120, 2)),
        (200, 4, "tpe", (200, 4)),
        (79, 4, "tpe", (79, 3)),
        (39, 4, "tpe", (39, 1)),
        (3, 4, "tpe", (3, 1)),
        (0, 4, "grid", (8, 1)),
        (100, 4, "grid", (8, 1)),
        (5, 4, "grid", (5, 1)),
    ],
)
def test_trials_and_searches_go_together(
    trials: int, searches: int, sampler: str, expected: tuple[int, int]
) -> None:
    rates = (0.001, 0.01)
    spec = StudySpec(
        dataset="iris",
        space={
            "activation": Choices(values=("relu", "tanh")),
            "initializer": Choices(values=("lecun_normal",)),
            "depth": Choices(values=(1, 2)),
            "learning_rate": Choices(values=rates),
            "weight_decay": Choices(values=(0.0,)),
        },
        sampler=SamplerSpec(name=sampler),
        budget=Budget(trials=trials),
        evaluation=Evaluation(searches=searches),
    )
    checked = check_study(spec, BUILTIN["iris"].summary).spec
    assert (checked.budget.trials, checked.evaluation.searches) == expected
    assert check_study(checked, BUILTIN["iris"].summary).spec == checked
    if sampler != "grid":
        more = replace(checked, evaluation=replace(checked.evaluation, searches=9), extensions=1)
        assert check_study(more, BUILTIN["iris"].summary).spec == more


def test_a_question_has_the_arms_of_its_axis_and_the_axes_it_needs() -> None:
    depth = check_study(replace(SPEC, question=Question.DEPTH), BUILTIN["iris"].summary)
    assert depth.arms.axis == "depth"
    assert depth.spec.budget.trials == 30 * 4 * len(depth.arms.names)
    slope = check_study(StudySpec(dataset="iris", question=Question.SLOPE), BUILTIN["iris"].summary)
    assert slope.space.activations == ("leaky_relu",)
    assert slope.arms.axis == "leaky_relu_slope"
    with pytest.raises(InvalidInput, match="slopes of one activation"):
        check_study(
            replace(
                SPEC, question=Question.SLOPE, space={"activation": Choices(values=("relu", "elu"))}
            ),
            BUILTIN["iris"].summary,
        )
