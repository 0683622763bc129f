"""`activation-search backup | restore | check`: a database is kept, put back and looked through."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from service.settings import load_settings
from storage import open_database
from storage.backup import back_up, restore
from storage.integrity import find_faults

app = typer.Typer()

DataDir = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option(help="Folder of the database; default: data."),
]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    data_dir: DataDir = None,
) -> None:
    """Write the whole database to one file, while servers and workers go on."""
    written = back_up(load_settings(data_dir=data_dir).database, file)
    typer.echo(f"{file}: {written:,} bytes", err=True)


@app.command(name="restore")
def restore_backup(
    file: Annotated[Path, typer.Argument(help="A file by `backup`.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where there is a database already.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup in the place of the database; servers and workers must be stopped."""
    moved = restore(load_settings(data_dir=data_dir).database, file, replace=replace)
    if moved is not None:
        typer.echo(f"the database that was there is now {moved}", err=True)
    check(data_dir)


@app.command()
def check(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Look through the database: pages, references, Optuna's rows against ours. 1 with faults."""
    database = open_database(load_settings(data_dir=data_dir).database)
    try:
        faults = find_faults(database)
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps(faults, indent=2))
    for fault in () if as_json else faults:
        typer.echo(fault)
    if faults:
        sys.exit(1)
    if not as_json:
        typer.echo("no fault was found", err=True)
