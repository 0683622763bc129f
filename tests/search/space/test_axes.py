"""The table of axes and what is done with one axis or one value."""

import json
from math import inf, nan

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search.activations import ACTIVATIONS
from search.errors import InvalidAxis, InvalidInput, UnknownChoice
from search.space import AXES
from search.space.axes import AXIS_ALIASES, AxisKind, axes_catalog, describe_axis
from search.space.axis_rules import (
    MOST_STEPS,
    axis_size,
    check_axis,
    check_value,
    clip,
    contains,
    distribution_of,
    format_axis,
)
from search.space.initializers import InitializerName
from search.study import Choices, Range


def choices(*values: object) -> Choices:
    return Choices(values=values)  # type: ignore[arg-type]  # wrong values are the point


@pytest.mark.parametrize("row", AXES.values(), ids=lambda row: row.name)
def test_default_and_usual_value_of_every_axis_are_legal(row) -> None:
    check_axis(row, row.default)
    assert check_value(row, row.usual) == row.usual


def test_an_axis_comes_after_the_one_its_existence_depends_on() -> None:
    seen: set[str] = set()
    for row in AXES.values():
        assert row.condition is None or row.condition.axis in seen
        seen.add(row.name)


def test_every_parameter_of_every_hidden_activation_has_an_axis_under_its_condition() -> None:
    for activation in ACTIVATIONS.values():
        for parameter in activation.parameters:
            condition = AXES[activation.axis_name(parameter.name)].condition
            assert condition is not None
            assert (condition.axis, condition.value) == ("activation", activation.name)


def test_initializer_axis_offers_the_whole_table() -> None:
    assert AXES["initializer"].choices == tuple(InitializerName)


def test_aliases_of_axes_lead_to_axes() -> None:
    assert AXIS_ALIASES["swish_beta"] == "silu_beta"
    assert AXIS_ALIASES["siren_frequency"] == "sine_frequency"
    assert set(AXIS_ALIASES.values()) <= set(AXES)
    assert not set(AXIS_ALIASES) & set(AXES)


def test_catalog_is_plain_json_with_one_entry_an_axis() -> None:
    catalog = json.loads(json.dumps(axes_catalog(), allow_nan=False))
    assert [entry["name"] for entry in catalog] == list(AXES)
    by_name = {entry["name"]: entry for entry in catalog}
    assert by_name["prelu_slope"]["exists_if"] == {"activation": "prelu"}
    assert by_name["depth"]["default"] == {"low": 1, "high": 6}
    assert by_name["learning_rate"]["default"] == {"low": 1e-4, "high": 1e-1, "log": True}
    assert by_name["width"]["default"] == 64
    assert by_name["gradient_clip"]["nullable"] is True


@pytest.mark.parametrize(
    ("axis", "value", "sentence"),
    [
        ("depth", 0, r"axis 'depth': 0 is not allowed; it must lie in \[1, 50\]"),
        ("depth", 51, "51 is not allowed"),
        ("depth", 2.5, "2.5 must be a whole number"),
        ("depth", True, "true is not a number"),
        ("depth", "3", "'3' is not a number"),
        ("depth", None, "null is not a number"),
        ("learning_rate", nan, "nan is not allowed"),
        ("learning_rate", inf, "inf is not allowed"),
        ("learning_rate", -0.1, "-0.1 is not allowed"),
        ("dropout", 1.0, "1.0 is not allowed"),
        ("gradient_clip", "off", "'off' is not a number; give numbers or null"),
        ("gradient_clip", 0, "0 is not allowed"),
        ("width", 10**400, "is not allowed"),
        ("activation", "softmax", "'softmax' cannot be used here. Softmax belongs at the output"),
        ("silu_learned", 1, "silu_learned '1' is not known; choose one of false, true"),
        ("prelu_sharing", None, "choose one of layer, channel"),
        ("optimizer", "adam", "did you mean 'adamw'"),
        ("normalization", 3, "choose one of none, batch, layer"),
    ],
)
def test_illegal_value_is_refused_with_its_rule(axis: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        check_value(AXES[axis], value)
    assert caught.value.pointer == f"/space/{axis}"


@pytest.mark.parametrize(
    ("axis", "value", "normal"),
    [
        ("depth", 3.0, 3),
        ("learning_rate", 1, 1.0),
        ("gradient_clip", None, None),
        ("gradient_clip", 1, 1.0),
        ("activation", "swish", "silu"),
        ("activation", "linear", "identity"),
        ("initializer", "he_normal", "kaiming_normal"),
        ("silu_learned", True, True),
    ],
)
def test_legal_value_is_brought_into_normal_form(axis: str, value: object, normal: object) -> None:
    checked = check_value(AXES[axis], value)
    assert checked == normal
    assert type(checked) is type(normal)


@pytest.mark.parametrize(
    ("axis", "value", "sentence"),
    [
        ("depth", Choices(values=()), "the list of choices is empty"),
        ("depth", choices(1, 2, 1.0), "1 is listed twice"),
        ("activation", choices("silu", "swish"), "'silu' is listed twice"),
        ("activation", choices("relu", "softmax"), "belongs at the output"),
        ("activation", choices("rleu"), "did you mean 'relu'"),
        ("activation", Range(low=1, high=2), "a range makes no sense for names; list some of"),
        ("depth", Range(low=4, high=2), "low 4 is greater than high 2; swap them"),
        ("depth", Range(low=1.5, high=4), "1.5 must be a whole number"),
        ("depth", Range(low=1, high=99), "99 is not allowed"),
        ("depth", Range(low=1, high=9, step=1.5), "step 1.5 must be a whole number"),
        ("depth", Range(low=1, high=9, step=0), "step 0 must be greater than 0"),
        ("dropout", Range(low=0, high=0.5, log=True), "must start above 0, not at 0.0"),
        ("dropout", Range(low=0, high=0.5, step=nan), "must be greater than 0"),
        ("dropout", Range(low=0, high=0.5, step=1e-300), "more than 1,000,000 parts"),
        ("width", Range(low=1, high=64, step=2, log=True), "either a step or log, not both"),
        ("learning_rate", Range(low=nan, high=0.1), "nan is not allowed"),
    ],
)
def test_axis_that_cannot_be_searched_is_refused(
    axis: str, value: Choices | Range, sentence: str
) -> None:
    with pytest.raises((InvalidAxis, UnknownChoice), match=sentence):
        check_axis(AXES[axis], value)


def test_range_of_one_value_is_one_choice() -> None:
    assert check_axis(AXES["depth"], Range(low=3.0, high=3.0)) == choices(3)
    assert check_axis(AXES["dropout"], Range(low=0, high=0)) == choices(0.0)


def test_high_end_of_a_stepped_range_moves_onto_the_grid() -> None:
    checked = check_axis(AXES["depth"], Range(low=1, high=6, step=2))
    assert checked == Range(low=1, high=5, step=2)
    # In binary 0.3 / 0.1 is 2.9999999999999996.
    checked = check_axis(AXES["dropout"], Range(low=0.0, high=0.3, step=0.1))
    assert checked == Range(low=0.0, high=0.3, step=0.1)
    assert axis_size(AXES["dropout"], checked) == 4
    assert check_axis(AXES["depth"], Range(low=2, high=3, step=5)) == choices(2)


def test_finest_step_allowed_still_has_a_size() -> None:
    axis = check_axis(AXES["dropout"], Range(low=0.0, high=0.5, step=0.5 / MOST_STEPS))
    assert axis_size(AXES["dropout"], axis) == MOST_STEPS + 1


def test_distributions_are_those_of_optuna() -> None:
    def made(name: str, axis: Choices | Range) -> object:
        return distribution_of(AXES[name], check_axis(AXES[name], axis))

    assert made("depth", Range(low=1, high=8)) == IntDistribution(1, 8)
    assert made("width", Range(low=8, high=64, log=True)) == IntDistribution(8, 64, log=True)
    assert made("width", Range(low=8, high=64, step=8)) == IntDistribution(8, 64, step=8)
    assert made("width", choices(32, 64)) == CategoricalDistribution((32, 64))
    assert made("gradient_clip", choices(None, 1)) == CategoricalDistribution((None, 1.0))
    assert made("dropout", Range(low=0, high=0.5)) == FloatDistribution(0.0, 0.5)
    assert made("dropout", Range(low=0, high=0.5, step=0.25)) == FloatDistribution(
        0.0, 0.5, step=0.25
    )
    assert made("learning_rate", Range(low=1e-4, high=0.1, log=True)) == FloatDistribution(
        1e-4, 0.1, log=True
    )


@pytest.mark.parametrize(
    ("name", "axis", "size"),
    [
        ("depth", Range(low=1, high=8), 8),
        ("width", Range(low=8, high=64, step=8), 8),
        ("width", Range(low=8, high=64, log=True), 57),
        ("dropout", Range(low=0, high=0.5), None),
        ("dropout", choices(0.1, 0.2, 0.3), 3),
    ],
)
def test_size_counts_the_values(name: str, axis: Choices | Range, size: int | None) -> None:
    assert axis_size(AXES[name], check_axis(AXES[name], axis)) == size


@pytest.mark.parametrize(
    ("name", "axis", "value", "expected"),
    [
        ("depth", Range(low=3, high=6), 2, 3),
        ("depth", Range(low=1, high=9, step=4), 4, 5),
        ("width", Range(low=128, high=512), 64, 128),
        ("width", choices(32, 100), 64, 32),
        ("learning_rate", Range(low=1e-2, high=1e-1, log=True), 1e-3, 1e-2),
        ("dropout", Range(low=0.1, high=0.5, step=0.2), 0.0, 0.1),
        ("gradient_clip", choices(None, 1.0), None, None),
        ("gradient_clip", choices(5.0, 1.0), None, 5.0),
        ("gradient_clip", Range(low=0.5, high=2.0), None, 0.5),
        ("initializer", choices("orthogonal", "lecun_normal"), "kaiming_normal", "orthogonal"),
        (
            "initializer",
            choices("orthogonal", "kaiming_normal"),
            "kaiming_normal",
            "kaiming_normal",
        ),
    ],
)
def test_a_clipped_value_is_the_nearest_that_the_axis_contains(name, axis, value, expected) -> None:
    normal = check_axis(AXES[name], axis)
    found = clip(AXES[name], normal, value)
    assert found == expected
    assert type(found) is type(expected)
    assert contains(AXES[name], normal, found)


def test_nearest_choice_on_a_logarithmic_axis_goes_by_ratio() -> None:
    axis = check_axis(AXES["learning_rate"], choices(1e-4, 4e-3))
    assert clip(AXES["learning_rate"], axis, 1e-3) == 4e-3


def test_an_axis_does_not_contain_values_off_its_grid_or_out_of_range() -> None:
    depth = check_axis(AXES["depth"], Range(low=1, high=9, step=2))
    assert [contains(AXES["depth"], depth, d) for d in (1, 2, 9, 11)] == [True, False, True, False]
    dropout = check_axis(AXES["dropout"], Range(low=0.0, high=0.3, step=0.1))
    assert contains(AXES["dropout"], dropout, 0.1 * 3)
    norms = check_axis(AXES["gradient_clip"], Range(low=0.5, high=2.0))
    assert not contains(AXES["gradient_clip"], norms, None)


def test_axes_are_shown_in_words_and_as_the_api_writes_them() -> None:
    assert format_axis(choices(None)) == "only null"
    assert format_axis(choices("relu", "gelu")) == "'relu', 'gelu'"
    assert format_axis(Range(low=1, high=9, step=2)) == "[1, 9] in steps of 2"
    assert describe_axis(choices(64)) == 64
    assert describe_axis(choices(32, 64)) == [32, 64]
    assert describe_axis(Range(low=1, high=9, step=2)) == {"low": 1, "high": 9, "step": 2}


def test_long_values_are_shortened_in_messages() -> None:
    for axis in ("depth", "optimizer"):
        with pytest.raises(InvalidInput) as caught:
            check_value(AXES[axis], "x " * 10_000)
        assert len(str(caught.value)) < 300


def test_kinds_fit_their_bounds_and_choices() -> None:
    for row in AXES.values():
        assert (row.kind is AxisKind.CATEGORICAL) == bool(row.choices) == (row.bounds is None)
