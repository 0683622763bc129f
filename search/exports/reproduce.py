"""A recommended network trained again from its story, score by score.

Seeds follow from the study's seed and from what a training is, so on the same machine with the same
versions every score and every weight comes out as before, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha256
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from search.analysis.candidates import Candidate
from search.data.datasets import Dataset
from search.data.fold_arrays import TrainingData
from search.driver.holdout_phase import evaluate_holdout
from search.driver.ordered_jobs import OrderedJobs
from search.driver.plan import StudyPlan, plan_study
from search.driver.resplits import Resplits
from search.driver.stage_runs import StageRuns, last_scores, whole_training
from search.errors import InvalidInput
from search.networks.lane import Lane
from search.networks.model_archive import ModelArchive, load_model_archive
from search.study import ConfirmationRun, Stage, StudySpec, TestRole, TestsMade
from search.training.backend import PROCESSOR, Backend
from search.training.packing import pack
from search.training.scoring import LaneReport
from search.training.worker_files import train_from_file

STORY_VERSION = 1
#: Relative difference up to which scores are the same but for rounding.
ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAgain:
    """One number of the story, beside what it came to this time."""

    #: Which training: "search, trial 12", "confirmation, repeat 1, fold 2", "test", "weights".
    training: str
    metric: str
    recorded: float | str
    #: None where the training failed this time.
    again: float | str | None

    @property
    def is_same(self) -> bool:
        """Whether both are equal to the last digit."""
        return self.recorded == self.again

    @property
    def is_close(self) -> bool:
        """Whether they differ by rounding at most."""
        if isinstance(self.recorded, str) or not isinstance(self.again, float):
            return self.is_same
        return isclose(self.recorded, self.again, rel_tol=ROUNDING, abs_tol=ROUNDING)


def check_story(story: Mapping[str, Any]) -> None:
    """Raise InvalidInput for what is no story, or one of a later version."""
    version = story.get("format_version")
    wanted = ("spec", "params", "scores", "dataset", "weights_sha256")
    if not isinstance(version, int) or any(name not in story for name in wanted):
        raise InvalidInput(
            "the file is no export of format 'json'; write one by `activation-search export STUDY "
            "--format json`"
        )
    if version > STORY_VERSION:
        raise InvalidInput(
            f"the file has format version {version}, and this version reads up to "
            f"{STORY_VERSION}; update activation-search to read it"
        )


def weights_hash(archive: ModelArchive) -> str:
    """Return a hash of all numbers that a network's outputs follow from."""
    return sha256(archive.weights.tobytes() + archive.running.tobytes()).hexdigest()


def reproduce(
    story: Mapping[str, Any],
    spec: StudySpec,
    dataset: Dataset,
    executor: Executor,
    *,
    backend: Backend = PROCESSOR,
) -> Iterator[ScoreAgain]:
    """Train the network of a story again, and yield every score as it is made.

    `spec` and `dataset` are those that the story names. Raises InvalidInput where they do not fit.
    """
    check_story(story)
    plan = plan_study(spec, dataset, backend)
    with TemporaryDirectory(prefix="activation-search-", ignore_cleanup_errors=True) as folder:
        again = _Again(plan, story, OrderedJobs(executor, Path(folder)))
        yield from again.search()
        yield from again.confirmation()
        yield from again.test()


class _Again:
    """The trainings of one story."""

    def __init__(self, plan: StudyPlan, story: Mapping[str, Any], jobs: OrderedJobs) -> None:
        self._plan = plan
        self._story = story
        self._jobs = jobs
        self._resplits = Resplits(plan, Stage.CONFIRM)
        self._runs: list[ConfirmationRun] = []
        params = story["params"]
        self._candidate = Candidate(
            trial=story.get("trial"), params=params, arm=plan.arms.of(params), search=0
        )

    def search(self) -> Iterator[ScoreAgain]:
        """Train the trial on the folds of the search."""
        recorded, number = self._story["scores"].get("trial"), self._candidate.trial
        if recorded is None or number is None:
            return
        lanes = self._plan.lanes(number, self._candidate.params)
        reports = sorted((report for _, report in self._train(lanes)), key=lambda r: r.fold)
        folds = [last_scores(self._plan, report)[0] for report in reports]
        again = {
            name: sum(scores[name] for scores in folds) / len(folds)
            for name in recorded
            if all(name in scores for scores in folds)
        }
        yield from _compared(f"search, trial {number}", recorded, again)

    def confirmation(self) -> Iterator[ScoreAgain]:
        """Train on the fresh splits that the confirmation trained on."""
        recorded = {
            (run["repeat"], run["fold"]): run for run in self._story["scores"]["confirmation"]
        }
        stage = StageRuns(self._plan, self._resplits, ())
        repeats = sorted({repeat for repeat, _ in recorded})
        for _, made in stage.train([self._candidate], repeats, self._jobs):
            for run in made:
                self._runs.append(run)
                known = recorded.get((run.repeat, run.fold), {})
                known = {k: v for k, v in known.items() if k not in ("repeat", "fold")}
                training = f"confirmation, repeat {run.repeat}, fold {run.fold}"
                yield from _compared(training, known, run.scores)

    def test(self) -> Iterator[ScoreAgain]:
        """Refit on all development rows, score the test rows and compare the weights."""
        for event in evaluate_holdout(self._plan, self._resplits, self._runs, self._jobs):
            if not isinstance(event, TestsMade):
                continue
            scores = {run.role: run.scores for run in event.runs}.get(TestRole.WINNER, {})
            yield from _compared("test", self._story["scores"].get("test", {}), scores)
            yield ScoreAgain(
                training="weights",
                metric="sha256",
                recorded=self._story["weights_sha256"],
                again=weights_hash(load_model_archive(event.winner)) if event.winner else None,
            )

    def _train(
        self, lanes: Sequence[Lane], data: TrainingData | None = None
    ) -> Iterator[tuple[Lane, LaneReport]]:
        stacks = pack(lanes, self._plan.backend.device)
        segments = [whole_training(self._plan, stack) for stack in stacks]
        for segment, reports in self._jobs.run(train_from_file, segments, data or self._plan.data):
            yield from zip(segment.lanes, reports, strict=True)


def _compared(
    training: str, recorded: Mapping[str, Any], again: Mapping[str, float]
) -> Iterator[ScoreAgain]:
    for metric, value in recorded.items():
        if value is not None:
            yield ScoreAgain(
                training=training, metric=metric, recorded=value, again=again.get(metric)
            )
