"""`activation-search keys create | list | revoke`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Optional

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.errors import InvalidInput
from service.settings import load_settings
from storage import Keys, open_database
from storage.keys import KeyScope

app = typer.Typer(help="Keys that requests to the server must carry.", no_args_is_help=True)

DataDir = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option(help="Folder of the database; default: data."),
]


@contextmanager
def _keys(data_dir: Path | None) -> Iterator[Keys]:
    database = open_database(load_settings(data_dir=data_dir).database)
    try:
        yield Keys(database)
    finally:
        database.close()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key, or what for.")],
    scope: Annotated[KeyScope, typer.Option(help="read, or write for everything.")],
    data_dir: DataDir = None,
    to: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write the key to this file, for its owner alone, and do not print it."),
    ] = None,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Only where the database has no key yet.")
    ] = False,
) -> None:
    """Make a key and print it, which cannot be done again: only a digest of it is kept."""
    with _keys(data_dir) as keys:
        if if_none and keys.list():
            typer.echo("there is a key already; none was made", err=True)
            return
        if to is None:
            typer.echo(keys.create(name, scope))
            typer.echo("keep it: it is not stored and cannot be shown again", err=True)
            return
        file = _private_file(to)  # before there is a key that nobody would have
        with os.fdopen(file, "w") as opened:
            opened.write(keys.create(name, scope) + "\n")
        typer.echo(f"the key '{name}' ({scope}) lies in {to}", err=True)


def _private_file(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidInput(f"{path} exists already; name another file, or remove it") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error}; name another file") from error


@app.command(name="list")
def list_keys(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the keys: name, scope, when they were made and last used (to within a minute)."""
    with _keys(data_dir) as keys:
        found = keys.list()
    if as_json:
        typer.echo(to_json(found, indent=2).decode())
        return
    table = Table("name", "scope", "created", "last used")
    for key in found:
        used = "never" if key.used_at is None else f"{key.used_at:%Y-%m-%d %H:%M}"
        table.add_row(Text(key.name), key.scope, f"{key.created_at:%Y-%m-%d %H:%M}", used)
    Console().print(table)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The name of the key.")], data_dir: DataDir = None
) -> None:
    """Revoke a key; servers refuse it within a second or two."""
    with _keys(data_dir) as keys:
        keys.revoke(name)
    typer.echo(f"the key '{name}' is revoked", err=True)
