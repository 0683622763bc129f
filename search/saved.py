"""What the driver and the training processes hand over as files: folds, and lanes between rungs.

A lane's weights and moments are some 200 KB. At a rung they would travel to the driver, which only
judges scores, and for every third trial back: a third of what the driver did in all. So they are
written where they were trained and read where they are trained next.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from search.lane import Lane, LaneState
from search.prepared import Prepared
from search.segment import LaneReport, Segment, train_segment


def save_data(data: Prepared, folder: Path, name: str = "folds") -> Path:
    """Write the folds where workers of this machine can read them, under a `name` of their own."""
    path = folder / f"{name}.pickle"
    path.write_bytes(pickle.dumps(data, protocol=5))
    return path


@lru_cache(maxsize=2)
def load_data(path: Path) -> Prepared:
    """Read what `save_data` wrote; kept in memory, so that no name may be used twice."""
    data = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own process a moment ago
    if not isinstance(data, Prepared):
        raise TypeError(f"{path} holds a {type(data).__name__}, not the folds of a study")
    return data


def state_file(lane: Lane, epoch: int, data: Path) -> Path:
    """Return where the state of a lane after `epoch` is kept, beside the folds at `data`."""
    return data.with_name(f"{lane.trial}-{lane.fold}-{epoch}.pickle")


def train_saved(segment: Segment, data: Path) -> tuple[LaneReport, ...]:
    """Train a segment on the folds saved at `data`, kept in memory between segments."""
    return train_segment(segment, load_data(data))


def train_to_rung(segment: Segment, data: Path) -> tuple[LaneReport, ...]:
    """Do as `train_saved` for lanes whose states are files, before and after, and not reported.

    Lanes begin from fresh weights in the first epoch only. Files that are read stay: whoever is
    told of the rung deletes what nobody needs any more.
    """
    if segment.first:
        states = tuple(_read(state_file(lane, segment.first, data)) for lane in segment.lanes)
        segment = replace(segment, states=states)
    reports = train_saved(segment, data)
    for lane, report in zip(segment.lanes, reports, strict=True):
        if report.state is not None:
            kept = state_file(lane, segment.last, data)
            kept.write_bytes(pickle.dumps(report.state, protocol=5))
    return tuple(replace(report, state=None) for report in reports)


def _read(path: Path) -> LaneState:
    state = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own process a moment ago
    if not isinstance(state, LaneState):
        raise TypeError(f"{path} holds a {type(state).__name__}, not the state of a lane")
    return state
