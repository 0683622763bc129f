"""Commands that need no server: run a study in this process, read a database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import to_json
from rich.console import Console

from search.analysis.live_results import LiveResults
from search.data.dataset_builder import read_table
from search.data.datasets import Dataset
from search.driver import run_study
from search.errors import InvalidInput
from search.study import Phase, PhaseStarted, ProgressMade, StudyResults, StudySpec
from search.training.backend import usable_backend
from search.training.executors import local_pool
from service.api.problems import InvalidRequest
from service.api.schemas.study import StudyModel
from service.api.schemas.study_out import StudyOut
from service.api.validation_messages import describe_validation_error
from service.cli.console_tables import progress_bar, results_table, show_progress
from service.logs import quieten_optuna
from service.settings import Settings
from service.stored_datasets import load_dataset
from storage import Results, Studies, open_to_read
from storage.rows.study_rows import StudyRow

#: Exit code that a shell reports for a command ended by Ctrl-C.
INTERRUPTED = 130


def read_spec_file(path: Path) -> Mapping[str, Any]:
    """Read a JSON object from a file; InvalidInput where the file holds none."""
    try:
        body = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidInput(f"{path} holds no JSON object; write one as POST /v1/studies takes it")
    return body


def read_table_file(path: Path, target: str) -> Dataset:
    """Read a table of one's own; InvalidInput where it cannot be read or learned from."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}); give a table") from error
    return read_table(content, target=target, filename=path.name, dataset_id="table")


def parse_spec(body: Mapping[str, Any]) -> StudySpec:
    """Return the study that `body` describes; InvalidRequest names each broken rule."""
    try:
        return StudyModel.model_validate(body).to_spec()
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise InvalidRequest(
            describe_validation_error(each, StudyModel) for each in found
        ) from error


def run_here(
    body: Mapping[str, Any],
    settings: Settings,
    console: Console,
    *,
    table: Dataset | None = None,
    as_json: bool = False,
) -> None:
    """Run the study that `body` describes, on `table` if there is one, and print its results.

    Ctrl-C ends it and prints what was found until then.
    """
    spec = parse_spec(body)
    quieten_optuna()
    dataset = table or load_dataset(spec, None)
    live = LiveResults(spec, dataset)
    backend = usable_backend(settings.device, settings.engine, tf32=settings.tf32)
    is_whole = True
    with (
        local_pool(settings.processes, backend) as executor,
        progress_bar(quiet=as_json) as bar,
    ):
        task = bar.add_task(dataset.name, total=None, best="-", rate="")
        phase = Phase.SEARCH
        try:
            for event in run_study(spec, dataset, executor=executor, backend=backend):
                live.apply(event)
                if isinstance(event, PhaseStarted):
                    phase = event.phase
                elif isinstance(event, ProgressMade):
                    show_progress(bar, task, phase, asdict(event.progress))
        except KeyboardInterrupt:
            is_whole = False
    results = live.to_document(phase_ended=True)
    if as_json:
        typer.echo(results_json(results))
    else:
        console.print(results_table(results))
    if not is_whole:
        typer.echo(
            "interrupted; this is what was found until then. Nothing is kept of it: with "
            "--data-dir FOLDER a study stays, and --resume goes on with it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)


def results_json(results: StudyResults) -> str:
    """Return results as JSON text, by the names of the wire format."""
    return to_json(results, indent=2, inf_nan_mode="null").decode()


def studies_json(rows: Sequence[StudyRow]) -> str:
    """Return studies as JSON text, in the wire format."""
    return to_json([StudyOut.from_row(row) for row in rows], indent=2).decode()


def recorded_studies(settings: Settings) -> tuple[StudyRow, ...]:
    """Return the newest hundred studies of the database."""
    database = open_to_read(settings.database)
    try:
        return tuple(Studies(database).list(limit=100).items)
    finally:
        database.close()


def recorded_results(settings: Settings, study_id: str) -> StudyResults:
    """Return the results of one study; NotFound where there is no such study."""
    database = open_to_read(settings.database)
    try:
        return Results(database).get(study_id).results
    finally:
        database.close()
