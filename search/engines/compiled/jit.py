"""How loops are compiled: once a machine, kept beside the source or in the user's cache."""

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

#: `contract` allows multiply-add in one instruction. Nothing else of "fast" mathematics, but for
#: the order of sums in a `reduction`: NaN stays NaN, or a diverged lane would go unnoticed.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
#: Files of `search` whose constants stand in compiled code.
_CONSTANTS = (
    "engines/layer_statistics.py",
    "engines/stacked/optimizer_step.py",
    "networks/normalization.py",
    "networks/optimizers.py",
)


def jit(function: F) -> F:
    """Compile at the first call, for the types of its arguments; later processes load it."""
    typed: F
    try:
        typed = njit(**_OPTIONS, cache=True)(function)
    except RuntimeError:  # neither the source's folder nor the user's cache can be written to
        typed = njit(**_OPTIONS)(function)
    return typed


def llvm_intrinsic(function: Callable[..., Any]) -> Any:
    """Let compiled functions call what `function` writes in LLVM's own language."""
    return intrinsic(function)


def c_entry_point(signature: Any) -> Callable[[F], Any]:
    """Compile now, for C types, to be called at an address; later processes load it."""

    def compile_(function: F) -> Any:
        try:
            return cfunc(signature, **_OPTIONS, cache=True)(function)
        except RuntimeError:
            return cfunc(signature, **_OPTIONS)(function)

    return compile_


def inlined(function: F) -> F:
    """Let compiled functions call `function`, which stays an ordinary one."""
    typed: F = register_jitable(**_OPTIONS, forceinline=True)(function)
    return typed


def callable_from_jit(function: F) -> F:
    """Let compiled functions call `function`, which is compiled on its own for each type."""
    typed: F = register_jitable(**_OPTIONS)(function)
    return typed


def reassociated(function: F) -> F:
    """Let compiled functions call `function`, whose sums may be taken in any order."""
    options = _OPTIONS | {"fastmath": {"contract", "reassoc"}}
    typed: F = register_jitable(**options, forceinline=True)(function)
    return typed


@cache
def source_stamp() -> str:
    """Return a hash of this package's sources, and of those whose constants it takes.

    Numba notices changes in the file of a compiled function only, not in the files of what it
    calls. A compiled function that closes over this stamp is compiled anew when any of them has
    changed.
    """
    digest = sha256()
    package = Path(__file__).parent
    constants = [package.parent.parent / name for name in _CONSTANTS]
    for path in (*sorted(package.glob("*.py")), *constants):
        digest.update(path.read_bytes())
    return digest.hexdigest()
