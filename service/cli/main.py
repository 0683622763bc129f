"""The command line: `activation-search serve | worker | run | studies | predict | ...`."""

from __future__ import annotations

import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.text import Text

from search.errors import InvalidInput, SearchError
from service.cli.console_tables import results_table, studies_table
from service.logs import set_up_logs
from service.settings import load_settings

app = typer.Typer(
    help="Which activation function suits your data, and how sure is that?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option(help="Folder of the database; default: data."),
]


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
    set_up_logs(settings.log_level)
    run_server(settings, with_worker=not no_worker)


@app.command()
def worker(
    data_dir: DataDir = None,
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Run studies from the queue of a database."""
    from service.worker.process import run_worker  # noqa: PLC0415 - imports torch

    settings = load_settings(data_dir=data_dir)
    set_up_logs(settings.log_level)
    run_worker(settings, until_stdin_ends=until_stdin_ends)


@app.command()
def run(
    spec: Annotated[Optional[Path], typer.Argument(help="JSON file, as POST /v1/studies.")] = None,  # noqa: UP045
    dataset: Annotated[Optional[str], typer.Option(help="A built-in dataset.")] = None,  # noqa: UP045
) -> None:
    """Run one study here and now, without any server."""
    from service.cli.offline import read_spec_file, run_here  # noqa: PLC0415 - imports torch

    if (spec is None) == (dataset is None):
        raise InvalidInput("give either a SPEC.json file or --dataset NAME, not both and not none")
    body = read_spec_file(spec) if spec is not None else {"dataset": dataset}
    run_here(body, load_settings(), Console())


@app.command()
def studies(data_dir: DataDir = None) -> None:
    """List the studies of a database, newest first."""
    from service.cli.offline import recorded_studies  # noqa: PLC0415 - other commands start faster

    Console().print(studies_table(recorded_studies(load_settings(data_dir=data_dir))))


@app.command()
def results(study_id: str, data_dir: DataDir = None) -> None:
    """Show the results of one study."""
    from service.cli.offline import recorded_results  # noqa: PLC0415 - other commands start faster

    Console().print(results_table(recorded_results(load_settings(data_dir=data_dir), study_id)))


@app.command()
def predict(
    study_id: str,
    rows: Annotated[Path, typer.Argument(help="CSV with the columns of the study's dataset.")],
    out: Annotated[Optional[Path], typer.Option(help="File to write; default: to print.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
) -> None:
    """Predict rows by the network that a study recommends."""
    from service.cli import takehome  # noqa: PLC0415 - other commands start faster

    takehome.predict(load_settings(data_dir=data_dir), study_id, rows, out)


@app.command()
def export(
    study_id: str,
    file_format: Annotated[str, typer.Option("--format", help="pytorch.")] = "pytorch",
    out: Annotated[Optional[Path], typer.Option(help="File to write; default: named so.")] = None,  # noqa: UP045
    data_dir: DataDir = None,
) -> None:
    """Write the network that a study recommends as a file that runs without this program."""
    from service.cli import takehome  # noqa: PLC0415 - other commands start faster

    takehome.export(load_settings(data_dir=data_dir), study_id, file_format, out)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(package_version("activation-search"))


def main() -> None:
    """Run the command line; a SearchError is printed as one sentence, with exit code 1."""
    try:
        app()
    except SearchError as error:
        # As Text, since Rich would read brackets in a message as markup.
        Console(stderr=True).print(Text(str(error), style="red"))
        sys.exit(1)


if __name__ == "__main__":
    main()
