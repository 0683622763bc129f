"""The command `reproduce`: a network trained again from its story."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from search.data.dataset_builder import read_table, with_task
from search.data.datasets import ColumnRole, Dataset, load_builtin
from search.errors import InvalidInput, NotFound
from search.exports.reproduce import ScoreAgain, check_story, reproduce
from search.study import Task
from search.training.backend import usable_backend
from search.training.executors import local_pool
from service.logs import quieten_optuna
from service.settings import Settings
from service.taken_home import installed_versions
from storage import Datasets, open_database
from storage.rows.spec_json import read_spec


def reproduce_file(
    settings: Settings, file: Path, table: Path | None, console: Console, *, as_json: bool = False
) -> None:
    """Train the network of an export of format `json` again and say what came out the same.

    As JSON: a list of scores, each recorded and again.

    Ends with exit code 1 where a score differs.
    """
    story = _read_story(file)
    dataset = _dataset(settings, story["dataset"], table)
    spec = read_spec(json.dumps(story["spec"]))
    quieten_optuna()
    backend = usable_backend(settings.device, settings.engine, tf32=settings.tf32)
    scores: list[ScoreAgain] = []
    with (
        local_pool(settings.processes, backend) as executor,
        Progress(console=console, disable=as_json) as bar,
    ):
        line = bar.add_task("training again", total=_count(story))
        for score in reproduce(story, spec, dataset, executor, backend=backend):
            scores.append(score)
            bar.update(line, advance=1, description=score.training)
    if as_json:
        typer.echo(to_json([{**asdict(score), "same": score.is_same} for score in scores]).decode())
    for words in () if as_json else _told(scores, story):
        console.print(Text(words), soft_wrap=True)
    if not all(score.is_same for score in scores):
        raise typer.Exit(1)


def _told(scores: list[ScoreAgain], story: Mapping[str, Any]) -> Iterator[str]:
    different = [score for score in scores if not score.is_same]
    for score in different:
        yield f"{score.training}: {score.metric} was {score.recorded}, is {score.again}"
    if not different:
        yield f"all {len(scores) - 1} scores and the weights came out the same, to the last digit"
        return
    numbers = [score for score in different if score.metric != "sha256"]
    far = [score for score in numbers if not score.is_close]
    weights = "" if len(numbers) == len(different) else "the weights differ; "
    yield (
        f"{len(numbers)} of {len(scores) - 1} scores differ, {len(far)} of them by more than "
        f"rounding; {weights}{_other_versions(story)}"
    )


def _other_versions(story: Mapping[str, Any]) -> str:
    now = installed_versions()
    recorded = story.get("versions", {})
    other = [
        f"{name} {recorded.get(name)} (here {now.get(name)})"
        for name in sorted({*now, *recorded})
        if now.get(name) != recorded.get(name)
    ]
    if other:
        return f"the export was made with {', '.join(other)}"
    return "the versions are the same, so the processor or the engine is another"


def _count(story: Mapping[str, Any]) -> int:
    scores = story["scores"]
    runs = sum(len(run) - 2 for run in scores["confirmation"])
    return len(scores["trial"] or ()) + runs + len(scores["test"]) + 1


def _read_story(file: Path) -> dict[str, Any]:
    try:
        story = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read as JSON: {error}") from error
    check_story(story if isinstance(story, dict) else {})
    read: dict[str, Any] = story
    return read


def _dataset(settings: Settings, facts: Mapping[str, Any], table: Path | None) -> Dataset:
    if facts["builtin"]:
        return with_task(load_builtin(facts["id"]), Task(facts["task"]))
    content = _content(settings, facts, table)
    if sha256(content).hexdigest() != facts.get("sha256"):
        raise InvalidInput(
            f"{table or facts['id']} is not the table that the network was trained on (its SHA-256 "
            f"is {sha256(content).hexdigest()[:12]}..., not {str(facts.get('sha256'))[:12]}...); "
            f"give the very file that was uploaded by --table"
        )
    return read_table(
        content,
        target=facts["target"],
        task=Task(facts["task"]),
        columns={name: ColumnRole(role) for name, role in facts["roles"].items()},
        name=facts["name"],
        dataset_id=facts["id"],
    )


def _content(settings: Settings, facts: Mapping[str, Any], table: Path | None) -> bytes:
    if table is not None:
        try:
            return table.read_bytes()
        except OSError as error:
            raise InvalidInput(f"{table} cannot be read: {error.strerror}") from error
    with suppress(NotFound):
        database = open_database(settings.database)
        try:
            return Datasets(database).content(facts["id"])
        finally:
            database.close()
    raise InvalidInput(
        f"the network was trained on the upload '{facts['name']}', which this database does not "
        f"hold; give the file by --table, or the folder of its database by --data-dir"
    )
