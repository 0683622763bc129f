"""Stores: where the folds of a study rest for its executor, and its lanes between rungs.

There are two: files, for processes of one machine (`worker_files`), and objects of a Ray cluster
(`cluster_objects`). An executor that needs another store than files is a `StoringExecutor`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from search.data.fold_arrays import TrainingData
from search.networks.lane import LaneState


class SavedData(Protocol):
    """The folds of a study in a store; travels to the processes that train."""

    def load(self) -> TrainingData:
        """Return the folds, from memory if this process has loaded them before."""

    def delete(self) -> None:
        """Remove the folds from the store; for the driver, once all calls have ended."""


class StatePlace(Protocol):
    """A place in a store for the state of one lane; travels to the process that trains it."""

    def read(self) -> LaneState:
        """Return the state written last."""

    def write(self, state: LaneState) -> None:
        """Replace the state."""


class Store(Protocol):
    """A store of one study, used by its driver."""

    def save(self, data: TrainingData) -> SavedData:
        """Put folds into the store."""

    def acquire(self) -> StatePlace:
        """Return a place that no lane uses."""

    def release(self, place: Any) -> None:
        """Take back a place from `acquire`, for the next lane."""


@runtime_checkable
class StoringExecutor(Protocol):
    """An executor that says which store its calls can reach; others are taken to reach files."""

    def open_store(self, folder: Path) -> Store:
        """Return a store for one study, which may use the empty `folder` of this machine."""
