"""Files that training processes read and write: the folds, and the lanes between rungs.

A lane's weights and moments are some 200 KB. Sent to the driver at every rung, which needs scores
only, and back for every third trial, they took a fifth of the driver's time. So the process that
trained a lane writes its state, and the process that trains it next reads it.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from search.data.fold_arrays import TrainingData
from search.networks.lane import LaneState
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment


def save_data(data: TrainingData, folder: Path, name: str = "folds") -> Path:
    """Write the folds to `folder` under a `name` that is used once; return the file's path."""
    path = folder / f"{name}.pickle"
    path.write_bytes(pickle.dumps(data, protocol=5))
    return path


@lru_cache(maxsize=2)
def load_data(path: Path) -> TrainingData:
    """Return the folds that `save_data` wrote to `path`, from memory if they were read before."""
    # The driver has written this file a moment ago, into a folder that only its user can enter.
    data = pickle.loads(path.read_bytes())  # noqa: S301 # nosec B301
    if not isinstance(data, TrainingData):
        raise TypeError(f"{path} holds a {type(data).__name__}, not the folds of a study")
    return data


class StateFiles:
    """A pool of files for the states of lanes between rungs.

    Files are reused, because creating one costs five times as much as overwriting it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[Path] = []
        self._created = 0

    def acquire(self) -> Path:
        """Return the path of a file that no lane uses; a new one need not exist yet."""
        if self._free:
            return self._free.pop()
        self._created += 1
        return self._folder / f"lane-{self._created}.pickle"

    def release(self, path: Path) -> None:
        """Return a file to the pool, for the next lane."""
        self._free.append(path)


def train_from_file(segment: Segment, data: Path) -> tuple[LaneReport, ...]:
    """Train a segment on the folds saved at `data`, see `train_segment`."""
    return train_segment(segment, load_data(data))


def train_to_rung(segment: Segment, data: Path, files: tuple[Path, ...]) -> tuple[LaneReport, ...]:
    """Train a segment whose lanes keep their states in `files`, one each; reports have no states.

    Unless the segment begins the training, lanes start from the states in their files; where states
    are kept, the files are overwritten.
    """
    if segment.first:
        segment = replace(segment, states=tuple(map(_read, files)))
    reports = train_from_file(segment, data)
    for path, report in zip(files, reports, strict=True):
        if report.state is not None:
            _write(path, report.state)
    return tuple(replace(report, state=None) for report in reports)


def _write(path: Path, state: LaneState) -> None:
    # Overwritten in place, not truncated: unpickling ignores what is left of a longer state.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        pickle.dump(state, file, protocol=5)


def _read(path: Path) -> LaneState:
    with path.open("rb") as file:
        state = pickle.load(file)  # noqa: S301 - as in `load_data` # nosec B301
    if not isinstance(state, LaneState):
        raise TypeError(f"{path} holds a {type(state).__name__}, not the state of a lane")
    return state
