"""Exports unpacked and run as a person would run them, where this project cannot be imported."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from search.exports.catalog import export
from tests.search.archives import Made, as_csv

STORY = {
    "study": {"id": "st_k3fxw8mq2abz", "name": "which?"},
    "dataset": {"id": "ds_1", "name": "mixed"},
    "verdict": {"sentence": "GELU is better than all others."},
}
ROWS, ANSWERS = "rows.csv", "answers.csv"
#: What Keras can run on, in this environment.
BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(not find_spec(name), reason=f"no {name} here"))
    for name in ("torch", "jax", "tensorflow")
]
#: It runs outside of this project's tree, and fails where any of its packages is imported.
_GUARD = """
import contextlib, json, pathlib, runpy, sys
sys.modules.update(dict.fromkeys(["search", "service", "storage"]))
program, *folders = json.load(sys.stdin)
for folder in map(pathlib.Path, folders):
    for name in ("model", "predict", "preprocessing"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    sys.argv = ["predict.py", str(folder / "rows.csv")]
    out = (folder / "answers.csv").open("w", encoding="utf-8")
    with out, contextlib.redirect_stdout(out):
        runpy.run_path(program or str(folder / "predict.py"), run_name="__main__")
    sys.path.pop(0)
"""


def unpacked(name: str, made: Made | bytes, folder: Path) -> Path:
    """Unpack the export of a network, or of its archive, into a folder."""
    content = export(name, made if isinstance(made, bytes) else made.blob, STORY)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def run_programs(
    folders: Sequence[Path], environment: Mapping[str, str] | None = None, *, program: str = ""
) -> str:
    """Predict the rows in each folder by `program` or its own; returns the standard error.

    One process for all folders: most of its time goes to the import of a library.
    """
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-I", "-c", _GUARD],
        input=json.dumps([program, *map(str, folders)]),
        check=False, capture_output=True, text=True, cwd=folders[0],
        env={name: value for name, value in variables.items() if value},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def predicted_by_program(
    folder: Path, table: pd.DataFrame, environment: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, str]:
    """Run `predict.py` in a folder; returns its answer and its standard error."""
    (folder / ROWS).write_bytes(as_csv(table))
    said = run_programs([folder], environment)
    return pd.read_csv(folder / ANSWERS, keep_default_na=False), said
