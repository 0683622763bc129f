"""Is speed paid for with accuracy? Best scores without pruning, ours against A. `SCORES=1`.

The same for five seeds, each with a split of its own. Nothing is timed, so A runs two seeds at
once. Ours must not be worse than A by more than the standard error of A's median.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.benchmarks.ours import served
from tests.benchmarks.peers import PeerRun, run_peer
from tests.benchmarks.scales import Scale
from tests.benchmarks.statistics import median_error
from tests.benchmarks.work import PROCESSES, study_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Best validation log losses by seed, lower is better."""

    peer: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Our median minus A's."""
        return median(self.ours) - median(self.peer)

    @property
    def standard_error(self) -> float:
        """Of A's median."""
        return median_error(self.peer)


def compare_scores(scale: Scale) -> Scores:
    """Run `scale.seeds` studies of each."""
    seeds = range(scale.seeds)

    def peer(seed: int) -> PeerRun:
        return run_peer("A", trials=scale.score_trials, epochs=scale.epochs, seed=seed)

    with ThreadPoolExecutor(PROCESSES) as threads:
        theirs = tuple(run.best for run in threads.map(peer, seeds))
    with TemporaryDirectory(prefix="bench-") as folder, served(Path(folder)) as service:
        ours = tuple(
            service.run(study_body(trials=scale.score_trials, epochs=scale.epochs, seed=seed)).best
            for seed in seeds
        )
    return Scores(peer=theirs, ours=ours)


def show_scores(scale: Scale, folder: Path, console: Console) -> None:
    """Compare, print a table, and keep it as scores.json."""
    scores = compare_scores(scale)
    table = Table("seed", "A", "ours", title="best validation log loss, no pruning")
    for seed, (peer, ours) in enumerate(zip(scores.peer, scores.ours, strict=True)):
        table.add_row(str(seed), f"{peer:.4f}", f"{ours:.4f}")
    table.add_row("median", f"{median(scores.peer):.4f}", f"{median(scores.ours):.4f}")
    console.print(table)
    console.print(
        f"difference {scores.difference:+.4f}, standard error {scores.standard_error:.4f}"
    )
    found = {
        **asdict(scores),
        "difference": scores.difference,
        "standard_error": scores.standard_error,
    }
    (folder / "scores.json").write_text(json.dumps(found, indent=1) + "\n")
