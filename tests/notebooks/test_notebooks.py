"""The notebooks run as they stand, and show what they are shown with.

Numbers and words of what they print may change with the science; `python -m tests.notebooks`
executes them again.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks.__main__ import NOTEBOOKS, ROOT, executed


def kinds(notebook: NotebookNode) -> list[list[list[str]]]:
    """Return, of each cell of code, the kinds of each of its outputs."""
    return [
        [sorted(output.get("data", {output.output_type: ""})) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["own_data", "reading_a_verdict"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_shows_when_it_is_run(path: Path) -> None:
    kept = nbformat.read(path, as_version=4)
    made = executed(path)
    assert kinds(kept) == kinds(made)
    assert all(kinds(kept)), "every cell shows something"
    for text in (nbformat.writes(kept), nbformat.writes(made)):
        assert str(ROOT) not in text
        assert "Warning" not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_code_is_short(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    lines = [
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if line.strip()
    ]
    assert len(lines) < 40
