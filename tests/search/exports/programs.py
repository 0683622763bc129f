"""Exports unpacked and run as a person would run them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from search.exports.catalog import export
from tests.search.archives import Made, as_csv

STORY = {
    "study": {"id": "st_k3fxw8mq2abz", "name": "which?"},
    "dataset": {"id": "ds_1", "name": "mixed"},
    "verdict": {"sentence": "GELU is better than all others."},
}


def unpacked(name: str, made: Made, folder: Path) -> Path:
    content = export(name, made.blob, STORY)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def predicted_by_program(
    folder: Path, table: pd.DataFrame, environment: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, str]:
    """Run `predict.py` in a folder from elsewhere, where this project cannot be imported."""
    rows = folder / "rows.csv"
    rows.write_bytes(as_csv(table))
    # Out of this project's tree; the guard fails where any of its packages is imported.
    guard = (
        "import runpy, sys\n"
        "sys.modules.update(dict.fromkeys(['search', 'service', 'storage']))\n"
        f"sys.path.insert(0, {str(folder)!r}); sys.argv = ['predict.py', {str(rows)!r}]\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", guard],
        check=False, capture_output=True, text=True, cwd=folder,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return pd.read_csv(io.StringIO(done.stdout), keep_default_na=False), done.stderr
