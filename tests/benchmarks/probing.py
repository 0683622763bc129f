"""What looking into the layers costs, as a share of training, on small and smaller data.

`python -m tests.benchmarks.probing`. A default study of each dataset is trained rung by rung with
and without its snapshots; a third goes on at each rung, as under successive halving. The
confirmation trains to the end and takes no snapshots. Small data is the hard case: an epoch of wine
is one minibatch, so that snapshots are few steps apart.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from time import process_time

from rich.console import Console
from rich.table import Table

from search.data.datasets import load_builtin
from search.driver.plan import StudyPlan, plan_study
from search.engines.probe_schedule import probe_epochs
from search.networks.lane import Lane
from search.pruners.catalog import REDUCTION_FACTOR
from search.study import StudySpec
from search.training.executors import use_one_core
from search.training.packing import stack_width
from search.training.segment import Segment, train_segment
from tests.benchmarks.engine import MIXED, make_lanes
from tests.benchmarks.work import WIDTH

DATASETS = ("digits", "breast_cancer", "diabetes", "wine")
REPEATS = 5


def probing(dataset: str, repeats: int = REPEATS) -> tuple[float, float]:
    """Return what snapshots add, as a share of the search's training and of the whole study's."""
    plan = plan_study(StudySpec(dataset=dataset), load_builtin(dataset))
    lanes = make_lanes(MIXED, stack_width(WIDTH))
    plain = added = whole = 0.0
    weight = 1.0
    for first, last in pairwise((0, *plan.rungs)):
        blind, sighted = (_segment(plan, lanes, first, last, look) for look in (False, True))
        times = [(_seconds(blind, plan), _seconds(sighted, plan)) for _ in range(repeats)]
        without, with_them = (min(column) for column in zip(*times, strict=True))
        plain += weight * without
        whole += without
        added += weight * (with_them - without)
        weight /= REDUCTION_FACTOR
    evaluation, trials = plan.spec.evaluation, plan.spec.budget.trials
    confirmed = len(plan.space.activations) * evaluation.confirm_top * evaluation.confirm_repeats
    return added / plain, added / (plain + whole * confirmed / trials)


def _segment(
    plan: StudyPlan, lanes: tuple[Lane, ...], first: int, last: int, look: bool
) -> Segment:
    before = Segment(
        lanes=lanes,
        first=0,
        last=first,
        epochs=plan.rungs[-1],
        evaluate_at=(),
        metrics=(),
        keep_states=True,
    )
    states = tuple(report.state for report in train_segment(before, plan.data)) if first else None
    epochs = probe_epochs(plan.rungs[-1], plan.rungs)
    return replace(
        before,
        states=states or before.states,
        first=first,
        last=last,
        evaluate_at=tuple(e for e in plan.evaluate_at if first < e <= last),
        metrics=plan.metrics,
        probe_at=tuple(e for e in epochs if first < e <= last or e == first == 0) if look else (),
    )


def _seconds(segment: Segment, plan: StudyPlan) -> float:
    started = process_time()
    train_segment(segment, plan.data)
    return process_time() - started


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    arguments = parser.parse_args()
    use_one_core()
    table = Table("dataset", "of the search's training", "of the whole study's")
    for dataset in DATASETS:
        table.add_row(dataset, *(f"{s:.1%}" for s in probing(dataset, arguments.repeats)))
    Console().print(table)


if __name__ == "__main__":
    main()
