"""What the driver and the training processes hand over as files: folds, and lanes between rungs.

A lane's weights and moments are some 200 KB. At a rung they would travel to the driver, which only
judges scores, and for every third trial back: a fifth of what the driver did in all. So they are
written where they were trained and read where they are trained next.
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
    """Write the folds where workers of this machine can read them, under a `name` of their own."""
    path = folder / f"{name}.pickle"
    path.write_bytes(pickle.dumps(data, protocol=5))
    return path


@lru_cache(maxsize=2)
def load_data(path: Path) -> TrainingData:
    """Read what `save_data` wrote; kept in memory, so that no name may be used twice."""
    # Our own process has written it a moment ago, into a folder that only its user can enter.
    data = pickle.loads(path.read_bytes())  # noqa: S301
    if not isinstance(data, TrainingData):
        raise TypeError(f"{path} holds a {type(data).__name__}, not the folds of a study")
    return data


class StateFiles:
    """Files for lanes between rungs, used over and over: a new one costs five times as much."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[Path] = []
        self._made = 0

    def take(self) -> Path:
        """Return a file that no lane has."""
        if self._free:
            return self._free.pop()
        self._made += 1
        return self._folder / f"lane-{self._made}.pickle"

    def release(self, path: Path) -> None:
        """Leave a file to the next lane."""
        self._free.append(path)


def train_from_file(segment: Segment, data: Path) -> tuple[LaneReport, ...]:
    """Train a segment on the folds saved at `data`, kept in memory between segments."""
    return train_segment(segment, load_data(data))


def train_to_rung(segment: Segment, data: Path, files: tuple[Path, ...]) -> tuple[LaneReport, ...]:
    """Do as `train_from_file` for lanes whose states are in `files`, one each, and not reported.

    Past the first epoch lanes go on from what is there; where states are to be kept, their files
    are written over.
    """
    if segment.first:
        segment = replace(segment, states=tuple(map(_read, files)))
    reports = train_from_file(segment, data)
    for path, report in zip(files, reports, strict=True):
        if report.state is not None:
            _write(path, report.state)
    return tuple(replace(report, state=None) for report in reports)


def _write(path: Path, state: LaneState) -> None:
    # Neither truncated nor made anew; what is left of a larger state is never looked at.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        pickle.dump(state, file, protocol=5)


def _read(path: Path) -> LaneState:
    with path.open("rb") as file:
        state = pickle.load(file)  # noqa: S301 - as in `load_data`
    if not isinstance(state, LaneState):
        raise TypeError(f"{path} holds a {type(state).__name__}, not the state of a lane")
    return state
