"""One function checks a study against its dataset, and the driver and the results resolve by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.analysis.live_results import LiveResults
from search.data.datasets import BUILTIN, Dataset
from search.driver.plan import plan_study
from search.errors import InvalidAxis, InvalidDataset, InvalidInput, UnknownChoice
from search.study import Choices, Evaluation, PrunerSpec, SamplerSpec, StudySpec, Task
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
    assert iris.spec == SPEC
    diabetes = check_study(replace(SPEC, dataset="diabetes"), BUILTIN["diabetes"].summary)
    assert [metric.name for metric in diabetes.objectives] == ["mse"]


def test_two_objectives_are_never_pruned() -> None:
    spec = replace(SPEC, objectives=("log_loss", "parameters"))
    checked = check_study(spec, BUILTIN["iris"].summary)
    assert checked.pruner.name == checked.spec.pruner.name == "none"
    assert checked.pruner.rungs(30) == (30,)
    assert replace(checked.spec, pruner=spec.pruner) == spec
