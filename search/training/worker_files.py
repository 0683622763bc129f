"""Files that training processes read and write: the folds, and the lanes between rungs.

A lane's weights and moments are some 200 KB. Sent to the driver at every rung, which needs scores
only, and back for every third trial, they took a fifth of the driver's time. So the process that
trained a lane writes its state, and the process that trains it next reads it.
"""

from __future__ import annotations

import os
import pickle
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkstemp

from search.data.fold_arrays import TrainingData
from search.networks.lane import LaneState
from search.training.mapped_file import read_mapped, write_mapped
from search.training.scoring import LaneReport
from search.training.segment import Segment, train_segment
from search.training.stores import SavedData, StatePlace, Store, StoringExecutor


@dataclass(frozen=True, slots=True)
class DataFile:
    """The folds of a study in a file."""

    path: Path

    def load(self) -> TrainingData:
        """Return the folds; their arrays are mapped, so that processes share the memory."""
        return _load(self.path)

    def delete(self) -> None:
        """Delete the file; arrays that were loaded from it stay."""
        self.path.unlink()


@lru_cache(maxsize=2)
def _load(path: Path) -> TrainingData:
    # The driver has written this file a moment ago, into a folder that only its user can enter.
    data = read_mapped(path)
    if not isinstance(data, TrainingData):
        raise TypeError(f"{path} holds a {type(data).__name__}, not the folds of a study")
    return data


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file in which one lane at a time waits for its next segment."""

    path: Path

    def read(self) -> LaneState:
        """Return the state written last."""
        with self.path.open("rb") as file:
            state = pickle.load(file)  # noqa: S301 - as in `_load` # nosec B301
        if not isinstance(state, LaneState):
            raise TypeError(f"{self.path} holds a {type(state).__name__}, not the state of a lane")
        return state

    def write(self, state: LaneState) -> None:
        """Replace the state."""
        # Overwritten in place, not truncated: unpickling ignores what is left of a longer state.
        with os.fdopen(os.open(self.path, os.O_WRONLY), "wb") as file:
            pickle.dump(state, file, protocol=5)


class FileStore:
    """A store of files in one folder, for processes of one machine.

    Files of states are reused, because creating one costs five times as much as overwriting it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[StateFile] = []

    def save(self, data: TrainingData) -> DataFile:
        """Write the folds to a file of their own."""
        path = self._new_file("folds-")
        write_mapped(path, data)
        return DataFile(path)

    def acquire(self) -> StateFile:
        """Return a file that no lane uses."""
        return self._free.pop() if self._free else StateFile(self._new_file("lane-"))

    def release(self, place: StateFile) -> None:
        """Return a file to the store, for the next lane."""
        self._free.append(place)

    def _new_file(self, prefix: str) -> Path:
        number, name = mkstemp(prefix=prefix, dir=self._folder)
        os.close(number)
        return Path(name)


def open_store(executor: Executor, folder: Path) -> Store:
    """Return the store that calls of `executor` can reach: its own, or files in `folder`."""
    if isinstance(executor, StoringExecutor):
        return executor.open_store(folder)
    return FileStore(folder)


def train_from_file(segment: Segment, data: SavedData) -> tuple[LaneReport, ...]:
    """Train a segment on the folds saved as `data`, see `train_segment`."""
    return train_segment(segment, data.load())


def train_to_rung(
    segment: Segment, data: SavedData, places: tuple[StatePlace, ...]
) -> tuple[LaneReport, ...]:
    """Train a segment whose lanes keep their states in `places`, one each; reports have no states.

    Unless the segment begins the training, lanes start from the states in their places; where
    states are kept, they replace those.
    """
    if segment.first:
        segment = replace(segment, states=tuple(place.read() for place in places))
    reports = train_from_file(segment, data)
    for place, report in zip(places, reports, strict=True):
        if report.state is not None:
            place.write(report.state)
    return tuple(replace(report, state=None) for report in reports)
