"""What papers prove or report about deep networks is true of the networks that are trained here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import exp, log

import numpy as np
import pytest
import torch
from optuna.trial import TrialState

from search.activations import ACTIVATIONS, get_activation
from search.activations.gains import numerical_gain
from search.data.datasets import load_builtin
from search.data.fold_arrays import FeatureSchema, FoldArrays, TrainingData
from search.diagnostics import diagnose, evidence_of
from search.driver.plan import plan_study
from search.metrics import chance_loss
from search.networks.initial_weights import draw_weight
from search.networks.lane import Lane, NetworkConfig
from search.space import AXES
from search.study import (
    Choices,
    Evaluation,
    LayerSnapshot,
    ParamValue,
    StudySpec,
    Task,
    TrialRecord,
    TrialSource,
)
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment

#: Those that jump are left out: sums over a grid know a jump to the width of the grid only.
JUMPING = {"threshold", "hardshrink"}
HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden and row.name not in JUMPING]
#: Variance 1 is a fixed point of the map from layer to layer with the right gain. Where it repels,
#: the chance deviations of a finite width grow; no gain without a bias can mend that, see
#: `search.activations.gains`.
REPELLING = {"gelu": 1.14, "silu": 1.17, "mish": 1.08, "hardswish": 1.22}
#: Deviations neither grow nor shrink: f is piecewise linear (relu6 is, up to 6).
NEUTRAL = ["relu", "leaky_relu", "prelu", "rrelu", "relu6", "identity"]
#: Deviations grow or shrink by less than a twentieth a layer.
NEARLY_NEUTRAL = ["serf", "telu", "pade"]
DEPTH = 30
USUAL = {row.name: row.usual for row in AXES.values() if row.condition is None}


@cache
def growth(activation: str) -> float:
    """By what factor a small deviation from variance 1 grows a layer, in wide networks."""
    row = get_activation(activation)
    numbers = row.numbers({})

    def next_variance(variance: float) -> float:
        moment = numerical_gain(lambda z, p: row.function(np.sqrt(variance) * z, p))(numbers) ** -2
        return row.gain(numbers) ** 2 * moment

    return (next_variance(1 + 1e-4) - next_variance(1 - 1e-4)) / 2e-4


ATTRACTING = [name for name in HIDDEN if growth(name) < 0.95]


@cache
def variance_map(activation: str, variance: float, factor: float = 1.0) -> float:
    """E[z'^2] of the next layer for z ~ N(0, variance) in an infinitely wide network."""
    row = get_activation(activation)
    numbers = row.numbers({})
    z = np.linspace(-12.0, 12.0, 480_001)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    moment = np.trapezoid(row.function(np.sqrt(variance) * z, numbers) ** 2 * density, z)
    return float((factor * row.gain(numbers)) ** 2 * moment)


def wide_variances(activation: str, factor: float = 1.0) -> list[float]:
    """E[z^2] at each of DEPTH layers in the limit of infinite width, from 1 at the first."""
    variances = [1.0]
    for _ in range(DEPTH):
        variances.append(variance_map(activation, variances[-1], factor))
    return variances[1:]


@cache
def second_moments(activation: str, factor: float = 1.0) -> tuple[float, ...]:
    """Geometric mean over four networks of E[z^2] at each of DEPTH layers of 256 units."""
    row = get_activation(activation)
    numbers = row.numbers({})
    logs = np.zeros(DEPTH)
    for seed in range(4):
        source = torch.Generator().manual_seed(seed)
        z = torch.randn(32, 256, generator=source, dtype=torch.float64)
        for k in range(DEPTH):
            hidden = torch.from_numpy(row.function(z.numpy(), numbers))
            gain = factor * row.gain(numbers)
            z = hidden @ draw_weight("kaiming_normal", 256, 256, gain, source, dtype=torch.float64)
            logs[k] += log(float((z**2).mean())) / 4
    return tuple(np.exp(logs))


def test_every_activation_is_of_one_kind() -> None:
    assert not set(ATTRACTING) & {*REPELLING, *NEUTRAL, *NEARLY_NEUTRAL}
    neutral = {n for n in HIDDEN if n not in ATTRACTING and growth(n) < 1.05}
    assert neutral == {*NEUTRAL, *NEARLY_NEUTRAL}
    assert growth("squared_relu") == pytest.approx(2.0, abs=1e-6)  # the map is the square


@pytest.mark.parametrize("activation", HIDDEN)
def test_variance_one_is_a_fixed_point_with_the_right_gain_only(activation: str) -> None:
    # RReLU's gain is that of training, when slopes are drawn; here it has its mean slope.
    error = 5e-3 if activation == "rrelu" else 1e-6
    assert variance_map(activation, 1.0) == pytest.approx(1.0, abs=error)
    assert variance_map(activation, 1.0, 0.7) == pytest.approx(0.49, abs=error)


@pytest.mark.parametrize("activation", HIDDEN)
def test_the_fixed_point_attracts_repels_or_does_neither(activation: str) -> None:
    step = 1e-4
    slope = (variance_map(activation, 1 + step) - variance_map(activation, 1 - step)) / (2 * step)
    if activation in REPELLING:
        assert slope == pytest.approx(REPELLING[activation], abs=0.005)
    elif activation in NEUTRAL:
        assert slope == pytest.approx(1.0, abs=5e-3)
    elif activation in NEARLY_NEUTRAL:
        assert abs(slope - 1.0) < 0.05
    elif activation in ATTRACTING:
        assert slope < 0.95
    else:
        assert slope > 1.05


# Beyond a factor of 1.5 a layer, the rounding of the integral itself would grow to the size of 1.
@pytest.mark.parametrize("activation", [name for name in HIDDEN if growth(name) < 1.5])
def test_thirty_wide_layers_keep_variance_one_with_the_right_gain_only(activation: str) -> None:
    # RReLU's gain is that of training, when slopes are drawn; here it has its mean slope.
    error = 0.15 if activation == "rrelu" else 1e-5
    assert wide_variances(activation) == pytest.approx([1.0] * DEPTH, abs=error)
    for wrong in (0.8, 1.25):
        assert not 0.8 < wide_variances(activation, wrong)[-1] < 1.25


@pytest.mark.parametrize("activation", ATTRACTING)
def test_thirty_layers_keep_variance_one_where_it_attracts(activation: str) -> None:
    moments = second_moments(activation)
    assert all(1 / 1.5 < moment < 1.5 for moment in moments)
    assert not 1 / 1.5 < second_moments(activation, 0.7)[-1] < 1.5
    assert not 1 / 1.5 < second_moments(activation, 1.4)[-1] < 1.5


@pytest.mark.parametrize("activation", NEUTRAL)
def test_thirty_layers_keep_variance_one_up_to_chance_where_nothing_pulls(activation: str) -> None:
    # The logarithm walks at random: its standard deviation after 30 layers of 256 rectifiers is
    # sqrt(30 * 5 / 256) = 0.77, over four networks half of that.
    assert all(exp(-1.2) < moment < exp(1.2) for moment in second_moments(activation))
    # A wrong gain multiplies: 0.7^60 = 5e-10.
    assert second_moments(activation, 0.7)[-1] < 1e-8
    assert second_moments(activation, 1.4)[-1] > (1e6 if activation != "relu6" else 10.0)


@pytest.mark.parametrize("activation", REPELLING)
def test_no_gain_keeps_variance_one_for_thirty_layers_where_it_repels(activation: str) -> None:
    moments = second_moments(activation)
    assert all(1 / 1.5 < moment < 1.5 for moment in moments[:5])
    # The deviation of the first layers, grown; a slightly smaller gain fades instead.
    assert abs(log(moments[-1])) > log(1.5)
    assert second_moments(activation, 0.9)[-1] < 0.1


@cache
def digits() -> TrainingData:
    spec = StudySpec(dataset="digits", evaluation=Evaluation(folds=1))
    return plan_study(spec, load_builtin("digits")).data


def lanes(count: int, **params: ParamValue) -> tuple[Lane, ...]:
    config = NetworkConfig.from_params({**USUAL, **params})
    return tuple(
        Lane(configuration=seed, fold=0, split=0, config=config, init_seed=seed, order_seed=0)
        for seed in range(count)
    )


def run(
    wanted: Sequence[Lane], data: TrainingData, *, epochs: int = 1, only_first_weights: bool = False
) -> tuple[LaneReport, ...]:
    return train_segment(
        Segment(
            lanes=tuple(wanted),
            first=0,
            last=epochs,
            epochs=epochs,
            evaluate_at=() if only_first_weights else tuple(range(1, epochs + 1)),
            metrics=(),
            keep_states=False,
            probe_at=(0,) if only_first_weights else (0, epochs),
        ),
        data,
    )


def first_look(**params: ParamValue) -> LayerSnapshot:
    (report,) = run(lanes(1, **params), digits(), only_first_weights=True)
    return report.layers[0]


def findings(report: LaneReport, data: TrainingData, **params: ParamValue) -> list[str]:
    record = TrialRecord(
        number=0,
        state=TrialState.RUNNING,
        source=TrialSource.SAMPLER,
        params={**USUAL, **params},
        distributions={},
        curves=(),
        layers=report.layers,
    )
    chance = chance_loss(data.task, data.folds[0].y_train)
    evidence = evidence_of(record, chance, epochs=30, complete=False)
    return [finding.name for finding in diagnose(evidence)]


def test_thirty_relu_layers_train_with_he_and_stall_with_xavier() -> None:
    """He et al. 2015, figure 3."""
    plain: dict[str, ParamValue] = {
        "depth": 30,
        "width": 128,
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": 0.01,
    }
    chance = chance_loss(Task.MULTICLASS, digits().folds[0].y_train)
    he, xavier = (
        run(lanes(1, **plain, initializer=name), digits(), epochs=15)[0]
        for name in ("kaiming_normal", "xavier_normal")
    )
    assert he.train_loss[-1] < 0.3 * chance
    assert findings(he, digits(), **plain) == []
    assert xavier.train_loss[-1] > 0.99 * chance
    # Forward and backward signals fade by sqrt(2) a layer, 2^-15 in all.
    spread = xavier.layers[0].statistics["activation_std"]
    assert log(spread[-1] / spread[0]) / 29 == pytest.approx(-0.5 * log(2), abs=0.05)
    assert "vanishing_gradients" in findings(xavier, digits(), **plain)


def test_selu_with_lecun_normal_keeps_mean_0_and_variance_1_through_50_layers() -> None:
    """Klambauer et al. 2017, theorem 1: an attracting fixed point of mean and variance."""
    seen = first_look(activation="selu", initializer="lecun_normal", depth=50, width=512)
    means, spreads = (seen.statistics[f"activation_{name}"] for name in ("mean", "std"))
    assert len(means) == 50
    assert all(abs(mean) < 0.1 for mean in means[5:])
    assert all(0.9 < spread < 1.1 for spread in spreads[5:])
    # ReLU keeps its size with He, but not mean 0; with LeCun it keeps neither.
    relu = first_look(activation="relu", initializer="kaiming_normal", depth=50, width=256)
    mean, spread = (relu.statistics[f"activation_{name}"][-1] for name in ("mean", "std"))
    assert mean > 0.3 * spread
    shrunk = first_look(activation="relu", initializer="lecun_normal", depth=50, width=256)
    assert shrunk.statistics["activation_std"][-1] < 1e-5


def gradient_growth(activation: str, gain: str) -> float:
    """Factor on the squared gradient a layer, on the way back through 50 layers of 128 units."""
    seen = first_look(
        activation=activation, initializer="scaled_orthogonal", gain=gain, depth=50, width=128
    )
    norms = seen.statistics["gradient_norm"]
    return float((norms[1] / norms[-1]) ** (2 / 48))


@pytest.mark.parametrize(
    ("activation", "growth"),
    [("tanh", 1.178), ("softsign", 1.244), ("hardtanh", 1.323), ("sigmoid", 0.153)],
)
def test_gradients_keep_their_size_at_the_edge_of_chaos_only(
    activation: str, growth: float
) -> None:
    """Schoenholz et al. 2017: chi, as the engine measures it before the first step."""
    assert gradient_growth(activation, "variance") == pytest.approx(growth, rel=0.06)
    assert gradient_growth(activation, "critical") == pytest.approx(1.0, abs=0.04)


def test_thirty_sigmoid_layers_train_at_the_edge_of_chaos() -> None:
    """Pennington et al. 2017: orthogonal weights at criticality; the bias makes it a tanh."""
    plain: dict[str, ParamValue] = {
        "activation": "sigmoid",
        "initializer": "scaled_orthogonal",
        "depth": 30,
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": 0.01,
    }
    chance = chance_loss(Task.MULTICLASS, digits().folds[0].y_train)
    critical, variance = (
        run(lanes(1, **plain, gain=gain), digits(), epochs=25)[0]
        for gain in ("critical", "variance")
    )
    assert critical.train_loss[-1] < 0.3 * chance
    assert variance.train_loss[-1] > 0.95 * chance


@pytest.mark.parametrize("depth", [6, 8, 12])
def test_deep_sigmoid_is_flagged_as_vanishing_and_tanh_is_not(depth: int) -> None:
    """Glorot & Bengio 2010, section 3.1."""
    flagged = {}
    for activation in ("sigmoid", "tanh"):
        plain: dict[str, ParamValue] = {
            "activation": activation,
            "depth": depth,
            "initializer": "xavier_normal",
            "optimizer": "sgd",
            "learning_rate": 0.01,
        }
        (report,) = run(lanes(1, **plain), digits(), epochs=3)
        flagged[activation] = "vanishing_gradients" in findings(report, digits(), **plain)
    assert flagged == {"sigmoid": True, "tanh": False}


def test_the_gradient_of_sigmoid_layers_fades_by_its_greatest_slope() -> None:
    """A quarter a layer at most: that is the slope of the sigmoid at 0."""
    seen = first_look(activation="sigmoid", initializer="xavier_normal", depth=12, width=256)
    norms = np.array(seen.statistics["gradient_norm"][1:])
    factors = norms[:-1] / norms[1:]
    assert np.all(factors < 0.26)
    assert np.all(factors > 0.15)


def one_feature() -> TrainingData:
    """Rows on both sides of 0: the network of no biases is known everywhere from these."""
    x = np.linspace(-1.0, 1.0, 8, dtype=np.float32)[:, None]
    y = np.arange(8, dtype=np.float32)
    fold = FoldArrays(
        x_train=x,
        y_train=y,
        x_validation=x,
        y_validation=y,
        target_validation=y.astype(np.float64),
        target_mean=0.0,
        target_scale=1.0,
        inner_validation=np.arange(0),
    )
    return TrainingData(
        task=Task.REGRESSION,
        features_in=1,
        outputs=1,
        classes=(),
        folds=(fold,),
        feature_names=("x",),
        schema=FeatureSchema(numeric=("x",), indicators=(), categorical=(), levels=()),
    )


@cache
def share_born_dead(width: int, depth: int) -> float:
    """Share of 400 networks with a layer that is dead on all rows before the first step."""
    reports = run(lanes(400, depth=depth, width=width), one_feature(), only_first_weights=True)
    dead = [max(report.layers[0].statistics["dead_units"]) == 1.0 for report in reports]
    return float(np.mean(dead))


def bounds(width: int, depth: int) -> tuple[float, float]:
    """Lu et al. 2020, theorem on the probability of being born dead, for one input feature.

    Their networks of L layers have L - 1 hidden ones.
    """
    n, layers = float(width), depth + 1
    a1 = 1 - 2**-n
    a2 = 1 - 2 ** (1 - n) - (n - 1) * 2 ** (-2 * n)
    tail = (1 - 2 ** (1 - n)) * (1 - 2**-n) / (1 + (n - 1) * 2**-n)
    low = 1 - a1 ** (layers - 2) + tail * (a2 ** (layers - 2) - a1 ** (layers - 2))
    return low, 1 - a1 ** (layers - 1)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
@pytest.mark.parametrize("depth", [2, 5, 10, 20])
def test_the_share_born_dead_lies_between_the_bounds_of_lu_et_al(width: int, depth: int) -> None:
    share = share_born_dead(width, depth)
    low, high = bounds(width, depth)
    error = 3 * (max(share * (1 - share), 1e-3) / 400) ** 0.5
    assert low - error <= share <= high + error


def test_the_share_born_dead_grows_with_depth_and_shrinks_with_width() -> None:
    by_depth = [share_born_dead(3, depth) for depth in (2, 5, 10, 20)]
    assert by_depth == sorted(set(by_depth))
    by_width = [share_born_dead(width, 10) for width in (6, 4, 3, 2)]
    assert by_width == sorted(set(by_width))


def test_a_study_may_go_fifty_layers_deep() -> None:
    spec = StudySpec(dataset="digits", space={"depth": Choices(values=(50,))})
    plan = plan_study(spec, load_builtin("digits"))
    (lane, *_) = plan.lanes(0, {**USUAL, "depth": 50})
    assert lane.config.depth == 50
