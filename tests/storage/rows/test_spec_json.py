"""A spec comes back exactly, and specs of older versions can still be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.space import build_space
from search.study import (
    Budget,
    Choices,
    Evaluation,
    Expression,
    ExpressionParameter,
    PrunerScope,
    PrunerSpec,
    Question,
    Range,
    SamplerSpec,
    StudySpec,
    Task,
)
from storage.rows.spec_json import read_spec, write_spec

FULL = StudySpec(
    dataset="ds_abc",
    name="Größe & <slope>",
    task=Task.BINARY,
    space={
        "activation": Choices(values=("relu", "prelu")),
        "gradient_clip": Choices(values=(None, 1, 1.0, True, "1")),
        "prelu_slope": Range(low=0.0, high=0.5, step=0.1),
        "learning_rate": Range(low=1e-4, high=0.1, log=True),
        "depth": Range(low=1, high=8),
    },
    sampler=SamplerSpec(name="random", seed=2**40, min_trials_per_activation=3),
    pruner=PrunerSpec(name="median", scope=PrunerScope.STUDY),
    budget=Budget(trials=7, epochs=3, seconds=1.5),
    evaluation=Evaluation(
        searches=3, folds=1, test_fraction=0.0, confirm_top=0, confirm_repeats=1, region=0.01
    ),
    objectives=("log_loss", "parameters"),
    question=Question.DEPTH,
    extensions=2,
    least_repeats=12,
)


@pytest.mark.parametrize("spec", [StudySpec(dataset="digits"), FULL])
def test_a_spec_comes_back_exactly(spec: StudySpec) -> None:
    again = read_spec(write_spec(spec))
    assert again == spec
    assert repr(again.space) == repr(spec.space)
    assert isinstance(again.task, type(spec.task))
    assert isinstance(again.pruner.scope, PrunerScope)


def test_an_old_study_keeps_the_default_initializers_of_its_day() -> None:
    """Optuna refuses another list of choices in the same study: it could not be extended."""
    old = json.loads(write_spec(StudySpec(dataset="digits")))
    del old["defaults"]
    kept = read_spec(json.dumps(old)).space["initializer"]
    assert kept == Choices(
        values=("xavier_uniform", "kaiming_normal", "lecun_normal", "orthogonal")
    )
    assert build_space({"initializer": kept}).axes["initializer"] == kept
    old["space"] = {"initializer": {"kind": "choices", "values": ["lsuv"]}}
    assert read_spec(json.dumps(old)).space == {"initializer": Choices(values=("lsuv",))}
    assert read_spec(write_spec(StudySpec(dataset="digits"))).space == {}


def test_what_an_older_version_did_not_write_gets_its_default() -> None:
    # Before there were independent searches there was one.
    assert read_spec('{"dataset": "digits", "defaults": 1}') == StudySpec(
        dataset="digits", evaluation=Evaluation(searches=1)
    )
    document = json.loads(write_spec(FULL))
    del document["evaluation"]["confirm_repeats"]
    del document["pruner"]["scope"]
    spec = read_spec(json.dumps(document))
    assert spec.evaluation.confirm_repeats == Evaluation().confirm_repeats
    assert spec.pruner == PrunerSpec(name="median")


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
AXES = st.builds(Choices, values=st.lists(VALUES, min_size=1).map(tuple)) | st.builds(
    Range,
    low=st.floats(allow_nan=False) | st.integers(),
    high=st.floats(allow_nan=False) | st.integers(),
    step=st.none() | st.floats(allow_nan=False),
    log=st.booleans(),
)


@given(space=st.dictionaries(st.text(), AXES), name=st.text())
def test_any_space_comes_back(space: dict[str, Choices | Range], name: str) -> None:
    again = read_spec(write_spec(StudySpec(dataset="digits", name=name, space=space)))
    assert {key: repr(axis) for key, axis in again.space.items()} == {
        key: repr(axis) for key, axis in space.items()
    }
    assert again.name == name


def test_expressions_come_back_exactly() -> None:
    beta = ExpressionParameter(name="beta", default=1.0, low=0.1, high=3.0, log=True, learned=True)
    spec = StudySpec(
        dataset="iris",
        space={"activation": Choices(values=("relu", "wave"))},
        expressions=(
            Expression(name="wave", expression="sin(beta*x)", parameters=(beta,)),
            Expression(name="plain", expression="x"),
        ),
    )
    assert read_spec(write_spec(spec)) == spec
