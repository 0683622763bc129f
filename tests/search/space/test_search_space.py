"""The search space: overrides over defaults, conditional axes, checks, the baseline."""

import itertools
import pickle
from collections.abc import Callable
from typing import TypeVar

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from search.errors import InvalidAxis, InvalidInput, UnknownChoice
from search.space import AXES, SearchSpace, build_space
from search.study import Axis, Choices, Range

T = TypeVar("T")


def choices(*values: object) -> Choices:
    return Choices(values=values)  # type: ignore[arg-type]  # wrong values are the point


def asked(space: SearchSpace, count: int, seed: int = 0) -> list[tuple[optuna.Trial, dict]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trials = [study.ask() for _ in range(count)]
    return [(trial, space.suggest(trial)) for trial in trials]


FINITE: dict[str, Axis] = {
    "activation": choices("relu", "prelu", "silu"),
    "prelu_slope": choices(0.1, 0.25),
    "prelu_sharing": choices("layer", "channel"),
    "initializer": choices("orthogonal"),
    "depth": Range(low=1, high=3),
    "learning_rate": choices(1e-3, 1e-2),
    "weight_decay": choices(0.0),
    "optimizer": choices("adamw", "sgd"),
    "momentum": Range(low=0.5, high=0.9, step=0.2),
}


def test_defaults_are_a_study_of_ten_activations() -> None:
    space = build_space({})
    assert space.activations == (
        "relu",
        "leaky_relu",
        "prelu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "tanh",
        "sigmoid",
    )
    assert set(space.searched) == {
        "activation",
        "initializer",
        "depth",
        "learning_rate",
        "weight_decay",
        "leaky_relu_slope",
        "prelu_slope",
    }


def test_what_is_asked_for_replaces_the_default_and_the_rest_stays() -> None:
    space = build_space({"depth": Range(low=2, high=50), "width": choices(32, 64)})
    assert space.axes["depth"] == Range(low=2, high=50)
    assert space.axes["width"] == choices(32, 64)
    assert space.axes["learning_rate"] == AXES["learning_rate"].default


def test_axes_of_absent_activations_and_optimizers_are_absent() -> None:
    space = build_space({"activation": choices("relu", "elu")})
    assert "prelu_slope" not in space.axes
    assert "momentum" not in space.axes
    assert "elu_alpha" in space.axes
    assert "momentum" in build_space({"optimizer": choices("sgd")}).axes


def test_aliases_are_resolved_in_values_and_axis_names() -> None:
    space = build_space(
        {"activation": choices("swish", "linear"), "swish_beta": Range(low=0.5, high=2.0)}
    )
    assert space.activations == ("silu", "identity")
    assert space.axes["silu_beta"] == Range(low=0.5, high=2.0)


@pytest.mark.parametrize(
    ("overrides", "error", "sentence"),
    [
        ({"deph": choices(1)}, UnknownChoice, "axis 'deph' is not known; did you mean 'depth'"),
        (
            {"activation": choices("relu"), "prelu_slope": choices(0.1)},
            InvalidAxis,
            "axis 'prelu_slope': it exists only with activation 'prelu', which this space does "
            "not have; add 'prelu' to activation or leave 'prelu_slope' out",
        ),
        ({"momentum": choices(0.5)}, InvalidAxis, "exists only with optimizer 'sgd'"),
        ({"activation": choices("softmax")}, InvalidAxis, "belongs at the output"),
        (
            {"activation": choices("rrelu"), "rrelu_lower": Range(low=0.0, high=0.5)},
            InvalidAxis,
            "rrelu_lower': it reaches 0.5, above the least rrelu_upper, 0.333333",
        ),
        (
            {"silu_beta": choices(1.0), "swish_beta": choices(2.0)},
            InvalidAxis,
            "it is another name of 'silu_beta'",
        ),
    ],
)
def test_axes_that_make_no_sense_are_refused(
    overrides: dict[str, Axis], error: type[InvalidInput], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        build_space(overrides)
    assert caught.value.pointer.startswith("/space/")


def test_every_hidden_activation_can_be_searched_at_once() -> None:
    names = AXES["activation"].choices
    space = build_space({"activation": Choices(values=names)})
    assert set(space.axes) == set(AXES) - {"momentum", "patience"}


def test_suggested_configurations_hold_exactly_the_axes_that_exist() -> None:
    space = build_space({"optimizer": choices("adamw", "sgd")})
    seen = set()
    for trial, params in asked(space, 200):
        expected = {
            name
            for name in space.axes
            if (c := AXES[name].condition) is None or params[c.axis] == c.value
        }
        assert set(params) == expected
        assert set(trial.params) == expected & set(space.searched)
        assert trial.params.items() <= params.items()
        seen.add(params["activation"])
    assert seen == set(space.activations)


def test_distributions_equal_those_that_suggesting_left_in_the_trial() -> None:
    space = build_space(FINITE)
    for trial, params in asked(space, 50):
        assert space.distributions(params) == trial.distributions


def test_suggesting_takes_a_fixed_trial_too() -> None:
    space = build_space(FINITE)
    wanted = {"activation": "relu", "depth": 3, "learning_rate": 0.01, "optimizer": "adamw"}
    params = space.suggest(FixedTrial(wanted))
    assert wanted.items() <= params.items()
    assert params["initializer"] == "orthogonal"


def test_baseline_is_relu_with_he_initialization_at_usual_settings() -> None:
    baseline = build_space({"width": choices(64)}).baseline()
    assert baseline is not None
    assert baseline["activation"] == "relu"
    assert baseline["initializer"] == "kaiming_normal"
    assert (baseline["depth"], baseline["width"], baseline["learning_rate"]) == (2, 64, 1e-3)


def test_baseline_is_projected_into_the_space() -> None:
    space = build_space(
        {
            "depth": Range(low=5, high=9, step=2),
            "width": choices(16, 256),
            "initializer": choices("orthogonal"),
            "learning_rate": Range(low=0.01, high=0.1, log=True),
            "optimizer": choices("sgd"),
        }
    )
    baseline = space.baseline()
    assert baseline is not None
    assert space.check(baseline) == baseline
    assert baseline["depth"] == 5
    assert baseline["width"] == 16
    assert baseline["learning_rate"] == 0.01
    assert baseline["momentum"] == 0.9


def test_without_relu_there_is_no_baseline() -> None:
    assert build_space({"activation": choices("tanh", "gelu")}).baseline() is None


def test_baseline_can_be_enqueued_and_comes_out_as_it_was() -> None:
    space = build_space({"width": Range(low=32, high=128, step=32)})
    baseline = space.baseline()
    assert baseline is not None
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial({name: baseline[name] for name in space.distributions(baseline)})
    assert space.suggest(study.ask()) == baseline


def test_whole_configurations_of_the_space_pass_the_check_unchanged() -> None:
    space = build_space(FINITE)
    for _, params in asked(space, 50):
        assert space.check(params) == params


def test_value_of_a_stepped_axis_is_put_exactly_on_its_grid() -> None:
    space = build_space({"dropout": Range(low=0.0, high=0.3, step=0.1)})
    assert space.check({"dropout": 0.1 * 3}) == {"dropout": 0.3}
    with pytest.raises(InvalidInput, match=r"in steps of 0\.1"):
        space.check({"dropout": 0.25})


def test_partial_configuration_is_brought_into_normal_form() -> None:
    space = build_space({})
    assert space.check({"activation": "swish", "depth": 3.0}) == {"activation": "silu", "depth": 3}
    assert space.check({}) == {}


def test_parameter_of_the_only_activation_needs_no_activation_beside_it() -> None:
    space = build_space({"activation": choices("prelu")})
    assert space.check({"prelu_slope": 0.2}) == {"prelu_slope": 0.2}


@pytest.mark.parametrize(
    ("params", "pointer", "sentence"),
    [
        ({"deph": 3}, "/params/deph", "did you mean 'depth'"),
        ({"momentum": 0.5}, "/params/momentum", "axis of this study 'momentum' is not known"),
        ({"depth": 9}, "/params/depth", r"'depth' cannot be 9 in this study, .* \[1, 6\]"),
        ({"depth": 99}, "/params/depth", r"must lie in \[1, 50\]"),
        ({"width": 32}, "/params/width", "searches only 64"),
        ({"activation": "celu"}, "/params/activation", "cannot be celu in this study"),
        ({"activation": "rleu"}, "/params/activation", "did you mean 'relu'"),
        ({"activation": "softmax"}, "/params/activation", "belongs at the output"),
        ({"prelu_slope": 0.1}, "/params/prelu_slope", "set activation to 'prelu' or leave"),
        ({"activation": "relu", "prelu_slope": 0.1}, "/params/prelu_slope", "exists only where"),
        ({"depth": "deep"}, "/params/depth", "'deep' is not a number"),
    ],
)
def test_configuration_outside_the_space_is_refused(params, pointer: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        build_space({}).check(params)
    assert caught.value.pointer == pointer


def test_stratum_fixes_the_activation_only_where_it_is_searched() -> None:
    assert build_space({}).stratum("gelu") == {"activation": "gelu"}
    assert build_space({"activation": choices("gelu")}).stratum("gelu") == {}
    with pytest.raises(UnknownChoice, match="activation of this study 'celu'"):
        build_space({}).stratum("celu")


def test_grid_size_counts_the_conditional_tree() -> None:
    space = build_space(FINITE)
    # (relu 1 + prelu 2*2 + silu 1) * depth 3 * rate 2 * (adamw 1 + sgd 3)
    assert space.grid_size() == 6 * 3 * 2 * 4
    distinct = {tuple(sorted(p.items())) for _, p in asked(space, 5000)}
    assert len(distinct) == space.grid_size()


def test_continuous_axes_have_no_grid() -> None:
    space = build_space({})
    assert space.grid_size() is None
    assert space.continuous == ("learning_rate", "weight_decay", "leaky_relu_slope", "prelu_slope")


def test_space_survives_a_journey_to_another_process() -> None:
    space = build_space(FINITE)
    assert pickle.loads(pickle.dumps(space)) == space


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([*itertools.chain(*(row.choices for row in AXES.values()))]),
    st.text(max_size=5),
)
numbers = st.one_of(st.integers(), st.floats(), st.floats(0, 10))
axes = st.one_of(
    st.lists(values, max_size=4).map(lambda v: Choices(values=tuple(v))),
    st.builds(
        Range, low=numbers, high=numbers, step=st.one_of(st.none(), numbers), log=st.booleans()
    ),
)


def attempt(action: Callable[[], T]) -> tuple[T | None, InvalidInput | None]:
    try:
        return action(), None
    except InvalidInput as error:
        return None, error


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*AXES, "nonsense"]), axes, max_size=3))
def test_any_overrides_make_a_space_that_can_be_sampled_or_a_sentence(overrides) -> None:
    space, refusal = attempt(lambda: build_space(overrides))
    if space is None:
        assert refusal is not None
        assert refusal.pointer.startswith("/space/")
        return
    for trial, params in asked(space, 3):
        assert space.check(params) == params
        assert space.distributions(params) == trial.distributions
    baseline = space.baseline()
    assert baseline is None or space.check(baseline) == baseline


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*AXES, "nonsense"]), values, max_size=3))
def test_any_configuration_is_checked_or_refused_with_a_sentence(params) -> None:
    space = build_space({"optimizer": choices("adamw", "sgd")})
    checked, refusal = attempt(lambda: space.check(params))
    if checked is None:
        assert refusal is not None
        assert refusal.pointer.startswith("/params/")
    else:
        assert checked.keys() == params.keys()
