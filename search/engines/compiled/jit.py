"""Decorators that compile loops once a machine, kept beside the source or in the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from numba import cfunc, njit
from numba.extending import intrinsic, register_jitable
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])

#: `contract` allows multiply-add in one instruction. Nothing else of "fast" mathematics is allowed,
#: but for the order of sums in `reassociated` functions: NaN stays NaN, or a diverged lane would go
#: unnoticed.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
#: Files of `search` outside this package whose constants stand in compiled code.
CONSTANT_FILES = (
    "activations/formulas.py",
    "engines/layer_statistics.py",
    "networks/normalization.py",
    "networks/optimizers.py",
)


def jit(function: F) -> F:
    """Compile `function` at its first call for argument types; later processes load the result."""
    typed: F
    try:
        typed = njit(**_OPTIONS, cache=True)(function)
    except RuntimeError:  # neither the source's folder nor the user's cache can be written to
        typed = njit(**_OPTIONS)(function)
    return typed


def llvm_intrinsic(function: Callable[..., Any]) -> Any:
    """Make an intrinsic of `function`, which generates LLVM instructions inside its callers."""
    return intrinsic(function)


def literal_intrinsic(function: Callable[..., Any]) -> Any:
    """Make an intrinsic of `function`, which sees the values of texts, not only their type."""
    return intrinsic(prefer_literal=True)(function)


def c_entry_point(signature: Any, *, keep: bool = True) -> Callable[[F], Any]:
    """Compile a function at once for C types, to be called at its `address`.

    Later processes load the result, unless it is not to be kept.
    """

    def compile_(function: F) -> Any:
        try:
            return cfunc(signature, **_OPTIONS, cache=keep)(function)
        except RuntimeError:
            return cfunc(signature, **_OPTIONS)(function)

    return compile_


def inlined(function: F) -> F:
    """Make `function` callable from compiled functions, which inline it; Python still calls it."""
    typed: F = register_jitable(**_OPTIONS, forceinline=True)(function)
    return typed


def callable_from_jit(function: F) -> F:
    """Make `function` callable from compiled functions; it is compiled once for each type."""
    typed: F = register_jitable(**_OPTIONS)(function)
    return typed


def reassociated(function: F) -> F:
    """Make `function` callable from compiled functions, with its sums taken in any order."""
    options = _OPTIONS | {"fastmath": {"contract", "reassoc"}}
    typed: F = register_jitable(**options, forceinline=True)(function)
    return typed


@cache
def source_stamp() -> str:
    """Return a hash of this package's sources and of CONSTANT_FILES.

    Numba notices changes in the file of a compiled function only, not in the files of the functions
    it calls. A compiled function that closes over this stamp is compiled anew when any of them has
    changed.
    """
    digest = sha256()
    package = Path(__file__).parent
    constants = [package.parent.parent / name for name in CONSTANT_FILES]
    for path in (*sorted(package.glob("*.py")), *constants):
        digest.update(path.read_bytes())
    return digest.hexdigest()
