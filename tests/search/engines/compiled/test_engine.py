"""Compiled loops compute what the formulas say, in both precisions, and let NaN through."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy import special

from search.activations import ACTIVATIONS, Activation, get_activation
from search.engines.compiled import can_compile, jit
from search.engines.compiled.activate import _loop_of_formula, activate, activation_loop
from search.engines.compiled.activation_functions import FUNCTIONS, activation
from search.engines.compiled.elementary import (
    atan,
    cos,
    erf,
    exp,
    log,
    log1p,
    log1p_unit,
    normal_cdf,
    sigmoid,
    sin,
    softplus,
    tanh,
)
from search.engines.compiled.jit import CONSTANT_FILES, Array
from search.engines.compiled.transpose import transpose

HIDDEN = [row for row in ACTIVATIONS.values() if row.hidden]
IDS = [row.name for row in HIDDEN]
#: Where an activation has a number, one that is not the default.
NUMBERS = {"slope": 0.3, "alpha": 0.7, "beta": 1.6}
#: Units in the last place of the largest number at hand that a chain of operations may be off.
ULPS = 16


@njit  # not kept on disk, which would not notice a change of what it calls
def _apply_all(x: Array, out: Array) -> None:
    for i in range(x.size):
        out[0, i] = exp(x[i])
        out[1, i] = sigmoid(x[i])
        out[2, i] = tanh(x[i])
        out[3, i] = normal_cdf(x[i])
        out[4, i] = log1p_unit(sigmoid(x[i]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions_equal_scipys(dtype: type) -> None:
    x = np.linspace(-80, 80, 4001).astype(dtype)
    out = np.empty((5, x.size), dtype=dtype)
    _apply_all(x, out)
    exact = x.astype(np.float64)
    s = special.expit(exact)
    expected = [np.exp(exact), s, np.tanh(exact), special.ndtr(exact), np.log1p(s)]
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(out[0], expected[0], rtol=4 * eps)
    for got, wanted in zip(out[1:], expected[1:], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=4 * eps)


@njit  # not kept on disk
def _apply_further(x: Array, out: Array) -> None:
    for i in range(x.size):
        out[0, i] = log(x[i])
        out[1, i] = log1p(x[i])
        out[2, i] = sin(x[i])
        out[3, i] = cos(x[i])
        out[4, i] = atan(x[i])
        out[5, i] = erf(x[i])
        out[6, i] = softplus(x[i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_further_elementary_functions_equal_numpys(dtype: type) -> None:
    sizes = np.geomspace(1e-30, 1e5, 2000)
    ends = [0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]
    x = np.concatenate([np.linspace(-80, 80, 4001), sizes, -sizes, ends]).astype(dtype)
    out = np.empty((7, x.size), dtype=dtype)
    _apply_further(x, out)
    exact = x.astype(np.float64)
    with np.errstate(all="ignore"):
        expected = [np.log(exact), np.log1p(exact), np.sin(exact), np.cos(exact)]
        expected += [np.arctan(exact), special.erf(exact), np.logaddexp(0.0, exact)]
    eps = float(np.finfo(dtype).eps)
    for got, wanted in zip(out[:5], expected[:5], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=4 * eps)
    for got, wanted in zip(out[5:], expected[5:], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=4 * eps, atol=4 * eps)


def own_numbers(row: Activation) -> list[float]:
    """Numbers of an activation that are not the defaults; one for a noisy slope."""
    if row.noisy:
        return [0.25]
    return [NUMBERS.get(key, default + 0.1) for key, default in row.numbers({}).items()] or [0.25]


def as_formula(
    row: Activation, z: NDArray[np.float64], own: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    names = row.number_names
    numbers = dict.fromkeys(names, own[0]) if row.noisy else dict(zip(names, own, strict=False))
    return np.asarray(row.function(z, numbers))


@njit
def _activate(
    address: int,
    pre: Array,
    offset: Array,
    own: Array,
    by_row: bool,
    active: Array,
    tangent: Array,
    learns: int,
    uniform: bool,
) -> None:
    activate(address, pre, offset, own, by_row, active, tangent[0], learns, uniform, active.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", HIDDEN, ids=IDS)
@pytest.mark.parametrize("numbers", ["uniform", "by unit", "by row"])
def test_loops_equal_the_formula_and_its_derivatives(
    row: Activation, dtype: type, numbers: str
) -> None:
    if numbers == "by row" and not row.noisy:
        return  # only noise differs from row to row
    rng = np.random.default_rng(0)
    rows, units = 6, 37  # no multiple of any vector's width
    z = rng.normal(0, 3, (rows, units)).astype(dtype)
    offset = rng.normal(0, 1, units).astype(dtype)
    shape = {"uniform": (1, 1), "by unit": (1, units), "by row": (rows, units)}[numbers]
    size = (rows, units) if numbers == "by row" else (1, units)
    own = [
        np.broadcast_to(number * rng.uniform(0.9, 1.1, shape), size).astype(dtype)
        for number in own_numbers(row)
    ]
    tangents = np.full((max(1, len(row.learnable)), *z.shape), np.nan, dtype)
    slopes, active = z.copy(), np.empty_like(z)
    learns, uniform = len(row.learnable), numbers == "uniform"

    address = activation_loop(row, dtype).address
    flat = np.concatenate([number.ravel() for number in own])
    _activate(address, slopes, offset, flat, numbers == "by row", active, tangents, learns, uniform)

    tolerance = 8 * ULPS * float(np.finfo(dtype).eps)
    pre = z.astype(np.float64) + offset.astype(np.float64)
    exact = [number.astype(np.float64) for number in own]
    expected = as_formula(row, pre, exact)
    size_of = np.maximum(1.0, np.abs(expected))
    assert (np.abs(active - expected) <= tolerance * size_of).all()
    h = 1e-6
    ahead, behind = (as_formula(row, pre + step, exact) for step in (h, -h))
    # Not where a kink or jump lies between the two.
    near = np.abs((ahead - expected) - (expected - behind)) < 1e-8 * size_of
    expected = np.where(near, (ahead - behind) / (2 * h), slopes)
    assert near.mean() > 0.95
    size_of = np.maximum(1.0, np.abs(expected))
    assert (np.abs(slopes - expected) <= max(4 * tolerance, 3e-8) * size_of).all()
    for index, tangent in enumerate(tangents[:learns]):
        ahead, behind = (
            as_formula(row, pre, [*exact[:index], exact[index] + step, *exact[index + 1 :]])
            for step in (h, -h)
        )
        expected = (ahead - behind) / (2 * h)
        size_of = np.maximum(1.0, np.abs(expected))
        assert (np.abs(tangent - expected) <= max(4 * tolerance, 1e-8) * size_of).all()
    assert learns or np.isnan(tangents).all()


@pytest.mark.parametrize("row", HIDDEN, ids=IDS)
def test_nan_comes_out_as_nan_and_large_numbers_as_they_should(row: Activation) -> None:
    z = np.array([[np.nan, 1e4, -1e4]], dtype=np.float32)
    own = own_numbers(row)
    offset, numbers = np.zeros(3, np.float32), np.repeat(own, 3).astype(np.float32)
    active = np.zeros_like(z)
    address = activation_loop(row, np.float32).address
    _activate(address, z, offset, numbers, False, active, z[None], 0, True)
    assert np.isnan(active[0, 0])
    exact = [np.float64(number) for number in np.array(own, np.float32)]
    ends = as_formula(row, np.array([1e4, -1e4]), exact)
    # A product with 1e4 in float32 is known to 6e-4, which a sine turns into as much.
    np.testing.assert_allclose(active[0, 1:], ends, rtol=1e-6, atol=1e-3)


@njit
def _transpose(matrix: Array, out: Array) -> None:
    transpose(matrix, out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (5, 40), (40, 5), (33, 50), (64, 64)])
def test_transposing_by_tiles_equals_numpys(shape: tuple[int, int], dtype: type) -> None:
    matrix = np.random.default_rng(0).normal(size=shape).astype(dtype)
    out = np.zeros(shape[::-1], dtype)
    _transpose(matrix, out)
    np.testing.assert_array_equal(out, matrix.T)


def test_functions_by_hand_are_of_hidden_activations_with_one_number_at_most() -> None:
    rows = [get_activation(name) for name in FUNCTIONS]
    assert all(row.hidden and (row.noisy or len(row.number_names) < 2) for row in rows)
    with pytest.raises(ValueError, match="'relu' has a compiled function already"):
        activation("relu")(lambda z, p: (z, z))
    with pytest.raises(ValueError, match="rleu"):
        activation("rleu")(lambda z, p: (z, z))


def test_a_function_by_hand_is_what_follows_from_the_formula() -> None:
    """So that either may be left out."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (4, 16))
    for name in FUNCTIONS:
        row = get_activation(name)
        if row.noisy:
            continue
        own = np.repeat(own_numbers(row), 16)
        results = []
        for loop in (activation_loop(row, np.float64), _loop_of_formula(row, np.float64)):
            slopes, active, tangents = z.copy(), np.empty_like(z), np.zeros((1, *z.shape))
            learns = len(row.learnable)
            _activate(
                loop.address, slopes, np.zeros(16), own, False, active, tangents, learns, True
            )
            results.append((active, slopes, tangents))
        for by_hand, derived in zip(*results, strict=True):
            np.testing.assert_allclose(by_hand, derived, rtol=1e-13, atol=1e-13, err_msg=name)


def test_the_stamp_covers_every_file_whose_constants_compiled_code_takes() -> None:
    """A constant that changes elsewhere must not leave code compiled with the old value."""
    package = Path(jit.__file__).parent
    files = set()
    for path in package.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("search."):
                continue
            module = import_module(str(node.module))
            values = [getattr(module, alias.name) for alias in node.names]
            if any(isinstance(value, int | float | tuple) for value in values):
                files.add(str(Path(str(module.__file__)).relative_to(package.parent.parent)))
    inside = {name for name in files if name.startswith("engines/compiled/")}
    assert files - inside == set(CONSTANT_FILES)


def test_only_the_processors_code_is_compiled() -> None:
    assert can_compile("cpu")
    assert not can_compile("cuda")


NUMBA_IS_MISSING = """
import sys
sys.modules["numba"] = None
"""
# The only kind of cache allowed is that beside a zip file, so every loop is compiled anew; without
# optimisation, that takes 17 s of processor time instead of 28.
NOTHING_CAN_BE_KEPT = """
import os
os.environ["NUMBA_CACHE_LOCATOR_CLASSES"] = "ZipCacheLocator"
os.environ["NUMBA_OPT"] = "0"
"""


@pytest.mark.parametrize(
    "machine", [NUMBA_IS_MISSING, NOTHING_CAN_BE_KEPT], ids=["without numba", "without a cache"]
)
def test_a_study_runs_on_a_machine(machine: str) -> None:
    script = f"""
{machine}
from search.data.datasets import load_builtin
from search.driver import run_study
from search.study import Budget, Choices, Evaluation, StudySpec
spec = StudySpec(
    dataset="iris",
    space={{"activation": Choices(values=("relu", "prelu"))}},
    budget=Budget(trials=12, epochs=3),
    evaluation=Evaluation(folds=2, confirm_top=1, confirm_repeats=2),
)
print(list(run_study(spec, load_builtin("iris")))[-1].state)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "completed", done.stderr
