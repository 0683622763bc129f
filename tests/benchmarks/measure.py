"""Runs the benchmarks one after another and turns what they return into rows of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from search.study import Evaluation, PrunerSpec
from search.training.backend import EngineName
from search.training.executors import use_one_core
from tests.benchmarks.database import database_cost
from tests.benchmarks.engine import LANES, MIXED, step_cost
from tests.benchmarks.equal_work import EqualWork, equal_work
from tests.benchmarks.later_trials import later_trials
from tests.benchmarks.long_study import long_study
from tests.benchmarks.ours import served
from tests.benchmarks.peer_e import against_vmap, is_there
from tests.benchmarks.peers import PEERS
from tests.benchmarks.polling import polling
from tests.benchmarks.rows import Measured
from tests.benchmarks.scales import Scale
from tests.benchmarks.to_score import ToScore, to_score
from tests.benchmarks.work import ACTIVATIONS, reference_plan

#: Rows, and everything behind them for the JSON file.
Result = tuple[list[Measured], dict[str, Any]]
#: What a kind of search is called, by whether it is fair.
_SEARCH = {False: "alike", True: "fair"}
#: Row -> folds and pruner of the study whose share outside segments it shows.
_LONG = {
    "outside": (1, "none"),
    "outside_default": (Evaluation().folds, PrunerSpec().name),
    "outside_short": (1, PrunerSpec().name),
}


def measure(scale: Scale, letters: str) -> Iterator[Result]:
    """Yield the rows as they are measured, quick ones first; `letters` names the peers to run."""
    for alone in (_engine, *([_vmap] if is_there() else []), _database, _late, _polling):
        with TemporaryDirectory(prefix="bench-") as folder:
            yield alone(scale, Path(folder))
    with TemporaryDirectory(prefix="bench-") as folder, served(Path(folder)) as service:
        work = equal_work(scale, service, letters)
        yield (
            [
                Measured(
                    row=f"vs_{letter.lower()}",
                    value=work.ratio(letter),
                    how=_compared(work, letter),
                )
                for letter in work.peers
            ],
            {"equal_work": asdict(work)},
        )
        found = to_score(scale, service)
        yield (
            [line for fair, pairs in found.items() for line in _scored(pairs, scale, fair=fair)],
            {"to_score": {_SEARCH[fair]: asdict(pairs) for fair, pairs in found.items()}},
        )
        studies = {
            row: long_study(scale, service, folds=folds, pruner=pruner)
            for row, (folds, pruner) in _LONG.items()
        }
        largest = max(studies.values(), key=lambda study: study.peak_bytes)
        yield (
            [
                Measured(row=row, value=study.outside, how=study.how)
                for row, study in studies.items()
            ]
            + [
                Measured(
                    row="memory",
                    value=float(largest.peak_bytes),
                    how="MiB by process: "
                    + ", ".join(f"{size / 2**20:.0f}" for size in largest.peak_by_process),
                ),
            ],
            {"long_study": {row: asdict(study) for row, study in studies.items()}},
        )


def _scored(pairs: ToScore, scale: Scale, *, fair: bool) -> list[Measured]:
    theirs, ours = pairs.scores
    ratios = ", ".join(f"{ratio:.1f}" for ratio in sorted(pair.ratio for pair in pairs.pairs))
    missed = sum(not pair.reached for pair in pairs.pairs)
    return [
        Measured(
            row=f"to_score_{_SEARCH[fair]}",
            value=pairs.ratio,
            how=f"{len(pairs.pairs)} seeds, A's {scale.score_trials} trials; ratios {ratios}"
            + (f"; {missed} gave up, which flatters their ratios" if missed else ""),
        ),
        Measured(
            row=f"score_{_SEARCH[fair]}",
            value=pairs.excess,
            how=f"log loss {ours:.4f} against A's {theirs:.4f}, standard error "
            f"{pairs.standard_error:.4f}, {len(pairs.pairs)} seeds",
        ),
    ]


def _compared(work: EqualWork, letter: str) -> str:
    peer, ours = work.peers[letter], work.against(letter)
    runs = ", ".join(f"{seconds:.1f}" for seconds in ours.runs)
    return (
        f"{PEERS[letter].title}: {peer.our_work_seconds:.0f} s for our {ours.trials} networks of "
        f"mean depth {ours.depth:.1f}, by {peer.trials} of its own of {peer.depth:.1f}; "
        f"ours {runs} s"
    )


def _engine(scale: Scale, _folder: Path) -> Result:
    threads = torch.get_num_threads()
    use_one_core()
    data = reference_plan().data
    names = (MIXED, *(scale.activations or ACTIVATIONS))
    mixed, *others = (step_cost(name, LANES, data, repeats=scale.engine_repeats) for name in names)
    torch_mixed = step_cost(
        MIXED, LANES, data, repeats=scale.engine_repeats, engine=EngineName.TORCH
    )
    torch.set_num_threads(threads)
    how = f"{LANES} lanes of all activations, {mixed.segment:.0f} us a lane-step; alone: " + (
        ", ".join(f"{cost.activation} {cost.share:.0%}" for cost in others)
    )
    return (
        [
            Measured(row="arithmetic", value=mixed.share, how=how),
            Measured(
                row="arithmetic_torch",
                value=torch_mixed.share,
                how=f"{LANES} lanes of all activations, {torch_mixed.segment:.0f} us a lane-step",
            ),
        ],
        {
            "engine": [asdict(cost) for cost in (mixed, *others)],
            "engine_torch": asdict(torch_mixed),
        },
    )


def _vmap(scale: Scale, _folder: Path) -> Result:
    cost = against_vmap(lanes=scale.lanes, epochs=min(scale.epochs, 10))
    how = f"{cost.lanes} lanes, {cost.ours:.0f} us a lane-step against {cost.theirs:.0f}"
    return ([Measured(row="vs_e", value=cost.ratio, how=how)], {"vmap": asdict(cost)})


def _database(scale: Scale, folder: Path) -> Result:
    cost = database_cost(scale, folder)
    how = f"{1e3 * cost.ours:.2f} ms against {1e3 * cost.optunas:.1f} ms"
    return ([Measured(row="database", value=cost.ratio, how=how)], {"database": asdict(cost)})


def _late(scale: Scale, folder: Path) -> Result:
    cost = later_trials(scale, folder)
    how = (
        f"{1e3 * cost.late_seconds:.1f} ms a trial after {cost.late}, "
        f"{1e3 * cost.early_seconds:.1f} ms after {cost.early}, three epochs each"
    )
    return ([Measured(row="late", value=cost.ratio, how=how)], {"late": asdict(cost)})


def _polling(scale: Scale, folder: Path) -> Result:
    answers = polling(scale, folder)
    how = (
        f"{answers.clients} clients, {answers.answers} answers, median {answers.median:.1f} ms, "
        f"longest {answers.most:.0f} ms"
    )
    return ([Measured(row="polling", value=answers.p99, how=how)], {"polling": asdict(answers)})
