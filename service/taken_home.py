"""The trained network that a study keeps, and its story, for the API and the command line.

No torch: what needs libraries of networks runs in a process of its own. The archive of a network
is read where it is asked for, since that loads pandas.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from search.data.datasets import BUILTIN
from search.errors import Conflict, NotFound
from search.study import Stage, TestRole, TrialRecord
from storage import Confirmations, Database, Datasets, Results, Studies, Trials
from storage.rows.spec_json import write_spec

if TYPE_CHECKING:
    from search.networks.model_archive import ModelArchive

#: The format of a story.
STORY_VERSION = 1
_VERSIONS = ("activation-search", "numba", "numpy", "optuna", "scikit-learn", "scipy", "torch")


@dataclass(frozen=True)
class TakenHome:
    """The network that one study keeps; NotFound for an unknown study, Conflict without one."""

    database: Database
    study_id: str

    @cached_property
    def blob(self) -> bytes:
        """The archive of the network that the study recommends."""
        content = Confirmations(self.database).winner(self.study_id)
        if content is None:
            study = Studies(self.database).get(self.study_id)
            raise Conflict(_why_there_is_none(self.study_id, study.state.is_finished))
        return content

    @cached_property
    def archive(self) -> ModelArchive:
        """The same, read."""
        from search.networks.model_archive import load_model_archive  # noqa: PLC0415 - see above

        return load_model_archive(self.blob)

    def require_trial(self, number: int) -> None:
        """Raise NotFound where there is no such trial, Conflict where the network is another's."""
        record = Trials(self.database).get(self.study_id, number)
        if dict(self.archive.params) != dict(record.params):
            raise Conflict(
                f"study '{self.study_id}' keeps the network that it recommends, which is not that "
                f"of trial {number}; leave trial out, or train that one: start a study on the same "
                f"dataset whose space gives each axis the one value that "
                f"GET /v1/studies/{self.study_id}/trials/{number} shows under params"
            )

    def story(self) -> dict[str, Any]:
        """Return all that is known of the network, as JSON values: how it came to be, and scores.

        It is the export `json`, and enough to train the network again where the dataset is at hand.
        """
        study = Studies(self.database).get(self.study_id)
        confirmations = Confirmations(self.database)
        params = dict(self.archive.params)
        runs = [
            run
            for run in confirmations.runs(self.study_id)
            if dict(run.params) == params and run.stage is Stage.CONFIRM
        ]
        trial = next((run.trial for run in runs if run.trial is not None), None)
        record = None if trial is None else Trials(self.database).get(self.study_id, trial)
        tests = [run for run in confirmations.tests(self.study_id) if run.role is TestRole.WINNER]
        verdict = Results(self.database).get(self.study_id).results.verdict
        weights = sha256(self.archive.weights.tobytes() + self.archive.running.tobytes())
        story: dict[str, Any] = {
            "format_version": STORY_VERSION,
            "study": {
                "id": study.id,
                "name": study.name,
                "created_at": study.created_at.isoformat(),
                "finished_at": study.finished_at and study.finished_at.isoformat(),
            },
            "spec": json.loads(write_spec(study.spec)),
            "seed": study.spec.sampler.seed,
            "dataset": self._dataset(study.dataset),
            "trial": trial,
            "params": params,
            "scores": {
                # Of a trial that was ended early the scores are those of fewer epochs.
                "trial": dict(record.metrics) if record and _is_whole(record) else None,
                "confirmation": [
                    {"repeat": run.repeat, "fold": run.fold, **dict(run.scores)}
                    for run in {(run.repeat, run.fold): run for run in runs}.values()
                ],
                "test": dict(tests[0].scores) if tests else {},
            },
            "weights_sha256": weights.hexdigest(),
            "verdict": None if verdict is None else asdict(verdict),
            "versions": installed_versions(),
        }
        plain: dict[str, Any] = _plain(story)
        return plain

    def _dataset(self, dataset: str) -> dict[str, Any]:
        described: dict[str, Any] = {
            "id": dataset,
            "name": dataset,
            "target": self.archive.target,
            "task": self.archive.task.value,
            "builtin": dataset in BUILTIN,
        }
        if dataset in BUILTIN:
            return described
        try:
            row = Datasets(self.database).get(dataset)
        except NotFound:  # deleted since
            return described
        return described | {
            "name": row.name,
            "task": row.task.value,
            "roles": dict(row.roles),
            "sha256": row.sha256,
        }


def _is_whole(record: TrialRecord) -> bool:
    return record.state is TrialState.COMPLETE


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of what a training's numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # Numba, where it does not support the Python at hand
            continue
    return found


def _plain(value: Any) -> Any:
    """Return JSON values of a value; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def _why_there_is_none(study_id: str, is_finished: bool) -> str:
    if is_finished:
        return (
            f"study '{study_id}' ended without a trained network, which the confirmation of its "
            f"best trials makes; extend it by repeats (POST /v1/studies/{study_id}/extend)"
        )
    return (
        f"study '{study_id}' has no trained network yet, since it has not ended; wait for its "
        f"results (GET /v1/studies/{study_id}/results?wait=60)"
    )
