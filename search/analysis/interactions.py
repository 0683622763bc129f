"""Where an activation's merit depends on something else: initializer, depth, its own slope.

Pure functions of recorded trials. The cells of a table hold complete trials with a finite value of
the first objective; a sampler does not draw its trials evenly, so they hold different numbers, and
the counts stand beside the means. Whether there is an interaction at all is told by the trials that
can be compared alone (`search.analysis.comparable_trials`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState
from scipy.interpolate import make_smoothing_spline
from scipy.special import fdtrc

from search.activations import ACTIVATIONS
from search.analysis.comparable_trials import ComparableTrials, comparable_trials
from search.space import AXES
from search.space.axes import AxisRow
from search.study import TrialRecord
from search.study.results import (
    CurvePoint,
    Effect,
    Interaction,
    InteractionCell,
    SlopeEffect,
    TrialPoint,
)

Floats: TypeAlias = NDArray[np.float64]
Label: TypeAlias = str | int
#: A trial and its label on the other axis of a table.
Placed: TypeAlias = tuple[TrialRecord, Label]

#: More depths than this are grouped.
_MOST_DEPTHS = 10
#: Fewer different slopes than this make no curve.
LEAST_POINTS = 8
CURVE_POINTS = 33
#: Points of one scatter plot; more would only hide each other.
MOST_POINTS = 300


def interactions(trials: Sequence[TrialRecord], sign: float) -> dict[str, Interaction]:
    """Return the tables activation x initializer and activation x depth, by these names.

    `sign` is 1 where less is better, -1 where more is. The `share` of a table is that of the
    variance of ranks which the cells explain beyond activation and other axis added up, among the
    trials that can be compared, its `p_value` that of the F test of the share; both are None where
    there are too few such trials to test with.
    """
    comparable = comparable_trials(trials, sign)
    complete = [trial for trial in trials if _is_usable(trial)]
    used = [*complete, *comparable.trials]
    depths = _depth_groups([trial.params.get("depth") for trial in used])
    return {
        f"activation x {axis}": _table(axis, _placed(complete, place), sign, comparable, place)
        for axis, place in (
            ("initializer", lambda trial: trial.params.get("initializer")),
            ("depth", lambda trial: depths.get(trial.params.get("depth"))),
        )
    }


def _is_usable(trial: TrialRecord) -> bool:
    return trial.state is TrialState.COMPLETE and bool(trial.values) and isfinite(_value(trial))


def _value(trial: TrialRecord) -> float:
    return trial.values[0] if trial.values else float("nan")


def _placed(trials: Sequence[TrialRecord], place: Callable[[TrialRecord], object]) -> list[Placed]:
    found = [(trial, place(trial)) for trial in trials]
    return [(trial, label) for trial, label in found if isinstance(label, str | int)]


def _depth_groups(depths: Sequence[object]) -> dict[object, Label]:
    """Return the group of each depth: itself, or where there are many 1, 2, 3-4, 5-8, 9-16, ..."""
    known = sorted({depth for depth in depths if isinstance(depth, int)})
    if len(known) <= _MOST_DEPTHS:
        return {depth: depth for depth in known}
    groups: dict[object, Label] = {}
    for depth in known:
        high = 1 << (depth - 1).bit_length()
        low = high // 2 + 1
        groups[depth] = depth if low >= high else f"{low}-{high}"
    return groups


def _table(
    axis: str,
    placed: Sequence[Placed],
    sign: float,
    comparable: ComparableTrials,
    place: Callable[[TrialRecord], object],
) -> Interaction:
    values: dict[tuple[str, Label], list[float]] = {}
    for trial, label in placed:
        values.setdefault((trial.activation, label), []).append(_value(trial))
    share, p_value = _beyond_sum(comparable, place)
    return Interaction(
        cells=tuple(
            InteractionCell(
                activation=activation,
                initializer=str(label) if axis == "initializer" else None,
                depth=label if axis == "depth" else None,
                count=len(cell),
                mean=float(np.mean(cell)),
                best=min(cell, key=lambda value: sign * value),
            )
            for (activation, label), cell in sorted(values.items(), key=lambda e: _order(*e[0]))
        ),
        share=share,
        p_value=p_value,
    )


def _order(activation: str, label: Label) -> tuple[str, int, str]:
    first = str(label).split("-")[0]
    return activation, int(first) if first.isdigit() else 0, str(label)


def _beyond_sum(
    comparable: ComparableTrials, place: Callable[[TrialRecord], object]
) -> tuple[float | None, float | None]:
    """Return the share of variance that only the cells explain, and the p-value of its F test."""
    labels = [place(trial) for trial in comparable.trials]
    known = [label is not None for label in labels]
    if sum(known) < 2:
        return None, None
    ranks = comparable.ranks[known]
    total = float(np.square(ranks - ranks.mean()).sum())
    if total == 0.0:
        return None, None
    names = [trial.activation for trial, used in zip(comparable.trials, known, strict=True) if used]
    labels = [label for label in labels if label is not None]
    rows, columns = _columns(names), _columns(labels)
    cells = _columns(list(zip(names, labels, strict=True)))
    left_by_sum, rank_of_sum = _residual(np.hstack([rows, columns]), ranks)
    left, rank = _residual(cells, ranks)
    spare, extra = len(ranks) - rank, rank - rank_of_sum
    if extra < 1 or spare < 1:
        return None, None
    explained = max(0.0, left_by_sum - left)
    f = (explained / extra) / (left / spare) if left > 1e-12 * total else float("inf")
    return explained / total, float(fdtrc(extra, spare, f)) if isfinite(f) else 0.0


def _columns(labels: Sequence[object]) -> Floats:
    """Return indicator columns, one a distinct label."""
    distinct = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    table = np.zeros((len(labels), len(distinct)))
    table[np.arange(len(labels)), [distinct[label] for label in labels]] = 1.0
    return table


def _residual(design: Floats, y: Floats) -> tuple[float, int]:
    """Return the sum of squares that least squares leave, and the rank of the design."""
    weights, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    return float(np.square(y - design @ weights).sum()), int(rank)


def slope_effects(trials: Sequence[TrialRecord]) -> tuple[SlopeEffect, ...]:
    """Return the effect of each searched number of an activation: slope, alpha or beta.

    The curve of an effect is a smoothing spline over x, its smoothness by generalised
    cross-validation, or over the logarithm of x where the axis is searched so; it is empty with
    fewer than LEAST_POINTS different x.
    """
    complete = [trial for trial in trials if _is_usable(trial)]
    effects: list[SlopeEffect] = []
    for activation in ACTIVATIONS.values():
        own = [trial for trial in complete if trial.activation == activation.name]
        for parameter in activation.parameters:
            axis = activation.axis_name(parameter.name)
            if not parameter.is_number or not any(axis in trial.distributions for trial in own):
                continue
            initial = [(trial, _number(trial.params.get(axis))) for trial in own]
            learned = [(trial, _learned(trial, parameter.name)) for trial in own]
            effects.append(
                SlopeEffect(
                    axis=axis,
                    activation=activation.name,
                    parameter=parameter.name,
                    initial=_effect(initial, AXES[axis]),
                    learned=_effect(learned, AXES[axis]) if parameter.learned else None,
                )
            )
    return tuple(effects)


def _learned(trial: TrialRecord, parameter: str) -> float | None:
    """Return the mean of a parameter over the layers after training; None where not recorded."""
    last = max(trial.layers, key=lambda snapshot: snapshot.epoch, default=None)
    known = (
        [value for value in last.statistics.get(parameter, ()) if isfinite(value)] if last else []
    )
    return float(np.mean(known)) if known else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and isfinite(value) else None


def _effect(found: Sequence[tuple[TrialRecord, float | None]], axis: AxisRow) -> Effect | None:
    known = sorted(
        ((x, trial) for trial, x in found if x is not None), key=lambda e: (e[0], e[1].number)
    )
    if not known:
        return None
    xs = np.array([x for x, _ in known])
    values = np.array([_value(trial) for _, trial in known])
    shown = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).round())
    return Effect(
        points=tuple(
            TrialPoint(x=known[i][0], value=_value(known[i][1]), number=known[i][1].number)
            for i in shown.astype(int)
        ),
        curve=_curve(xs, values, log=_is_log(axis) and bool((xs > 0.0).all())),
    )


def _is_log(axis: AxisRow) -> bool:
    return bool(getattr(axis.default, "log", False))


def _curve(xs: Floats, values: Floats, *, log: bool) -> tuple[CurvePoint, ...]:
    scale = np.log10(xs) if log else xs
    # The spline needs distinct x: trials at one place, and at places that no picture could tell
    # apart, are taken together.
    width = float(np.ptp(scale)) / 1000.0
    if width <= 0.0:
        return ()
    places, inverse, counts = np.unique(
        np.round((scale - scale.min()) / width), return_inverse=True, return_counts=True
    )
    if len(places) < LEAST_POINTS:
        return ()
    low, high = np.quantile(values, [0.25, 0.75])
    reach = 1.5 * (high - low)  # Tukey's fences: one exploded loss must not bend the curve
    means = np.bincount(inverse, weights=values.clip(low - reach, high + reach)) / counts
    unit = places / 1000.0
    spline = make_smoothing_spline(unit, means, w=counts.astype(float))
    at = np.linspace(0.0, 1.0, CURVE_POINTS)
    drawn = scale.min() + at * np.ptp(scale)
    return tuple(
        CurvePoint(x=float(10.0**x if log else x), value=float(y))
        for x, y in zip(drawn, spline(at), strict=True)
    )
