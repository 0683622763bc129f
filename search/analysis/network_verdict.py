"""The recommended network against the baseline's, a linear model and a constant.

All of them are fixed, so the luck of the search has no part in the answer, which can be yes where
no arm is told from another. The difference of two predictors is a mean over rows that both were
scored on; its error is that of the rows, as a sample of data like this (Bayle et al. 2020), and the
noise of the trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from search.analysis.confirmation_table import ConfirmationTable, Floats, Network
from search.analysis.error_model import Difference, Part, rows_part
from search.study import BlockSums, TestRole, TestRun

#: Predictors that a network is compared with.
REFERENCES = (TestRole.BASELINE, TestRole.LINEAR, TestRole.TRIVIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """The recommended network against one reference on one kind of rows; more is better."""

    reference: TestRole
    #: "validation" or "test".
    rows: str
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Predictor:
    """The contributions of rows to the score of one predictor, and what its trainings add."""

    #: `(B,)`, turned so that more is better, in the unit of the table.
    sums: Floats
    rows: Floats
    #: Variance of the mean by training noise, with its degrees of freedom.
    noise: Part

    @property
    def mean(self) -> float:
        return float(self.sums.sum() / self.rows.sum())


def network_differences(
    table: ConfirmationTable, network: Network, tests: Sequence[TestRun]
) -> tuple[Against, ...]:
    """Return the recommended `network` minus each reference that has scores, on both rows.

    `table` holds the runs of the confirmation, `tests` those of the test phase.
    """
    noise = training_noise(table)
    by_role = {run.role: run for run in tests}
    validation = dict(_validation(table, network, by_role, noise))
    test = dict(_test(table, network, by_role, noise))
    return tuple(
        Against(reference=role, rows=name, difference=_minus(found[None], found[role]))
        for name, found in (("validation", validation), ("test", test))
        for role in REFERENCES
        if None in found and role in found
    )


def mean_interval(
    table: ConfirmationTable, network: Network | None, run: TestRun, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the interval of a score on the test rows, in the metric's units; None if unknown."""
    noise = _noise_of(training_noise(table), network, run.repeats) if network else _NONE
    predictor = _of_blocks(run.test_blocks, table.unit, noise)
    if predictor is None:
        return None
    whole = Difference(
        estimate=predictor.mean,
        rows=rows_part((predictor.sums, predictor.rows)),
        searches=(),
        splits=predictor.noise,
    )
    ends = [table.unit * end for end in whole.interval(level)]
    return (min(ends), max(ends)) if all(map(isfinite, ends)) else None


def training_noise(table: ConfirmationTable) -> Mapping[str, Part]:
    """Return the variance of one repeat's mean by training and splits, by network.

    From the networks that have all repeats: what is left of their means over repeats without the
    margins of network and repeat. Two repeats tell little of one network, so its own variance is
    drawn halfway to that of the typical one. `""` stands for the typical network; empty where
    nothing tells.
    """
    networks = [n for arm in table.arms for n in arm.networks]
    networks += [table.baseline] if table.baseline else []
    most = max((int(network.done.sum()) for network in networks), default=0)
    whole = [network for network in networks if int(network.done.sum()) == most]
    if most < 2 or len(whole) < 2:
        return {}
    means = np.array([network.by_repeat[network.done] for network in whole])
    rest = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    own = np.square(rest).sum(axis=1) / (most - 1) * len(whole) / (len(whole) - 1)
    typical = float(np.median(own))
    df = max(1.0, (len(whole) - 1) * (most - 1) / 2.0)
    parts = {
        _name(network): Part(variance=(float(value) + typical) / 2.0, df=df)
        for network, value in zip(whole, own, strict=True)
    }
    return {**parts, "": Part(variance=typical, df=df)}


_NONE = Part(variance=0.0, df=inf)


def _name(network: Network) -> str:
    return f"{network.arm}, {network.search}"


def _noise_of(noise: Mapping[str, Part], network: Network, repeats: int) -> Part:
    part = noise.get(_name(network), noise.get("", _NONE))
    return Part(variance=part.variance / max(1, repeats), df=part.df)


def _of_blocks(blocks: BlockSums | None, unit: float, noise: Part) -> _Predictor | None:
    if blocks is None or not sum(blocks.rows):
        return None
    return _Predictor(
        sums=np.asarray(blocks.sums) / unit, rows=np.asarray(blocks.rows, dtype=float), noise=noise
    )


def _of_network(network: Network, noise: Mapping[str, Part]) -> _Predictor:
    repeats = int(network.done.sum())
    return _Predictor(
        sums=network.sums[network.done].sum(axis=0),
        rows=network.rows[network.done].sum(axis=0),
        noise=_noise_of(noise, network, repeats),
    )


def _validation(
    table: ConfirmationTable,
    network: Network,
    tests: Mapping[TestRole, TestRun],
    noise: Mapping[str, Part],
) -> Iterator[tuple[TestRole | None, _Predictor]]:
    """Yield the predictors on the rows of the confirmation; the network itself as None."""
    if network.done.any():
        yield None, _of_network(network, noise)
    if table.baseline is not None and table.baseline.done.any():
        yield TestRole.BASELINE, _of_network(table.baseline, noise)
    for role in (TestRole.LINEAR, TestRole.TRIVIAL):
        run = tests.get(role)
        found = _of_blocks(run.validation_blocks, table.unit, _NONE) if run else None
        if found is not None:
            yield role, found


def _test(
    table: ConfirmationTable,
    network: Network,
    tests: Mapping[TestRole, TestRun],
    noise: Mapping[str, Part],
) -> Iterator[tuple[TestRole | None, _Predictor]]:
    """Yield the predictors on the test rows; the network itself as None."""
    trained = {TestRole.WINNER: network, TestRole.BASELINE: table.baseline}
    for role, run in tests.items():
        own = trained.get(role)
        part = _NONE if own is None else _noise_of(noise, own, run.repeats)
        found = _of_blocks(run.test_blocks, table.unit, part)
        if found is not None:
            yield (None if role is TestRole.WINNER else role), found


def _minus(ours: _Predictor, theirs: _Predictor) -> Difference:
    return Difference(
        estimate=ours.mean - theirs.mean,
        rows=rows_part((ours.sums, ours.rows), (theirs.sums, theirs.rows)),
        searches=(ours.noise, theirs.noise),
        splits=_NONE,
    )
