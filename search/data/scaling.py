"""Scaling of numeric columns, fitted on the training rows of one fold.

`N` rows, `K` columns. A row of `_FITS` for each value of the axis `scaling`:

- standard: mean 0 and variance 1, kept whole within `REACH` times the range of the training rows;
- robust: median 0 and interquartile range 1, then the smooth squash x / sqrt(1 + (x / 3)^2), which
  is 3 at infinity (Holzmueller et al. 2024, RealMLP);
- quantile: ranks among the training rows, as quantiles of a normal distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from search.study import Scaling

#: Standardised values of an almost constant column are cut off here: its scale is tiny, and one odd
#: value elsewhere (2,014 in a sample of MNIST) would drown its row.
CLIP = 10.0
#: A column is almost constant where at least this share of its training rows hold one value.
ALMOST_CONSTANT = 0.8
#: Values of other columns are cut off at so many times the largest of the training rows, where no
#: network has learned anything.
REACH = 3.0
#: Bound of the smooth squash.
_SQUASH = 3.0
_QUANTILES = 1000
#: Ranks of 0 and 1 would be infinite quantiles.
_EDGE = 1e-7

Floats64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaler:
    """A fitted scaling."""

    kind: Scaling
    #: `mean`, `scale` and `limit`, (K,) each; for robust `mean` is the median and `scale` the
    #: interquartile range, for quantile there are `quantiles` (Q, K) alone.
    statistics: Mapping[str, Floats64]

    def apply(self, values: Floats64) -> Floats64:
        """Scale `(N, K)` values without gaps."""
        return _APPLY[self.kind](self.statistics, values)


def fit_scaler(kind: Scaling, values: Floats64) -> Scaler:
    """Fit on `(N, K)` values without gaps."""
    if not values.shape[1]:
        none = np.empty(0)
        return Scaler(kind=kind, statistics={"mean": none, "scale": none, "limit": none})
    return Scaler(kind=kind, statistics=_FIT[kind](values))


def _fit_standard(values: Floats64) -> dict[str, Floats64]:
    # Imported here, since who applies a scaling needs none of it, and it takes a second.
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    fitted = StandardScaler().fit(values)
    mean, scale = fitted.mean_, fitted.scale_
    furthest = np.abs((values - mean) / scale).max(axis=0)
    # A value that more than half of the rows hold is the median.
    common = (values == np.median(values, axis=0)).mean(axis=0)
    limit = np.where(common >= ALMOST_CONSTANT, CLIP, np.maximum(CLIP, REACH * furthest))
    return {"mean": mean, "scale": scale, "limit": limit}


def _apply_standard(statistics: Mapping[str, Floats64], values: Floats64) -> Floats64:
    scaled = (values - statistics["mean"]) / statistics["scale"]
    return np.clip(scaled, -statistics["limit"], statistics["limit"])


def _fit_robust(values: Floats64) -> dict[str, Floats64]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    scale = high - low
    # Where the quartiles are equal, the range decides; constants are left as they are.
    scale = np.where(scale > 0, scale, np.ptp(values, axis=0) / 2)
    scale = np.where(scale > 0, scale, 1.0)
    return {"mean": middle, "scale": scale, "limit": np.full(values.shape[1], _SQUASH)}


def _apply_robust(statistics: Mapping[str, Floats64], values: Floats64) -> Floats64:
    scaled = (values - statistics["mean"]) / statistics["scale"]
    with np.errstate(over="ignore"):
        squashed: Floats64 = scaled / np.sqrt(1 + np.square(scaled / statistics["limit"]))
    return squashed


def _fit_quantile(values: Floats64) -> dict[str, Floats64]:
    from sklearn.preprocessing import QuantileTransformer  # noqa: PLC0415 - as above

    fitted = QuantileTransformer(n_quantiles=min(_QUANTILES, len(values)), subsample=None)
    return {"quantiles": fitted.fit(values).quantiles_}


def _apply_quantile(statistics: Mapping[str, Floats64], values: Floats64) -> Floats64:
    quantiles = statistics["quantiles"]
    ranks = np.linspace(0, 1, len(quantiles))
    scaled = np.empty_like(values)
    for place in range(values.shape[1]):
        known = quantiles[:, place]
        # From both sides, so that ties get the middle of their ranks, at the ends too.
        upward = np.interp(values[:, place], known, ranks)
        downward = -np.interp(-values[:, place], -known[::-1], -ranks[::-1])
        scaled[:, place] = (upward + downward) / 2
    normal: Floats64 = ndtri(np.clip(scaled, _EDGE, 1 - _EDGE))
    return normal


_FIT: dict[Scaling, Callable[[Floats64], dict[str, Floats64]]] = {
    Scaling.STANDARD: _fit_standard,
    Scaling.ROBUST: _fit_robust,
    Scaling.QUANTILE: _fit_quantile,
}
_APPLY: dict[Scaling, Callable[[Mapping[str, Floats64], Floats64], Floats64]] = {
    Scaling.STANDARD: _apply_standard,
    Scaling.ROBUST: _apply_robust,
    Scaling.QUANTILE: _apply_quantile,
}
