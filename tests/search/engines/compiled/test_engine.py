"""Compiled loops compute what the formulas say, in both precisions, and let NaN through."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy import special

from search.activations import ACTIVATIONS, ActivationName
from search.engines.compiled import can_compile, jit
from search.engines.compiled.activate import activate, activation_loop
from search.engines.compiled.activation_functions import FUNCTIONS, activation
from search.engines.compiled.elementary import exp, log1p_unit, normal_cdf, sigmoid, tanh
from search.engines.compiled.jit import CONSTANT_FILES, Array
from search.engines.compiled.transpose import transpose

HIDDEN = [name for name, row in ACTIVATIONS.items() if row.hidden]
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


def own_number(name: ActivationName) -> float:
    numbers = ACTIVATIONS[name].numbers({})
    return next((NUMBERS[key] for key in numbers if key in NUMBERS), 0.25)


def as_formula(
    name: ActivationName, z: NDArray[np.float64], own: NDArray[np.float64]
) -> NDArray[np.float64]:
    row = ACTIVATIONS[name]
    numbers = dict.fromkeys(row.numbers({}), own)
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
) -> None:
    activate(address, pre, offset, own, by_row, active, tangent, learns)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("by_row", [False, True])
def test_loops_equal_the_formula_and_its_derivatives(
    name: ActivationName, dtype: type, by_row: bool
) -> None:
    rng = np.random.default_rng(0)
    rows, units = 6, 37  # no multiple of any vector's width
    z = rng.normal(0, 3, (rows, units)).astype(dtype)
    offset = rng.normal(0, 1, units).astype(dtype)
    number = own_number(name) * rng.uniform(0.9, 1.1, (rows if by_row else 1, units))
    own = number.astype(dtype)
    slopes, active, tangent = z.copy(), np.empty_like(z), np.full_like(z, np.nan)
    learns = int(any(parameter.learned for parameter in ACTIVATIONS[name].parameters))

    address = activation_loop(name, dtype).address
    _activate(address, slopes, offset, own.ravel(), by_row, active, tangent, learns)

    tolerance = 8 * ULPS * float(np.finfo(dtype).eps)
    pre = z.astype(np.float64) + offset.astype(np.float64)
    exact = own.astype(np.float64)
    np.testing.assert_allclose(active, as_formula(name, pre, exact), rtol=0, atol=tolerance)
    h = 1e-6
    ahead, behind = (as_formula(name, pre + step, exact) for step in (h, -h))
    smooth = np.abs(pre[..., None] - [-3, -1, 0, 1, 3, 6]).min(-1) > 2 * h
    expected = np.where(smooth, (ahead - behind) / (2 * h), slopes)
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=max(tolerance, 1e-8))
    if learns:
        ahead, behind = (as_formula(name, pre, exact + step) for step in (h, -h))
        expected = (ahead - behind) / (2 * h)
        np.testing.assert_allclose(tangent, expected, rtol=0, atol=max(4 * tolerance, 1e-8))
    else:
        assert np.isnan(tangent).all()


@pytest.mark.parametrize("name", HIDDEN)
def test_nan_comes_out_as_nan_and_large_numbers_as_they_should(name: ActivationName) -> None:
    z = np.array([[np.nan, 1e4, -1e4]], dtype=np.float32)
    offset, own = np.zeros(3, np.float32), np.full(3, 0.25, np.float32)
    active = np.zeros_like(z)
    address = activation_loop(name, np.float32).address
    _activate(address, z, offset, own, False, active, z, 0)
    assert np.isnan(active[0, 0])
    ends = as_formula(name, np.array([1e4, -1e4]), np.array(0.25))
    np.testing.assert_allclose(active[0, 1:], ends, rtol=1e-6, atol=1e-4)


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


def test_every_hidden_activation_has_one_function() -> None:
    assert set(FUNCTIONS) == set(HIDDEN)
    with pytest.raises(ValueError, match="'relu' has a compiled function already"):
        activation("relu")(lambda z, p: (z, z))
    with pytest.raises(ValueError, match="rleu"):
        activation("rleu")(lambda z, p: (z, z))


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
