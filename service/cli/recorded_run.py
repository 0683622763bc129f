"""`run --data-dir`: a study without a server that stays in a database, and can be gone on with."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from search.data.dataset_builder import read_table
from search.errors import Conflict, InvalidInput
from search.study import StudyState
from search.training.backend import usable_backend
from search.training.executors import local_pool
from service.api.study_checks import check_study, queue_study
from service.cli.console_tables import progress_bar, results_table, show_progress
from service.cli.offline import INTERRUPTED, parse_spec, results_json
from service.logs import quieten_optuna
from service.settings import Settings
from service.stored_datasets import keep_upload
from service.worker.worker import Worker
from storage import Database, Datasets, Results, Studies, open_database

#: Seconds between two looks at how far the study is.
_LOOK_S = 0.2

#: Makes a queued study in a database and returns its id.
Queued = Callable[[Database], str]


def run_recorded(queued: Queued, settings: Settings, console: Console, *, as_json: bool) -> None:
    """Run one study of the database to its end and print its results.

    Ctrl-C puts it back into the queue, where `run --resume` and any worker find it.
    """
    quieten_optuna()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(open_database(settings.database)) as database:
        study_id = queued(database)
        is_whole = _worked(database, settings, study_id, quiet=as_json)
        row = Studies(database).get(study_id)
        results = Results(database).get(study_id).results
    if as_json:
        typer.echo(results_json(results))
    else:
        console.print(results_table(results))
    place = f"--data-dir {settings.data_dir}"
    if not is_whole:
        typer.echo(
            f"interrupted; this is what was found until then. Go on by `activation-search run "
            f"--resume {study_id} {place}`, or by `activation-search serve {place}`",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)
    if row.state is StudyState.FAILED:
        raise Conflict(f"study '{study_id}' failed: {row.error}")
    typer.echo(
        f"kept as {study_id}: `activation-search results {study_id} {place}`, and so `predict` and "
        f"`export`; `activation-search serve {place}` shows its report",
        err=True,
    )


def queue_spec(body: Mapping[str, Any]) -> Queued:
    """Return what queues the study that `body` describes, as POST /v1/studies takes it."""
    spec = parse_spec(body)

    def queue(database: Database) -> str:
        checked = check_study(spec, Datasets(database))
        return queue_study(Studies(database), spec, checked).id

    return queue


def queue_table(path: Path, target: str) -> Queued:
    """Return what keeps a table as an upload and queues a study of it."""

    def queue(database: Database) -> str:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read ({error.strerror}); give a table") from error
        summary = read_table(content, target=target, filename=path.name, name=path.name).describe()
        row = keep_upload(Datasets(database), summary, content)
        return queue_spec({"dataset": row.id})(database)

    return queue


def queue_again(study_id: str) -> Queued:
    """Return what takes up a study that was interrupted or paused."""

    def queue(database: Database) -> str:
        studies = Studies(database)
        row = studies.get(study_id)
        if row.state.is_finished:
            raise Conflict(
                f"study '{study_id}' is {row.state}, so nothing is left to go on with; see it by "
                f"`activation-search results {study_id}`"
            )
        if row.state is StudyState.PAUSED:
            studies.resume(study_id)
        return study_id

    return queue


def _worked(database: Database, settings: Settings, study_id: str, *, quiet: bool) -> bool:
    """Have a worker of this process run the study; returns whether it has ended."""
    backend = usable_backend(settings.device, settings.engine, tf32=settings.tf32)
    studies = Studies(database)
    with (
        local_pool(settings.processes, backend) as executor,
        ThreadPoolExecutor(1) as threads,
        progress_bar(quiet=quiet) as bar,
    ):
        worker = Worker(settings, database, executor, backend=backend)
        line = bar.add_task(study_id, total=None, best="-", rate="")
        work: Future[None] = threads.submit(worker.run, until_idle=True, only=study_id)
        with _stopped_by_ctrl_c(worker):
            while not work.done():
                row = studies.get(study_id)
                show_progress(bar, line, row.phase, asdict(row.progress))
                wait([work], timeout=_LOOK_S)
        work.result()
        return studies.get(study_id).state.is_finished


@contextmanager
def _stopped_by_ctrl_c(worker: Worker) -> Iterator[None]:
    """Have the first Ctrl-C stop the worker, which puts its study back; a second one interrupts.

    A KeyboardInterrupt would be lost where it is raised within a destructor.
    """

    def stop(*_: object) -> None:
        worker.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
