"""Objects of a Ray cluster that hold the folds of a study, and its lanes between rungs.

Both are owned by the driver. The folds are put once, and mapped by the processes of each node. The
state of a lane is a result of the call that trained it, beside the reports, so that Ray makes it
again, by running that call again, where the node that held it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import ray

from search.data.fold_arrays import TrainingData
from search.networks.lane import LaneState


class Cell:
    """A value in the object store that calls read and replace, one call after another.

    Passed to a call of a `RayExecutor`, it holds the value there, and what the call leaves in it
    is the value that the next call finds.
    """

    def __init__(self) -> None:
        #: Of the value, at the driver; None before the first call.
        self.ref: ray.ObjectRef | None = None
        #: In the process of a call.
        self.value: object = None

    def __reduce__(self) -> tuple[type[Cell], tuple[()]]:
        """Travel without the value, which Ray hands over."""
        return Cell, ()


@dataclass(frozen=True, slots=True)
class StateObject:
    """The object in which one lane at a time waits for its next segment."""

    cell: Cell

    def read(self) -> LaneState:
        """Return the state written last."""
        state = self.cell.value
        if not isinstance(state, LaneState):
            raise TypeError(f"the object holds a {type(state).__name__}, not the state of a lane")
        return state

    def write(self, state: LaneState) -> None:
        """Replace the state."""
        self.cell.value = state


class DataObject:
    """The folds of a study in the object store."""

    def __init__(self, ref: ray.ObjectRef) -> None:
        self._ref: ray.ObjectRef | None = ref

    def load(self) -> TrainingData:
        """Return the folds; their arrays are mapped, and cannot be written to."""
        return _load(self._ref)

    def delete(self) -> None:
        """Let the cluster forget the folds, once no call needs them."""
        self._ref = None


@lru_cache(maxsize=2)
def _load(ref: ray.ObjectRef) -> TrainingData:
    data = ray.get(ref)
    if not isinstance(data, TrainingData):
        raise TypeError(f"the object holds a {type(data).__name__}, not the folds of a study")
    return data


class ObjectStore:
    """A store of objects in a cluster's memory."""

    def save(self, data: TrainingData) -> DataObject:
        """Put the folds into the memory of the driver's node; others fetch them once."""
        return DataObject(ray.put(data))

    def acquire(self) -> StateObject:
        """Return a place without a state."""
        return StateObject(Cell())

    def release(self, place: StateObject) -> None:
        """Let the cluster forget the state."""
        place.cell.ref = None
