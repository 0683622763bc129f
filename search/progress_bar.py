"""A progress bar for who waits: in a terminal, in a notebook, and nowhere else."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self


class ProgressBar:
    """A line on standard error that moves on; a context manager, which takes the line away.

    Where standard error goes to a file, or with `quiet`, there is none. In a notebook it is a
    widget where ipywidgets is installed, else the line that a terminal has.
    """

    def __init__(self, words: str, *, quiet: bool = False) -> None:
        is_notebook = _is_notebook()
        # tqdm takes None for "where there is a terminal".
        is_off: bool | None = True if quiet else (False if is_notebook else None)
        kind = _widget() if is_notebook and find_spec("ipywidgets") else _line()
        self._bar: Any = kind(desc=words, total=None, disable=is_off, leave=False, file=sys.stderr)
        self._words = words

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.close()

    def show(self, words: str, done: int, total: int) -> None:
        """Move to `done` of `total`; with other `words` the clock starts anew. 0: of unknown."""
        is_new = words != self._words
        if is_new:
            self._bar.reset(total=total or None)
            self._bar.set_description_str(words, refresh=False)
            self._words = words
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)  # draws it ten times a second at most
        if is_new:
            self._bar.refresh()


def _is_notebook() -> bool:
    """Whether this process is a notebook's kernel; IPython in a terminal is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def _line() -> Any:
    from tqdm.std import tqdm  # noqa: PLC0415 - only for who waits

    return tqdm


def _widget() -> Any:
    from tqdm.notebook import tqdm  # noqa: PLC0415 - needs ipywidgets

    return tqdm
