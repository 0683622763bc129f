"""The estimator against Optuna's own: same random numbers, same candidates, same likelihoods."""

from typing import Any

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler

from search.samplers.optuna_internals import Floats, optuna_estimator, read_mixture
from search.samplers.parzen_estimator import ParzenEstimator

SPACE: dict[str, BaseDistribution] = {
    "list": CategoricalDistribution(list("abcdefghij")),
    "pair": CategoricalDistribution((64, 128)),
    "whole": IntDistribution(1, 6),
    "whole log": IntDistribution(1, 200, log=True),
    "float": FloatDistribution(0.0, 0.5),
    "float log": FloatDistribution(1e-4, 1e-1, log=True),
    "stepped": FloatDistribution(0.0, 1.0, step=0.1),
}
RANGES = {name: axis for name, axis in SPACE.items() if name not in ("list", "pair")}
LISTS = {name: axis for name, axis in SPACE.items() if name in ("list", "pair")}


def observed(space: dict[str, BaseDistribution], count: int) -> dict[str, Floats]:
    """Random values of every axis, as Optuna holds them inside."""
    rng = np.random.RandomState(count)
    values = {
        "list": rng.randint(0, 10, count),
        "pair": rng.randint(0, 2, count),
        "whole": rng.randint(1, 7, count),
        "whole log": np.exp(rng.uniform(0.0, np.log(200), count)).round(),
        "float": rng.uniform(0.0, 0.5, count),
        "float log": np.exp(rng.uniform(np.log(1e-4), np.log(1e-1), count)),
        "stepped": rng.randint(0, 11, count) * 0.1,
    }
    return {name: values[name].astype(np.float64) for name in space}


def at_the_edge(space: dict[str, BaseDistribution]) -> dict[str, Floats]:
    """Thirty times the lowest value of every axis, which leaves narrow kernels at the edge."""
    lowest = {name: getattr(axis, "low", 0) for name, axis in space.items()}
    return {name: np.full(30, float(value)) for name, value in lowest.items()}


def pair(
    observations: dict[str, Floats], space: dict[str, BaseDistribution]
) -> tuple[ParzenEstimator, Any]:
    """Ours and Optuna's, over the same mixture."""
    theirs = optuna_estimator(TPESampler(multivariate=True), observations, space)
    return ParzenEstimator(read_mixture(theirs)), theirs


CASES = [
    pytest.param(space, observations, id=f"{kind} {label}")
    for kind, space in (("all", SPACE), ("ranges", RANGES), ("lists", LISTS))
    for label, observations in (
        *((f"of {count}", observed(space, count)) for count in (0, 1, 3, 25, 150)),
        ("at the edge", at_the_edge(space)),
    )
]


@pytest.mark.parametrize(("space", "observations"), CASES)
def test_draws_what_optuna_draws(
    space: dict[str, BaseDistribution], observations: dict[str, Floats]
) -> None:
    ours, theirs = pair(observations, space)
    rng, same = np.random.RandomState(5), np.random.RandomState(5)
    drawn, expected = ours.sample(rng, 500), theirs.sample(same, 500)
    assert list(drawn) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(drawn[name], values, rtol=1e-7, atol=1e-12)
    assert rng.rand() == same.rand()  # as many random numbers were taken


@pytest.mark.parametrize(("space", "observations"), CASES)
def test_finds_candidates_as_likely_as_optuna_does(
    space: dict[str, BaseDistribution], observations: dict[str, Floats]
) -> None:
    ours, theirs = pair(observations, space)
    candidates = theirs.sample(np.random.RandomState(5), 300)
    elsewhere, _ = pair(observed(space, 40), space)
    unlikely = elsewhere.sample(np.random.RandomState(6), 300)
    for drawn in (candidates, unlikely):
        np.testing.assert_allclose(ours.log_pdf(drawn), theirs.log_pdf(drawn), rtol=1e-9, atol=1e-9)


def test_draws_stay_within_their_axis() -> None:
    space: dict[str, BaseDistribution] = {"rate": FloatDistribution(1e-4, 1e-1, log=True)}
    ours, _ = pair(at_the_edge(space), space)

    class Extreme(np.random.RandomState):
        """Draws the least and the greatest number there is."""

        def uniform(self, *, size: tuple[int, int]) -> Floats:  # type: ignore[override]
            return np.resize([0.0, 1.0], size)

    drawn = ours.sample(Extreme(0), 100)["rate"]
    assert drawn.min() >= 1e-4
    assert drawn.max() <= 1e-1
