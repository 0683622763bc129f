"""Hostile tables, uploaded one after another: each is answered soon, and costs no memory."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from tests.service.hostile_tables import BEYOND, DAMAGED, ODD
from tests.torture import memory
from tests.torture.figures import Figure
from tests.torture.scales import Scale
from tests.torture.service import Service, running

ANSWERED_S = 10.0
PEAK_BYTES = 2**30
KEPT_BYTES = 100 * 2**20
#: Every so many kinds one is taken where not all are.
STEP = 7


def measure(scale: Scale, folder: Path) -> Figure:
    """Upload each kind; time the answer, watch the memory, and look at what is left of it."""
    kinds = {**BEYOND, **DAMAGED, **ODD}
    names = list(kinds)[:: 1 if scale.tables >= len(kinds) else STEP][: scale.tables]
    with running(folder, processes=1) as service:
        _upload_a_good_one(service)
        before = memory.resident(service)
        took: dict[str, float] = {}
        peaks: dict[str, int] = {}
        statuses: dict[str, int] = {}
        for name in names:
            content = kinds[name]()
            with memory.watched(service) as most:
                began = time.monotonic()
                answer = service.client.post(
                    "/v1/datasets", files={"file": ("t", content)}, data={"target": "c0"}
                )
                took[name] = time.monotonic() - began
            peaks[name], statuses[name] = most[0], answer.status_code
        time.sleep(1)
        kept = memory.resident(service) - before
        is_well = service.client.get("/readyz").status_code == 200
    bad = [name for name in names if not _is_right(name, statuses[name])]
    slowest, largest = max(took, key=took.__getitem__), max(peaks, key=peaks.__getitem__)
    return Figure(
        shown=f"{len(names)} kinds: {len(names) - len(bad)} answered as they must be, the slowest "
        f"in {took[slowest]:.1f} s ({slowest}); peak {peaks[largest] / 2**20:.0f} MiB "
        f"({largest}); {kept / 2**20:+.0f} MiB afterwards",
        holds=not bad
        and took[slowest] < scale.patience * ANSWERED_S
        and peaks[largest] < PEAK_BYTES
        and kept < KEPT_BYTES
        and is_well,
        details={
            "bad": {name: statuses[name] for name in bad},
            "statuses": {str(k): n for k, n in Counter(statuses.values()).items()},
            "seconds": took,
            "peak_mib": {name: peak // 2**20 for name, peak in peaks.items()},
            "kept_mib": kept / 2**20,
        },
    )


def _is_right(name: str, status: int) -> bool:
    """Whether the answer is a refusal; what may be a table may also be taken."""
    return 400 <= status < 500 or (name in ODD and status == 201)


def _upload_a_good_one(service: Service) -> None:
    """Have the libraries loaded that the first upload loads."""
    rows = "".join(f"{i % 7},{'no' if i % 3 else 'yes'}\n" for i in range(20_000))
    files, form = {"file": ("t.csv", f"c0,c1\n{rows}")}, {"target": "c1"}
    answer = service.client.post("/v1/datasets", files=files, data=form)
    assert answer.status_code == 201, answer.text
