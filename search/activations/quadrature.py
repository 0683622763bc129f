"""Nodes and weights for expectations under a normal distribution, fine where a function bends.

One Gauss-Legendre rule an interval of a mesh, because a single Gauss-Hermite rule converges slowly
across a kink. The mesh has a cell a whole number, cut in halves around kinks and jumps wherever
they lie, and where a function turns quickly.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, pi, sqrt

import numpy as np

from search.activations.formulas import Array, Formula, Numbers

#: Beyond 14 standard deviations the normal density is below 1e-43.
REACH = 14
#: Every function is finite up to there (see `search.activations.check`), and a few no further.
_FURTHEST = 50.0
#: Gauss-Legendre nodes a cell; fewer to see whether a cell is cut in halves.
_NODES, _FEW = 32, 12
#: Cells that are cut more often than that have a jump inside, known to 1e-12 then.
_MOST_CUTS = 40
#: A cell is cut where its integral of f² differs from that of its halves by more, absolutely or as
#: a share.
_ERROR = 1e-12


@lru_cache(maxsize=256)
def mesh(formula: Formula, items: tuple[tuple[str, float], ...], reach: int) -> Array:
    """Return the edges of cells over [-reach, reach], between which `formula` is smooth."""
    numbers = dict(items)
    node, weight = np.polynomial.legendre.leggauss(_FEW)

    def integrals(left: Array, size: Array) -> Array:
        z = left[:, None] + size[:, None] * (node + 1.0) / 2.0
        square = np.clip(formula(z.ravel(), numbers).reshape(z.shape) ** 2, None, 1e100)
        # Symmetric about the middle of no cell, where a kink of f would go unseen otherwise.
        return np.asarray(square * (2.0 + np.sin(z)) @ weight * size / 2.0)

    left = np.arange(-reach, reach, dtype=np.float64)
    size = np.ones_like(left)
    edges = [left, np.array([float(reach)])]
    for _ in range(_MOST_CUTS):
        half = size / 2.0
        whole, halves = integrals(left, size), integrals(left, half) + integrals(left + half, half)
        cut = np.abs(whole - halves) > _ERROR * np.maximum(1.0, np.abs(whole))
        if not cut.any():
            break
        edges.append(left[cut] + half[cut])
        left = np.concatenate([left[cut], left[cut] + half[cut]])
        size = np.concatenate([half[cut], half[cut]])
    return np.unique(np.concatenate(edges))


@lru_cache(maxsize=1024)
def normal_nodes(
    formula: Formula, items: tuple[tuple[str, float], ...], q: float
) -> tuple[Array, Array]:
    """Return nodes z and weights of E[g(z)], z ~ N(0, q), for g as smooth as `formula`."""
    deviation = sqrt(q)
    reach = REACH * deviation
    if reach > _FURTHEST and not _is_finite(formula, dict(items), reach):
        reach = _FURTHEST
    own = mesh(formula, items, ceil(reach))
    edges = np.union1d(np.linspace(-reach, reach, 2 * REACH + 1), own[np.abs(own) < reach])
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    left, size = edges[:-1, None], np.diff(edges)[:, None]
    z = (left + size * (node + 1.0) / 2.0).ravel()
    density = np.exp(-0.5 * z**2 / q) / (deviation * sqrt(2.0 * pi))
    return z, (size / 2.0 * weight).ravel() * density


def _is_finite(formula: Formula, numbers: Numbers, reach: float) -> bool:
    """Return whether the square of `formula` is finite at both ends of [-reach, reach]."""
    with np.errstate(over="ignore", invalid="ignore"):
        ends = formula(np.array([-reach, reach]), numbers) ** 2
    return bool(np.isfinite(ends).all())
