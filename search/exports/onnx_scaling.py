"""The scalings of numbers (`search.data.scaling`) as nodes of ONNX.

`N` rows, `K` columns, `Q` quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from search.exports.onnx_graph import Value, polynomial
from search.study import Scaling

_EDGE = 1e-7
#: Numerators and denominators of the inverse of Φ, highest power first: Wichura (1988), Algorithm
#: AS 241, PPND16. The centre, then tails near and far.
_CENTRE = (
    (
        *(2509.0809287301226727, 33430.575583588128105, 67265.770927008700853),
        *(45921.953931549871457, 13731.693765509461125, 1971.5909503065514427),
        *(133.14166789178437745, 3.387132872796366608),
    ),
    (
        *(5226.495278852545925, 28729.085735721942674, 39307.89580009271061),
        *(21213.794301586595867, 5394.1960214247511077, 687.1870074920579083),
        *(42.313330701600911252, 1.0),
    ),
)
_NEAR = (
    (
        *(7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177),
        *(1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055),
        *(4.6303378461565452959, 1.42343711074968357734),
    ),
    (
        *(1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966),
        *(0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494),
        *(2.05319162663775882187, 1.0),
    ),
)
_FAR = (
    (
        *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386),
        *(0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358),
        *(5.4637849111641143699, 6.6579046435011037772),
    ),
    (
        *(2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5),
        *(7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531),
        *(0.59983220655588793769, 1.0),
    ),
)


def scaled(kind: Scaling, statistics: Mapping[str, NDArray[np.float64]], values: Value) -> Value:
    """Return (N, K) values without gaps, scaled."""
    return _SCALINGS[kind](statistics, values)


def _standard(statistics: Mapping[str, NDArray[np.float64]], values: Value) -> Value:
    limit = statistics["limit"]
    return _divided(statistics, values).apply("Max", -limit).apply("Min", limit)


def _robust(statistics: Mapping[str, NDArray[np.float64]], values: Value) -> Value:
    distance = _divided(statistics, values)
    share = distance / statistics["limit"]
    root: Value = (share * share + 1.0).apply("Sqrt")
    return distance / root


def _divided(statistics: Mapping[str, NDArray[np.float64]], values: Value) -> Value:
    return (values - statistics["mean"]) / statistics["scale"]


def _quantile(statistics: Mapping[str, NDArray[np.float64]], values: Value) -> Value:
    graph, quantiles = values.graph, statistics["quantiles"]
    columns = []
    for place, known in enumerate(quantiles.T):
        column = values.apply("Gather", graph.constant([place], np.int64), axis=1)
        columns.append(_rank(column, known))
    ranks = graph.node("Concat", *columns, axis=1)
    return normal_quantile(ranks.apply("Max", _EDGE).apply("Min", 1 - _EDGE))


def _rank(values: Value, known: NDArray[np.float64]) -> Value:
    """Return the ranks of (N, 1) values among (Q,) quantiles; ties get the middle of theirs."""
    last = len(known) - 1
    if last < 1:
        return values * 0.0
    graph = values.graph
    ranks = np.linspace(0, 1, len(known))

    def between(below: Value) -> Value:
        """Interpolate where `below` counts the quantiles at the left of a value, (N, 1)."""
        place = below.apply("Sub", graph.constant(1, np.int64))
        place = place.apply("Max", graph.constant(0, np.int64))
        place = place.apply("Min", graph.constant(last - 1, np.int64))
        left = graph.constant(known).apply("Gather", place)
        width = np.diff(known)
        # Where two quantiles are equal, no value lies between them.
        slope = np.divide(np.diff(ranks), width, out=np.zeros_like(width), where=width > 0)
        along = graph.constant(slope).apply("Gather", place) * (values - left)
        return graph.constant(ranks).apply("Gather", place) + along

    def counted(is_below: Value) -> Value:
        axes = graph.constant([1], np.int64)
        return is_below.cast(TensorProto.INT64).apply("ReduceSum", axes, keepdims=1)

    row = known[None, :]
    upward = between(counted(graph.value(row) <= values))
    downward = between(counted(graph.value(row) < values))
    middle = (upward + downward) * 0.5
    # Beyond the ends, and at the ties there, from the outermost ranks.
    low = float(np.flatnonzero(known == known[0])[-1]) / last
    high = float(np.flatnonzero(known == known[-1])[0]) / last
    for is_there, rank in (
        (values < known[0], 0.0),
        (values > known[-1], 1.0),
        (values.apply("Equal", known[0]), low / 2),
        (values.apply("Equal", known[-1]), (high + 1) / 2),
    ):
        middle = is_there.apply("Where", rank, middle)
    return middle


def normal_quantile(p: Value) -> Value:
    """Return the quantiles of a standard normal distribution at 0 < p < 1."""
    q = p - 0.5
    centre = _ratio(_CENTRE, 0.180625 - q * q) * q
    smaller = p.apply("Min", 1.0 - p)
    r = (-smaller.apply("Log")).apply("Sqrt")
    tail = (r <= 5.0).apply("Where", _ratio(_NEAR, r - 1.6), _ratio(_FAR, r - 5.0))
    signed = (q < 0.0).apply("Where", -tail, tail)
    return (q.apply("Abs") <= 0.425).apply("Where", centre, signed)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Value) -> Value:
    above, below = map(partial(polynomial, x), coefficients)
    ratio: Value = above / below
    return ratio


_SCALINGS: Mapping[Scaling, Callable[[Mapping[str, NDArray[np.float64]], Value], Value]] = {
    Scaling.STANDARD: _standard,
    Scaling.ROBUST: _robust,
    Scaling.QUANTILE: _quantile,
}
