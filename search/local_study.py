"""A study on a data frame, run in this process without any server: `search.run(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from warnings import warn

from optuna.logging import WARNING, get_verbosity, set_verbosity

from search.analysis.figures.study_reader import StudyReader
from search.analysis.figures.study_view import Json, StudyView, view_of_study
from search.analysis.live_results import LiveResults
from search.data.dataset_builder import build_dataset
from search.data.datasets import ColumnRole, Dataset, load_builtin
from search.driver import run_study
from search.errors import Conflict, InvalidInput, UnknownChoice
from search.exports.catalog import FORMATS, FormatName, export
from search.prediction.predict import predict_file
from search.progress_bar import ProgressBar
from search.study import (
    Axis,
    Budget,
    Choices,
    Evaluation,
    ParamValue,
    Phase,
    PhaseStarted,
    Progress,
    ProgressMade,
    Range,
    SamplerSpec,
    StudyResults,
    StudySpec,
    Task,
    TestsMade,
    TrialRecord,
    TrialsChanged,
)
from search.study_checks import check_study
from search.training.executors import InlineExecutor, local_pool

if TYPE_CHECKING:
    import pandas as pd

#: An axis in plain words: a list of choices, `{"low": 1, "high": 8}`, or one fixed value.
PlainAxis = Sequence[ParamValue] | Mapping[str, Any] | ParamValue


class LocalStudy(StudyReader):
    """A study that ran in this process, with all that it found."""

    def __init__(
        self,
        spec: StudySpec,
        metric: str,
        results: StudyResults,
        trials: Sequence[TrialRecord],
        archive: bytes | None,
    ) -> None:
        self.spec = spec
        self._metric = metric
        self._results = results
        self._trials = sorted(trials, key=lambda trial: trial.number)
        self._archive = archive

    def results(self) -> Json:
        """Return everything found, as `GET results` shows it."""
        return asdict(self._results)

    def view(self) -> StudyView:
        """Return the study as the figures read it."""
        return view_of_study(self._results, self._trials, metric=self._metric)

    def trials(self) -> list[Json]:
        """Return all trials, as the items of `GET trials`, with their curves and layers."""
        return list(self.view().trials)

    @property
    def archive(self) -> bytes:
        """The network that the verdict recommends, trained; Conflict where there is none."""
        if self._archive is None:
            raise Conflict(
                "the study ended without a trained network, which the confirmation of its best "
                "trials makes; run it with an evaluation whose confirm_top is 1 or more"
            )
        return self._archive

    def export(self, form: str, path: Path | str | None = None) -> Path:
        """Write the recommended network as `pytorch`, `onnx` or `keras`; returns the file's path.

        The format `json`, from which a network is trained again, tells of a study of a service.
        """
        if form not in FORMATS or form == FormatName.JSON:
            raise UnknownChoice("format", form, [name for name in FORMATS if name != "json"])
        verdict = self._results.verdict
        story = {
            "dataset": {"id": self.spec.dataset, "name": self.spec.dataset},
            "verdict": verdict and asdict(verdict),
        }
        file = Path(path or f"{self.spec.dataset}-{form}{FORMATS[FormatName(form)].suffix}")
        file.write_bytes(export(form, self.archive, story))
        return file

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the recommended network's predictions: `prediction`, and `probability_LABEL`s.

        Warns of cells that could not be read.
        """
        import pandas as pd  # noqa: PLC0415 - figures need no pandas

        with TemporaryDirectory(prefix="activation-search-") as folder:
            given, made = Path(folder, "rows.csv"), Path(folder, "predictions.csv")
            rows.to_csv(given, index=False)
            found = predict_file(self.archive, str(given), str(made))
            for warning in found["warnings"]:
                warn(warning, stacklevel=2)
            return pd.read_csv(made, keep_default_na=False)

    def __repr__(self) -> str:
        """Return the verdict's sentence: what a notebook shows of a study."""
        verdict = self._results.verdict
        return verdict.sentence if verdict else f"{len(self._trials)} trials, no verdict"


def run(
    table: pd.DataFrame | str,
    target: str = "",
    *,
    task: Task | str | None = None,
    columns: Mapping[str, str] | None = None,
    space: Mapping[str, PlainAxis] | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    evaluation: Evaluation | None = None,
    objectives: Sequence[str] = (),
    processes: int | None = 1,
    progress: bool = True,
) -> LocalStudy:
    """Run a study on `table` and return what it found.

    `table` is a data frame with the column `target`, or the name of a built-in dataset. `columns`
    gives columns a role (`feature`, `ignore`, `group`), `space` the axes that differ from the
    default space; what is left out has the defaults of `StudySpec`. With `processes` 1 everything
    is trained in this process; None takes one process a core, and a script that does so keeps its
    own code below `if __name__ == "__main__":`. Raises InvalidInput where the study does not fit
    the table.
    """
    dataset = _dataset(table, target, task, columns)
    defaults = Budget()
    spec = StudySpec(
        dataset=dataset.id,
        task=None if task is None else Task(task),
        space={name: _axis(name, axis) for name, axis in (space or {}).items()},
        sampler=SamplerSpec(seed=seed),
        budget=Budget(
            trials=trials or defaults.trials, epochs=epochs or defaults.epochs, seconds=seconds
        ),
        evaluation=evaluation or Evaluation(),
        objectives=tuple(objectives),
    )
    checked = check_study(spec, dataset.describe())
    spec, metric = checked.spec, checked.objectives[0].name
    live = LiveResults(spec, dataset)
    found: dict[int, TrialRecord] = {}
    archive: bytes | None = None
    before = get_verbosity()
    set_verbosity(max(before, WARNING))  # it would log every in-memory study
    executor = InlineExecutor() if processes == 1 else local_pool(processes)
    try:
        with executor, ProgressBar(dataset.name, quiet=not progress) as bar:
            phase = Phase.SEARCH
            for event in run_study(spec, dataset, executor=executor):
                live.apply(event)
                match event:
                    case TrialsChanged():
                        found |= {trial.number: trial for trial in event.trials}
                    case PhaseStarted():
                        phase = event.phase
                    case TestsMade():
                        archive = event.winner or archive
                    case ProgressMade():
                        done, total = _count(event.progress, phase)
                        bar.show(phase.value, done, total)
    finally:
        set_verbosity(before)
    document = live.to_document(phase_ended=True)
    return LocalStudy(spec, metric, document, list(found.values()), archive)


def _count(progress: Progress, phase: Phase) -> tuple[int, int]:
    if phase is Phase.SEARCH:
        return progress.trials_finished, progress.trials_total
    return progress.confirmations_finished, progress.confirmations_total


def _dataset(
    table: pd.DataFrame | str,
    target: str,
    task: Task | str | None,
    columns: Mapping[str, str] | None,
) -> Dataset:
    if isinstance(table, str):
        if target or columns:
            raise InvalidInput(
                f"'{table}' is a built-in dataset, which has its target and columns; leave target "
                "and columns out, or give a data frame"
            )
        return load_builtin(table)
    return replace(
        build_dataset(
            table,
            target=target,
            task=None if task is None else Task(task),
            columns={name: ColumnRole(role) for name, role in (columns or {}).items()},
            name="table",
        ),
        id="table",
    )


def _axis(name: str, axis: PlainAxis) -> Axis:
    if isinstance(axis, Mapping):
        unknown = set(axis) - {"low", "high", "step", "log"}
        if unknown or not {"low", "high"} <= set(axis):
            raise InvalidInput(
                f"axis '{name}' is {dict(axis)}, but a range has low and high, and may have step "
                "and log",
                pointer=f"/space/{name}",
            )
        return Range(**axis)
    if isinstance(axis, Sequence) and not isinstance(axis, str):
        return Choices(values=tuple(axis))
    return Choices(values=(axis,))
