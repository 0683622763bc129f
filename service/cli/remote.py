"""Commands for a running service: upload, watch, cancel, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from search.errors import InvalidInput
from service.client import Client

app = typer.Typer()

Url = Annotated[
    str,
    typer.Option(help="Address of the service.", envvar="ACTIVATION_SEARCH_URL"),
]
Key = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option(help="A key of the service.", envvar="ACTIVATION_SEARCH_KEY"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, in the wire format.")]
_HERE = "http://127.0.0.1:8000"


@app.command()
def upload(
    table: Annotated[Path, typer.Argument(help="Delimited text, ARFF or Parquet.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    name: Annotated[str, typer.Option(help="For people; the file's name if left out.")] = "",
    url: Url = _HERE,
    key: Key = None,
    _: Annotated[bool, typer.Option("--json", help="What is printed anyway.")] = False,
) -> None:
    """Upload a table and print the dataset as JSON, what each column was taken for among it."""
    if not table.is_file():
        raise InvalidInput(f"{table} is no file; give the path of a table")
    with Client(url, key=key) as client:
        typer.echo(json.dumps(client.upload(table, target, name=name), indent=2))


@app.command()
def watch(study_id: str, url: Url = _HERE, key: Key = None, as_json: AsJson = False) -> None:
    """Follow a study to its end and print its verdict, or by --json its results."""
    with Client(url, key=key) as client:
        study = client.study(study_id)
        try:
            study.wait(progress=not as_json)
        except KeyboardInterrupt:
            typer.echo(f"the study goes on; see it at {url.rstrip('/')}/studies/{study_id}")
            raise typer.Exit(130) from None
        if as_json:
            typer.echo(json.dumps(study.results(), indent=2))
            return
        verdict = study.verdict()
        state = study.describe()["state"]
        typer.echo(verdict["sentence"] if verdict else f"{state} without a verdict")


@app.command()
def cancel(study_id: str, url: Url = _HERE, key: Key = None, as_json: AsJson = False) -> None:
    """End a study for good; what it found is kept."""
    with Client(url, key=key) as client:
        study = client.study(study_id)
        study.cancel()
        if as_json:
            typer.echo(json.dumps(study.describe(), indent=2))
            return
    typer.echo(f"study {study_id} ends at its next rung; what it found is kept")


@app.command()
def report(
    study_id: str,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
        typer.Option(help="The file to write; default: STUDY_ID.html."),
    ] = None,
    url: Url = _HERE,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a study as one HTML file that needs no network."""
    path = output or Path(f"{study_id}.html")
    with Client(url, key=key) as client:
        written = client.study(study_id).report(path)
    typer.echo(json.dumps({"file": str(written)}) if as_json else str(written))
