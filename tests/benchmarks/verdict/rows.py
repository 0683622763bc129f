"""The rows of the table: which studies are run, and what is counted of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import binomtest

from search.data.datasets import load_builtin
from search.driver.plan import plan_study
from search.study import Choices, Event
from tests.benchmarks.ours import served
from tests.benchmarks.peer_e import against_vmap, is_there
from tests.benchmarks.verdict.peer_v import seconds_of, work_of
from tests.benchmarks.verdict.sets import from_folder, smooth
from tests.benchmarks.verdict.studies import (
    DEFAULT_ARMS,
    JUNK,
    Record,
    spec_of,
    study,
    true_difference,
)

#: Bend of the made set at which a linear network's loss is so much above a bent one's, with the
#: rows of the row: found by `python -m tests.benchmarks.verdict --calibrate`.
BENDS: Mapping[str, float] = {"gap 40 %": 0.35, "gap 20 %": 0.22, "smooth": 0.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a row may use."""

    executor: Executor
    #: Folder of the sets that are not shipped; None where there is none.
    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    title: str
    floor: str
    goal: str
    seeds: int
    #: Seeds of a quick run.
    quick: int
    make: Callable[[int, Context], Record]
    #: What the records so far show.
    shown: Callable[[Sequence[Record]], str]
    needs_folder: bool = False
    #: Whether what the row needs is installed.
    needs: Callable[[], bool] = lambda: True


def _share(hits: int, of: int) -> str:
    if not of:
        return "nothing yet"
    ends = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return f"{hits} of {of} ({100 * ends.low:.0f} to {100 * ends.high:.0f} %)"


def _worse(arm: str) -> Callable[[Sequence[Record]], str]:
    return lambda records: _share(sum(r["arms"][arm]["worse"] for r in records), len(records))


def _identity(name: str) -> Callable[[int, Context], Record]:
    def make(seed: int, context: Context) -> Record:
        dataset = load_builtin(name)
        return study(dataset, (*DEFAULT_ARMS, "identity"), seed, context.executor)

    return make


def _identity_smooth(seed: int, context: Context) -> Record:
    dataset = smooth(2_000, BENDS["smooth"], 0)
    return study(dataset, (*DEFAULT_ARMS, "identity"), seed, context.executor)


def _identity_of(name: str) -> Callable[[int, Context], Record]:
    def make(seed: int, context: Context) -> Record:
        if context.folder is None:
            raise RuntimeError(f"{name} is not shipped: give its folder by --folder")
        arms = (*DEFAULT_ARMS, "identity")
        return study(from_folder(context.folder, name), arms, seed, context.executor)

    return make


def _deep_sigmoid(seed: int, context: Context) -> Record:
    space = {
        "depth": Choices(values=(8,)),
        "initializer": Choices(values=("xavier_normal",)),
        "normalization": Choices(values=("none",)),
    }
    dataset = load_builtin("digits")
    return study(dataset, ("relu", "sigmoid"), seed, context.executor, space=space)


def _twins(seed: int, context: Context) -> Record:
    # Leaky ReLU with a slope of 0 is ReLU.
    space = {"leaky_relu_slope": Choices(values=(0.0,))}
    dataset = smooth(600, 0.6, seed)
    return study(dataset, ("relu", "leaky_relu"), seed, context.executor, space=space)


def _twins_shown(records: Sequence[Record]) -> str:
    wrong = sum(any(arm["worse"] for arm in r["arms"].values()) for r in records)
    if not records:
        return "nothing yet"
    limit = binomtest(wrong, len(records)).proportion_ci(0.9, method="wilson").high
    return f"{wrong} of {len(records)} (one-sided 95 % limit {100 * limit:.1f} %)"


def _gap(name: str, rows: int) -> Callable[[int, Context], Record]:
    def make(seed: int, context: Context) -> Record:
        return study(smooth(rows, BENDS[name], seed), ("relu", "identity"), seed, context.executor)

    return make


def _gap_shown(records: Sequence[Record]) -> str:
    ratios = [r["arms"]["identity"]["mean"] / r["arms"]["relu"]["mean"] for r in records]
    hits = sum(r["arms"]["identity"]["worse"] for r in records)
    wide = f"; mean gap {100 * (np.mean(ratios) - 1.0):.0f} %" if ratios else ""
    return _share(hits, len(records)) + wide


def _coverage(seed: int, context: Context) -> Record:
    rows, bend = 1_000, 0.4
    made = study(smooth(rows, bend, seed), ("relu", "tanh"), seed, context.executor)
    if made["network"] is None or made["baseline"] is None:
        return made
    params, baseline = made["network"]["params"], made["baseline"]
    made["truth"] = (
        0.0 if params == baseline else true_difference(rows, bend, seed, params, baseline)
    )
    return made


def _coverage_fixed(records: Sequence[Record]) -> str:
    """Count intervals of the network minus the baseline that hold what fresh rows say."""
    used = [r for r in records if r.get("truth") and r["network"]["low"] is not None]
    hits = sum(r["network"]["low"] <= r["truth"] <= r["network"]["high"] for r in used)
    return _share(hits, len(used))


def _coverage_luck(records: Sequence[Record]) -> str:
    """Count intervals of tanh minus ReLU that hold its mean over the other data sets."""
    ends = []
    for record in records:
        other = record["arms"]["tanh" if record["best"] == "relu" else "relu"]
        if other["low"] is None:
            continue
        sign = 1.0 if record["best"] == "relu" else -1.0
        low, high = sorted((sign * other["low"], sign * other["high"]))
        ends.append((sign * other["difference"], low, high))
    total = sum(value for value, _, _ in ends)
    hits = sum(
        low <= (total - value) / (len(ends) - 1) <= high
        for value, low, high in ends
        if len(ends) > 1
    )
    return _share(hits, len(ends) if len(ends) > 1 else 0)


def _expert(seed: int, context: Context) -> Record:
    """A study of ours, and peer V with the same trainings."""
    dataset, arms = load_builtin("digits"), (*DEFAULT_ARMS, "identity")
    events: list[Event] = []
    made = study(dataset, arms, seed, context.executor, events=events)
    plan = plan_study(spec_of(dataset, arms, seed), dataset)
    work = list(work_of(events, plan))
    with TemporaryDirectory(prefix="peer-v-") as folder:
        timed, seconds = seconds_of(work, plan.data, context.executor, folder, seed)
    return {"ours": made["seconds"], "trainings": len(work), "timed": timed, "theirs": seconds}


def _expert_shown(records: Sequence[Record]) -> str:
    if not records:
        return "nothing yet"
    ratios = [r["theirs"] / r["ours"] for r in records]
    typical = sorted(records, key=lambda r: r["theirs"] / r["ours"])[len(records) // 2]
    return (
        f"{np.median(ratios):.1f}x of {len(records)} ({typical['trainings']} trainings, timed on "
        f"{typical['timed']} and scaled: {typical['theirs']:.0f} s, ours {typical['ours']:.0f} s)"
    )


def _served(seed: int, context: Context) -> Record:
    """The default study of digits from POST to the verdict, over REST."""
    body = {"dataset": "digits", "sampler": {"seed": seed}}
    with TemporaryDirectory(prefix="bench-") as folder, served(Path(folder)) as service:
        return {"seconds": round(service.run(body, every=0.25).seconds, 1)}


def _junk_shown(records: Sequence[Record]) -> str:
    """Count champions that are far worse than their arm's best."""
    ratios = [ratio for r in records for ratio in r.get("champions", ())]
    if not ratios:
        return "nothing yet"
    junk, broken = (sum(ratio > limit for ratio in ratios) for limit in (JUNK, 2.0))
    return f"{100 * junk / len(ratios):.1f} % of {len(ratios)}, {broken} by 100 %"


def _agreement(records: Sequence[Record]) -> str:
    """Count, of pairs of seeds, arms with a gap of 40 % that are called alike; contradictions."""
    pairs = list(zip(records[::2], records[1::2], strict=False))
    alike = gaps = contradictions = 0
    for one, other in pairs:
        for arm, row in one["arms"].items():
            twin = other["arms"].get(arm)
            if twin is None:
                continue
            best = min(r["arms"][r["best"]]["mean"] for r in (one, other))
            if min(row["mean"], twin["mean"]) > 1.4 * best:
                gaps += 1
                alike += row["worse"] == twin["worse"]
            contradictions += (one["best"] == arm and twin["worse"]) or (
                other["best"] == arm and row["worse"]
            )
    return f"{_share(alike, gaps)} alike; {contradictions} best in one and worse in the other"


def _seconds(records: Sequence[Record]) -> str:
    seconds = [r["seconds"] for r in records]
    return f"{np.median(seconds):.0f} s (least {min(seconds):.0f})" if seconds else "nothing yet"


def _ahead(seed: int, context: Context) -> Record:
    cost = against_vmap()
    return {"lanes": cost.lanes, "ours": cost.ours, "theirs": cost.theirs}


def _ahead_shown(records: Sequence[Record]) -> str:
    if not records:
        return "nothing yet"
    ratio = np.median([r["theirs"] / r["ours"] for r in records])
    ours, theirs = (np.median([r[who] for r in records]) for who in ("ours", "theirs"))
    return f"{ratio:.2f}x of {len(records)} ({ours:.0f} us a lane-step against {theirs:.0f})"


#: Name -> row. Rows that share studies have one `make`, and are run once.
ROWS: Mapping[str, Row] = {
    "identity_digits": Row(
        title="identity called worse than the best, default study plus identity, digits",
        floor="16 of 20", goal="18", seeds=20, quick=2,
        make=_identity("digits"), shown=_worse("identity"),
    ),
    "identity_smooth": Row(
        title="the same on a made set with a smooth bent boundary, 2,000 rows",
        floor="19 of 20", goal="20", seeds=20, quick=1,
        make=_identity_smooth, shown=_worse("identity"),
    ),
    "identity_letter": Row(
        title="the same on letter", floor="4 of 5", goal="5", seeds=5, quick=0,
        make=_identity_of("letter"), shown=_worse("identity"), needs_folder=True,
    ),
    "identity_mnist5k": Row(
        title="the same on mnist5k", floor="4 of 5", goal="5", seeds=5, quick=0,
        make=_identity_of("mnist5k"), shown=_worse("identity"), needs_folder=True,
    ),
    "deep_sigmoid": Row(
        title="sigmoid called worse than ReLU at depth 8, xavier_normal, no normalization, digits",
        floor="18 of 20", goal="19", seeds=20, quick=2,
        make=_deep_sigmoid, shown=_worse("sigmoid"),
    ),
    "twins": Row(
        title="twins, one function under two names: called worse",
        floor="11 of 200", goal="8", seeds=200, quick=4, make=_twins, shown=_twins_shown,
    ),
    "gap_40": Row(
        title="power at a true gap of 40 % in loss, 1,500 rows",
        floor="70 of 100", goal="80", seeds=100, quick=3,
        make=_gap("gap 40 %", 1_500), shown=_gap_shown,
    ),
    "gap_20": Row(
        title="power at a true gap of 20 % in loss, 5,000 rows",
        floor="70 of 100", goal="80", seeds=100, quick=1,
        make=_gap("gap 20 %", 5_000), shown=_gap_shown,
    ),
    "coverage": Row(
        title="95 % intervals of fixed networks over fresh made data sets hold the truth",
        floor="reaches 93 %", goal="includes 95 %", seeds=300, quick=2,
        make=_coverage, shown=_coverage_fixed,
    ),
    "served": Row(
        title="seconds from POST to the verdict, default study, digits",
        floor="120 s", goal="90 s", seeds=5, quick=1, make=_served, shown=_seconds,
    ),
    "expert": Row(
        title="the same against the same procedure by an expert with Optuna and PyTorch (peer V)",
        floor="8x", goal="15x", seeds=3, quick=1, make=_expert, shown=_expert_shown,
    ),
    "vmap": Row(
        title="JAX vmap over the same networks on one core (peer E)",
        floor="1.3x", goal="1.5x", seeds=3, quick=1, make=_ahead, shown=_ahead_shown,
        needs=is_there,
    ),
}  # fmt: skip

#: What other rows' studies show beside: title -> (row, what is counted, floor, goal).
BESIDE: Mapping[str, tuple[str, Callable[[Sequence[Record]], str], str, str]] = {
    "95 % intervals with the luck of the search hold the mean of the other data sets": (
        "coverage", _coverage_luck, "reaches 93 %", "includes 95 %",
    ),
    "two seeds of a study: arms with a gap of 40 % called alike": (
        "identity_digits", _agreement, "8 of 10", "9",
    ),
    "champions worse than their arm's best by 25 %, by 100 %": (
        "identity_digits", _junk_shown, "5 %, none", "",
    ),
    "seconds of a default study of digits plus identity, driver alone": (
        "identity_digits", _seconds, "120 s", "90 s",
    ),
}  # fmt: skip
