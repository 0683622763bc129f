"""The command line: `activation-search serve | worker | run | studies | predict | ...`."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.text import Text

from search.errors import InvalidInput, NotReady, SearchError
from service.cli import keys, remote, upkeep
from service.cli.console_tables import results_table, studies_table
from service.logs import set_up_logs
from service.settings import load_settings

app = typer.Typer(
    help="Which activation function suits your data, and how sure is that?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="keys")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, in the wire format.")]
#: Columns of output that goes to a file or another program: nothing is cut or wrapped there.
_PIPED_COLUMNS = 1000

DataDir = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option(help="Folder of the database; default: data."),
]


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(package_version("activation-search"))
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Find the activation function that suits your data, and how sure that is."""


# Optional throughout, not `X | None`: Typer reads the annotations at run time.
@app.command()
def serve(
    host: Annotated[Optional[str], typer.Option(help="Address to listen on.")] = None,  # noqa: UP045
    port: Annotated[Optional[int], typer.Option(help="Port to listen on.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Serve the API only.")] = False,
) -> None:
    """Serve the API, the dashboard and, unless told otherwise, a worker."""
    from service.api.server import serve as run_server  # noqa: PLC0415 - other commands start faster

    settings = load_settings(host=host, port=port, data_dir=data_dir)
    set_up_logs(settings.log_level, settings.log_format)
    run_server(settings, with_worker=not no_worker)


@app.command()
def worker(
    data_dir: DataDir = None,
    executor: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="local: processes of this machine; ray: the cluster at RAY_ADDRESS."),
    ] = None,
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Run studies from the queue of a database."""
    from service.worker.process import run_worker  # noqa: PLC0415 - imports torch

    settings = load_settings(data_dir=data_dir, executor=executor)
    set_up_logs(settings.log_level, settings.log_format)
    run_worker(settings, until_stdin_ends=until_stdin_ends)


@app.command()
def alive(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say whether a worker of this machine gives signs of life; else end with code 1."""
    from service.worker.names import is_of_this_machine  # noqa: PLC0415 - other commands start faster
    from storage import Queue, open_database  # noqa: PLC0415

    settings = load_settings(data_dir=data_dir)
    database = open_database(settings.database)
    try:
        found = Queue(database).live_workers(settings.lease_seconds)
    finally:
        database.close()
    here = [name for name in found if is_of_this_machine(name)]
    if not here:
        raise NotReady(
            f"no worker of this machine has given a sign of life for {settings.lease_seconds:g} s; "
            "start one by `activation-search worker`, or read the log of the one that has ended"
        )
    typer.echo(json.dumps(here) if as_json else "\n".join(here))


@app.command()
def run(
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="A table, with --target; or a study as JSON, as POST /v1/studies."),
    ] = None,
    target: Annotated[str, typer.Option(help="The column of the table to predict.")] = "",
    dataset: Annotated[Optional[str], typer.Option(help="A built-in dataset.")] = None,  # noqa: UP045
    resume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="A study of the folder that was interrupted or paused: go on with it."),
    ] = None,
    data_dir: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Keep the study in this folder's database; default: keep nothing."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one study here and now, without any server."""
    from service.cli import offline, recorded_run  # noqa: PLC0415 - torch

    if [file, dataset, resume].count(None) != 2:
        raise InvalidInput(
            "give either a file (TABLE.csv with --target COLUMN, or SPEC.json), --dataset NAME or "
            "--resume STUDY, and one of them only"
        )
    settings = load_settings(data_dir=data_dir)
    body = {"dataset": dataset} if file is None or target else offline.read_spec_file(file)
    if data_dir is not None or resume is not None:
        if resume is not None:
            queued = recorded_run.queue_again(resume)
        elif file is not None and target:
            queued = recorded_run.queue_table(file, target)
        else:
            queued = recorded_run.queue_spec(body)
        recorded_run.run_recorded(queued, settings, _console(), as_json=as_json)
        return
    table = offline.read_table_file(file, target) if file is not None and target else None
    if table is not None:
        body = {"dataset": table.id}
    offline.run_here(body, settings, _console(), table=table, as_json=as_json)


@app.command()
def studies(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the studies of a database, newest first."""
    from service.cli.offline import recorded_studies, studies_json  # noqa: PLC0415 - start faster

    found = recorded_studies(load_settings(data_dir=data_dir))
    if as_json:
        typer.echo(studies_json(found))
    elif found:
        _console().print(studies_table(found))
    else:
        typer.echo("there is no study yet; start one at http://localhost:8000/new, or by `run`")


@app.command()
def results(study_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the results of one study."""
    from service.cli.offline import recorded_results, results_json  # noqa: PLC0415 - start faster

    found = recorded_results(load_settings(data_dir=data_dir), study_id)
    if as_json:
        typer.echo(results_json(found))
    else:
        _console().print(results_table(found))


@app.command()
def predict(
    study_id: str,
    rows: Annotated[Path, typer.Argument(help="CSV with the columns of the study's dataset.")],
    out: Annotated[Optional[Path], typer.Option(help="File to write; default: to print.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Predict rows by the network that a study recommends."""
    from service.cli import takehome  # noqa: PLC0415 - other commands start faster

    takehome.predict(load_settings(data_dir=data_dir), study_id, rows, out, as_json=as_json)


@app.command()
def export(
    study_id: str,
    file_format: Annotated[
        str, typer.Option("--format", help="pytorch, onnx, keras or json.")
    ] = "pytorch",
    out: Annotated[Optional[Path], typer.Option(help="File to write; default: named so.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the network that a study recommends as a file that runs without this program."""
    from service.cli import takehome  # noqa: PLC0415 - other commands start faster

    takehome.export(load_settings(data_dir=data_dir), study_id, file_format, out, as_json=as_json)


@app.command()
def reproduce(
    file: Annotated[Path, typer.Argument(help="An export of format json.")],
    table: Annotated[Optional[Path], typer.Option(help="The table that was uploaded.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Train an exported network again and say whether every score came out the same."""
    from service.cli.reproduce import reproduce_file  # noqa: PLC0415 - imports torch

    reproduce_file(load_settings(data_dir=data_dir), file, table, _console(), as_json=as_json)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(package_version("activation-search"))


# Commands for a running service stand beside those of a database.
app.registered_commands += remote.app.registered_commands + upkeep.app.registered_commands


def _console() -> Console:
    """Return a console as wide as the terminal; without one, so wide that nothing is cut."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_COLUMNS
    return console


def main() -> None:
    """Run the command line; a SearchError is printed as one sentence, with exit code 1."""
    try:
        app()
    except SearchError as error:
        # As Text, since Rich would read brackets in a message as markup.
        Console(stderr=True).print(Text(str(error), style="red"))
        sys.exit(1)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        Console(stderr=True).print(
            Text(
                f"{error.filename} cannot be used ({error.strerror}); give another folder with "
                "--data-dir, or another file",
                style="red",
            )
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
