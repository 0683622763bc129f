"""Executes the notebooks beside this file and keeps their outputs: `python -m tests.notebooks`."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
NOTEBOOKS = tuple(sorted(FOLDER.glob("*.ipynb")))
ROOT = FOLDER.parents[1]
_SECONDS = 600


def executed(path: Path) -> NotebookNode:
    """Return the notebook run from its first cell to its last, in an empty folder.

    Raises CellExecutionError where a cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        # Figures as data, which Jupyter draws, instead of five megabytes of script.
        "PLOTLY_RENDERER": "plotly_mimetype",
    }
    with TemporaryDirectory(prefix="notebook-") as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=_SECONDS, resources=resources)
        client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    return notebook


def main() -> None:
    """Execute every notebook and write it back."""
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
