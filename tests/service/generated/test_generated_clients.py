"""Clients that are generated from the OpenAPI document work: Python's is run, TypeScript's read.

The generators are in an environment of their own (`make .venv/.clients-ready`), since they ask for
other versions than this project does; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.service.processes import Server

CLIENTS = Path(__file__).parents[3] / ".venv" / "clients"
GENERATOR = CLIENTS / "bin" / "openapi-python-client"
TYPESCRIPT = CLIENTS / "node_modules" / ".bin"
USE = Path(__file__).with_name("use_client.py")
#: What a TypeScript program says of the types: each line must hold, or the compiler complains.
TYPES = """
import type { components, paths, operations } from "./schema";

const study: components["schemas"]["StudyModel"] = { dataset: "digits" };
type Upload = paths["/v1/datasets"]["post"]["requestBody"]["content"]["multipart/form-data"];
const upload: Upload = { file: "", target: "leaf" };
type Made = operations["create_study"]["responses"][202]["content"]["application/json"];
const id = (made: Made): string => made.id;
// @ts-expect-error: a study without a dataset
const none: components["schemas"]["StudyModel"] = {};
export { study, upload, id, none };
"""


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Return what a command printed; its own words where it fails."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def document(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(server.client.get("/openapi.json").json()))
    return path


@pytest.mark.skipif(not GENERATOR.exists(), reason="make .venv/.clients-ready has not been run")
def test_a_generated_client_in_python_starts_reads_and_takes_home_a_study(
    server: Server, document: Path, tmp_path: Path
) -> None:
    said = run(
        *(GENERATOR, "generate", "--path", document, "--meta", "none"),
        *("--output-path", tmp_path / "activation_search_client"),
        folder=tmp_path,
    )
    # CSV beside JSON is the one thing that it says to leave out.
    assert said.count("WARNING") == said.count("Unsupported content type text/csv") == 1, said
    printed = run(
        *(CLIENTS / "bin" / "python", USE, str(server.client.base_url).rstrip("/")),
        folder=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    found = dict(line.split(" ", 1) for line in printed.splitlines())
    assert found.pop("sentence")
    assert found.pop("prediction") in ("long", "short")
    assert found == {
        "dataset": "plants.csv 120 binary",
        "study": "6 3",
        "state": "completed",
        "trials": "[0, 1, 2, 3, 4, 5]",
        "lines": "7",
        "network": "True",
        "refused": "/dataset",
        "deleted": "204",
    }


@pytest.mark.skipif(
    not (TYPESCRIPT / "tsc").exists(), reason="make .venv/.clients-ready found no npm"
)
def test_generated_types_in_typescript_hold(document: Path, tmp_path: Path) -> None:
    # What has a default may be left out.
    flags = ("--default-non-nullable=false", "-o", "schema.d.ts")
    run(TYPESCRIPT / "openapi-typescript", document, *flags, folder=tmp_path)
    (tmp_path / "use.ts").write_text(TYPES)
    run(TYPESCRIPT / "tsc", "--noEmit", "--strict", "use.ts", folder=tmp_path)
