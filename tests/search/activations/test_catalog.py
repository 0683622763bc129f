"""The table of activations: complete, true to torch, and scaled as it says."""

import pickle
from dataclasses import FrozenInstanceError
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch.nn import functional as F  # noqa: N812  (torch's own abbreviation)

from search.activations import (
    ACTIVATIONS,
    Activation,
    ActivationName,
    get_activation,
    output_activation,
)
from search.activations.formulas import NUMPY
from search.activations.gains import numerical_gain
from search.errors import UnknownChoice
from search.networks.sequential import TORCH as TENSORS
from search.study import Choices, Range, Task

Z = np.concatenate([np.linspace(-30.0, 30.0, 601), [-1e3, 1e3, 0.0, -1.0, 1.0, 3.0, -3.0, 6.0]])

#: The functions that torch has; the others are written with the same formula for both.
TORCH = {
    ActivationName.RELU: lambda z, p: F.relu(z),
    ActivationName.LEAKY_RELU: lambda z, p: F.leaky_relu(z, p["slope"]),
    ActivationName.PRELU: lambda z, p: F.prelu(z, torch.tensor(p["slope"], dtype=z.dtype)),
    ActivationName.RRELU: lambda z, p: F.rrelu(z, p["lower"], p["upper"], training=False),
    ActivationName.ELU: lambda z, p: F.elu(z, p["alpha"]),
    ActivationName.CELU: lambda z, p: F.celu(z, p["alpha"]),
    ActivationName.SELU: lambda z, p: F.selu(z),
    ActivationName.GELU: lambda z, p: F.gelu(z),
    ActivationName.SILU: lambda z, p: z * torch.sigmoid(p["beta"] * z),
    ActivationName.MISH: lambda z, p: F.mish(z),
    ActivationName.HARDSWISH: lambda z, p: F.hardswish(z),
    ActivationName.TANH: lambda z, p: torch.tanh(z),
    ActivationName.SIGMOID: lambda z, p: torch.sigmoid(z),
    # Torch replaces softplus by the identity above its threshold, 20 by default.
    ActivationName.SOFTPLUS: lambda z, p: F.softplus(z, threshold=100.0),
    ActivationName.SOFTSIGN: lambda z, p: F.softsign(z),
    ActivationName.HARDTANH: lambda z, p: F.hardtanh(z),
    ActivationName.RELU6: lambda z, p: F.relu6(z),
    ActivationName.HARDSIGMOID: lambda z, p: F.hardsigmoid(z),
    ActivationName.LOGSIGMOID: lambda z, p: F.logsigmoid(z),
    ActivationName.TANHSHRINK: lambda z, p: F.tanhshrink(z),
    ActivationName.SOFTSHRINK: lambda z, p: F.softshrink(z, p["lambda"]),
    ActivationName.HARDSHRINK: lambda z, p: F.hardshrink(z, p["lambda"]),
    ActivationName.THRESHOLD: lambda z, p: F.threshold(z, p["threshold"], p["value"]),
    ActivationName.GELU_TANH: lambda z, p: F.gelu(z, approximate="tanh"),
    ActivationName.IDENTITY: lambda z, p: z,
    ActivationName.SOFTMAX: lambda z, p: F.softmax(z, dim=-1),
}

#: Parameters other than the defaults, for rows that have any.
OTHER = {
    "leaky_relu": {"slope": 0.3},
    "prelu": {"slope": 0.0},
    "elu": {"alpha": 1.7},
    "celu": {"alpha": 0.05},
    "silu": {"beta": 10.0},
    "softshrink": {"lambda": 0.3},
    "hardshrink": {"lambda": 0.7},
    "threshold": {"threshold": 0.4, "value": -0.2},
}

HIDDEN = [row for row in ACTIVATIONS.values() if row.hidden]
IDS = [row.name for row in HIDDEN]


def cases() -> list[tuple[Activation, dict[str, float]]]:
    rows = [(row, row.numbers({})) for row in ACTIVATIONS.values()]
    return rows + [(get_activation(name), numbers) for name, numbers in OTHER.items()]


def test_every_name_has_one_row_under_its_own_name() -> None:
    assert set(ACTIVATIONS) == set(ActivationName)
    assert all(row.name == name for name, row in ACTIVATIONS.items())
    # Members are found by attribute, by value and after pickling, like those of any enumeration.
    assert all(ActivationName[row.name.upper()] is name for name, row in ACTIVATIONS.items())
    assert pickle.loads(pickle.dumps(ActivationName.RELU)) is ActivationName("relu")


def test_every_row_tells_its_title_formula_and_dated_paper() -> None:
    for row in ACTIVATIONS.values():
        assert row.title
        assert row.formula
        assert any(f"({year})" in row.paper for year in range(1980, 2027)), row.name


def test_names_and_aliases_do_not_collide() -> None:
    words = [w for row in ACTIVATIONS.values() for w in (row.name, *row.aliases)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("row", "numbers"), cases(), ids=lambda v: getattr(v, "name", str(v)))
def test_formula_is_the_same_in_numpy_and_in_torch(
    row: Activation, numbers: dict[str, float]
) -> None:
    theirs = row.expression(TENSORS, torch.from_numpy(Z), numbers).numpy()
    np.testing.assert_allclose(row.function(Z, numbers), theirs, rtol=1e-12, atol=1e-12)


def test_a_formula_with_a_function_of_one_library_only_is_refused_by_name() -> None:
    with pytest.raises(
        AttributeError, match=r"'maximum_of', which is no function of numpy or scipy\.special"
    ):
        NUMPY.maximum_of(Z)


@pytest.mark.parametrize(
    ("row", "numbers"),
    [case for case in cases() if case[0].name in TORCH],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_reference_form_equals_torch(row: Activation, numbers: dict[str, float]) -> None:
    theirs = TORCH[row.name](torch.from_numpy(Z), numbers).numpy()
    np.testing.assert_allclose(row.function(Z, numbers), theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=lambda row: row.name)
def test_reference_form_keeps_shape_and_leaves_its_input_alone(row: Activation) -> None:
    z = np.linspace(-3.0, 3.0, 12).reshape(3, 4)
    before = z.copy()
    result = row.function(z, row.numbers({}))
    assert result.shape == z.shape
    assert result.dtype == np.float64
    result += 1.0
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize(
    ("row", "numbers"),
    [case for case in cases() if case[0].hidden and case[0].name != ActivationName.RRELU],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_gain_is_the_inverse_root_of_the_second_moment(
    row: Activation, numbers: dict[str, float]
) -> None:
    def integrand(z: float) -> float:
        return float(row.function(np.array([z]), numbers)[0] ** 2 * norm.pdf(z))

    sizes = [0.1, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 3.0, 6.0, 14.0]
    pieces = [-size for size in reversed(sizes)] + [0.0, *sizes]
    moment = sum(quad(integrand, a, b, epsabs=1e-13)[0] for a, b in pairwise(pieces))
    assert row.gain(numbers) == pytest.approx(moment**-0.5, rel=1e-10)


@pytest.mark.parametrize("row", HIDDEN, ids=IDS)
def test_gain_keeps_the_variance_of_the_pre_activation_at_one(row: Activation) -> None:
    rng = np.random.default_rng(0)
    numbers = row.numbers({})
    z = rng.standard_normal((1024, 256))
    outputs = row.function(z, numbers) @ rng.normal(
        0.0, row.gain(numbers) / sqrt(256), size=(256, 2048)
    )
    assert np.mean(outputs**2) == pytest.approx(1.0, abs=0.05)


def test_rrelu_gain_is_that_of_the_slopes_drawn_in_training() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(1_000_000)
    slope = rng.uniform(0.4, 1.0, size=z.shape)
    moment = np.mean(np.where(z > 0, z, slope * z) ** 2)
    gain = get_activation("rrelu").gain({"lower": 0.4, "upper": 1.0})
    assert gain == pytest.approx(moment**-0.5, rel=4e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", sqrt(2.0)),
        ("identity", 1.0),
        ("selu", 1.0),
        ("tanh", 1.592537419722831),
        ("gelu", 1.5335304411955353),
        # E[max(0, z)^4] = 3 / 2
        ("squared_relu", sqrt(2.0 / 3.0)),
    ],
)
def test_known_gains(name: str, expected: float) -> None:
    assert get_activation(name).gain({}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "growth"), [("relu", 1.0), ("tanh", 0.461), ("gelu", 1.144), ("silu", 1.173)]
)
def test_deviation_of_the_variance_grows_as_documented(name: str, growth: float) -> None:
    row = get_activation(name)

    def next_variance(variance: float) -> float:
        gain = row.gain(row.numbers({}))
        return (
            gain**2
            * numerical_gain(lambda z, p: row.function(sqrt(variance) * z, p))(row.numbers({}))
            ** -2
        )

    assert next_variance(1.0) == pytest.approx(1.0, rel=1e-12)
    assert (next_variance(1.001) - next_variance(0.999)) / 0.002 == pytest.approx(growth, abs=1e-3)


def test_gain_of_a_leaky_rectifier_follows_its_slope() -> None:
    row = get_activation("leaky_relu")
    for slope in (0.0, 0.01, 0.2, 1.0):
        theirs = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert row.gain({"slope": slope}) == pytest.approx(theirs, rel=1e-14)


def test_gain_where_torch_differs_is_as_documented() -> None:
    ours = {n: get_activation(n).gain({}) for n in ("tanh", "selu", "sigmoid")}
    assert torch.nn.init.calculate_gain("tanh") == 5 / 3
    assert torch.nn.init.calculate_gain("selu") == 3 / 4
    assert {n: round(g, 4) for n, g in ours.items()} == {
        "tanh": 1.5925,
        "selu": 1.0,
        "sigmoid": 1.8462,
    }


def test_aliases_lead_to_their_row() -> None:
    assert get_activation("swish").name == ActivationName.SILU
    assert get_activation("linear").name == ActivationName.IDENTITY


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="did you mean 'relu'"):
        get_activation("rleu")


def test_softmax_is_for_the_output_only_and_says_why() -> None:
    row = get_activation("softmax")
    assert not row.hidden
    assert "sum of 1" in row.note
    assert [r.name for r in ACTIVATIONS.values() if not r.hidden] == [ActivationName.SOFTMAX]


def test_every_task_has_one_output_activation() -> None:
    assert {task: output_activation(task).name for task in Task} == {
        Task.REGRESSION: "identity",
        Task.BINARY: "sigmoid",
        Task.MULTICLASS: "softmax",
    }
    assert sorted(t for row in ACTIVATIONS.values() for t in row.output_for) == sorted(Task)


def test_axes_of_parameters_are_named_after_activation_and_parameter() -> None:
    names = {r.axis_name(p.name) for r in ACTIVATIONS.values() for p in r.parameters}
    assert names == {
        "leaky_relu_slope",
        "prelu_slope",
        "prelu_sharing",
        "rrelu_lower",
        "rrelu_upper",
        "elu_alpha",
        "celu_alpha",
        "silu_beta",
        "silu_learned",
        "softshrink_lambda",
        "hardshrink_lambda",
        "threshold_threshold",
        "threshold_value",
        "smelu_beta",
        "squareplus_b",
        "star_relu_scale",
        "star_relu_bias",
        "xielu_positive",
        "xielu_negative",
        "acon_p1",
        "acon_p2",
        "acon_beta",
        "acon_sharing",
        *(f"pade_a{k}" for k in range(6)),
        *(f"pade_b{k}" for k in range(1, 5)),
        "sine_frequency",
        "snake_alpha",
        "snake_learned",
        "gaussian_sigma",
    }


def test_slopes_are_searched_by_default_and_other_parameters_fixed() -> None:
    axes = {r.axis_name(p.name): p.axis for r in ACTIVATIONS.values() for p in r.parameters}
    assert axes["leaky_relu_slope"] == Range(low=0.001, high=0.5, log=True)
    assert axes["prelu_slope"] == Range(low=0.0, high=0.5)
    assert axes["prelu_sharing"] == Choices(values=("layer",))
    assert axes["silu_learned"] == Choices(values=(False,))
    assert sorted(name for name, axis in axes.items() if not axis.is_fixed) == [
        "leaky_relu_slope",
        "prelu_slope",
    ]


def test_defaults_lie_within_what_is_legal() -> None:
    for row in ACTIVATIONS.values():
        for p in row.parameters:
            if p.is_number:
                assert p.bounds is not None
                assert p.low is not None
                assert p.high is not None
                assert p.bounds[0] <= p.low <= float(p.default) <= p.high <= p.bounds[1] or (
                    p.name in {"lower", "upper"}
                )
            else:
                assert p.default in p.choices


def test_learned_parameters_are_marked() -> None:
    learned = {r.name: r.learnable for r in ACTIVATIONS.values() if r.learnable}
    assert learned == {
        "prelu": ("slope",),
        "silu": ("beta",),
        "star_relu": ("scale", "bias"),
        "xielu": ("positive", "negative"),
        "acon": ("p1", "p2", "beta"),
        "pade": ("a0", "a1", "a2", "a3", "a4", "a5", "b1", "b2", "b3", "b4"),
        "snake": ("alpha",),
    }
    switches = {r.name: {p.learned for p in r.parameters} - {True, False} for r in HIDDEN}
    assert {name: names for name, names in switches.items() if names} == {
        "silu": {"learned"},
        "snake": {"learned"},
    }


def test_numbers_that_may_be_learned_come_first() -> None:
    """The compiled engine counts them from the first."""
    for row in ACTIVATIONS.values():
        assert row.number_names[: len(row.learnable)] == row.learnable


POINTS = np.concatenate([np.random.default_rng(0).normal(0.0, 3.0, 2000), [-200.0, 200.0, 1e4]])


@pytest.mark.parametrize(
    ("row", "numbers"),
    [case for case in cases() if case[0].hidden],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_symbolic_derivatives_are_those_of_autograd(
    row: Activation, numbers: dict[str, float]
) -> None:
    z = torch.from_numpy(POINTS).requires_grad_()
    p = {name: torch.full_like(z, value).requires_grad_() for name, value in numbers.items()}
    value = row.expression(TENSORS, z, p)
    by_z = torch.autograd.grad(value.sum(), z, retain_graph=True)[0].numpy()
    np.testing.assert_allclose(row.slope(POINTS, numbers), by_z, rtol=1e-10, atol=1e-12)
    by_number = row.derivatives.parameter_slopes.run(NUMPY, POINTS, numbers)
    for name, ours in zip(row.learnable, by_number, strict=True):
        (theirs,) = torch.autograd.grad(value.sum(), p[name], retain_graph=True)
        np.testing.assert_allclose(
            np.broadcast_to(ours, POINTS.shape), theirs.numpy(), rtol=1e-10, atol=1e-12
        )


def test_options_are_read_from_a_whole_configuration_else_defaults() -> None:
    row = get_activation("prelu")
    params = {"activation": "prelu", "prelu_slope": 0.1, "leaky_relu_slope": 0.4, "depth": 3}
    assert row.options(params) == {"slope": 0.1, "sharing": "layer"}
    assert row.numbers(params) == {"slope": 0.1}
    assert row.numbers({"prelu_slope": 0.0}) == {"slope": 0.0}


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        get_activation("relu").title = "other"  # type: ignore[misc]  # the point of the test
