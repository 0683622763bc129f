"""The rows of the table: what is done to the service, and what it must show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.torture import bombs, cases, disk, held_file, kills, soak, stalls
from tests.torture.figures import Figure
from tests.torture.scales import Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    title: str
    must: str
    measure: Callable[[Scale, Path], Figure]


ROWS: Mapping[str, Row] = {
    "kills": Row(
        title="SIGKILL of worker, trainer, API or all at random instants",
        must="0 lost, 0 doubled, 0 holes, every study completes, 95 % equal to the undisturbed",
        measure=kills.measure,
    ),
    "held_file": Row(
        title="another program holds SQLite's file",
        must="no 500, health below 100 ms throughout, none of the accepted lost",
        measure=held_file.measure,
    ),
    "disk": Row(
        title="disk full under a study, file for reading alone",
        must="said by readyz and the study, no 500, nothing lost, goes on within three leases",
        measure=disk.measure,
    ),
    "stalls": Row(
        title="clocks off by an hour either way, workers and trainers stopped",
        must="no study stuck beyond three leases, no wrong answer",
        measure=stalls.measure,
    ),
    "bombs": Row(
        title="bombs and hostile tables",
        must="each answered in 10 s with a 4xx, peak 1 GB, back to within 100 MB",
        measure=bombs.measure,
    ),
    "cases": Row(
        title="cases of schemathesis, all checks, stateful, with and without keys",
        must="10,000 cases, 0 answers of 5xx, 0 undocumented",
        measure=cases.measure,
    ),
    "soak": Row(
        title="studies, polls, cancellations, uploads and 200 waiting clients for 30 minutes",
        must="memory, handles, threads flat; p99 150 ms without the waits; 0 errors",
        measure=soak.measure,
    ),
}
