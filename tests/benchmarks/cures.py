"""Does advice cure? Each advice is followed and the network trained again. `python -m` this module.

Usual networks, each spoiled by one of the faults that people make (`FAULTS`), are trained on five
data sets, one of them of random labels. Of those whose worst finding is the same, up to `NETWORKS`
are taken for each seed; each advice that a rule could give is applied as its sentence says
and the network is trained again. It is *cured* where the finding is gone, no worse one has come,
and the validation loss is lower than before. Results go to `results/cures.json`; the order of
advice in `search/diagnostics/rules.py` follows them, which a test holds.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, inf, isfinite, log
from pathlib import Path

import numpy as np
import pandas as pd
from optuna.trial import TrialState
from rich.console import Console
from rich.progress import track

from search.activations import ACTIVATIONS
from search.data.dataset_builder import build_dataset
from search.data.datasets import Dataset, load_builtin
from search.diagnostics import RULES, FindingName, diagnose
from search.diagnostics.advice import Advice, change
from search.diagnostics.evidence import TrainingEvidence, evidence_of
from search.driver.plan import StudyPlan, plan_study
from search.engines.probe_schedule import probe_epochs
from search.space import AXES, INITIALIZERS
from search.study import (
    Budget,
    Evaluation,
    FoldCurve,
    ParamValue,
    StudySpec,
    TrialRecord,
    TrialSource,
)
from search.training.segment import Segment, train_segment

RESULTS = Path(__file__).parent / "results" / "cures.json"
PAGE = Path(__file__).parents[2] / "DIAGNOSIS.md"
#: Networks of one seed with one finding, that each advice is tried on.
NETWORKS = 20
#: An advice that cures a smaller share of them is not given.
ENOUGH = 0.5
#: Networks that an advice must have been tried on, for its share to count.
FEWEST = 5

_USUAL = {row.name: row.usual for row in AXES.values() if row.condition is None}
_HIDDEN = [row.name for row in ACTIVATIONS.values() if row.hidden]

Params = Mapping[str, ParamValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A configuration and the data set it is trained on."""

    dataset: str
    params: Params
    epochs: int
    number: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil a usual network: the changes of a random draw."""

    changes: Callable[[np.random.Generator], Params]
    activations: Sequence[str] = tuple(_HIDDEN)
    datasets: Sequence[str] = ("digits", "digits", "wine", "breast_cancer", "diabetes")
    epochs: int = 12


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return exp(rng.uniform(log(low), log(high)))


_TWO_SIDED = ("sigmoid", "tanh", "softsign", "hardtanh")
#: The faults that people make, each drawn as often as the others.
FAULTS: Mapping[str, Fault] = {
    "high rate": Fault(lambda rng: {"learning_rate": _log_uniform(rng, 0.05, 1.0)}),
    "high rate, steadily": Fault(
        lambda rng: {"learning_rate": _log_uniform(rng, 0.05, 1.0), "schedule": "constant"},
        activations=_TWO_SIDED,
    ),
    "low rate": Fault(lambda rng: {"learning_rate": _log_uniform(rng, 1e-6, 1e-4)}),
    "deep, small weights": Fault(
        lambda rng: {
            "depth": int(rng.integers(10, 31)),
            "initializer": str(rng.choice(["xavier_normal", "torch_default", "lecun_uniform"])),
        }
    ),
    "deep, steep descent": Fault(
        lambda rng: {
            "depth": int(rng.integers(6, 21)),
            "optimizer": "sgd",
            "learning_rate": _log_uniform(rng, 0.05, 1.0),
        }
    ),
    "deep and narrow": Fault(
        lambda rng: {"depth": int(rng.integers(7, 16)), "width": int(rng.integers(3, 7))},
        activations=("relu", "relu6", "leaky_relu", "elu"),
    ),
    "narrow": Fault(lambda rng: {"width": int(rng.integers(2, 4))}, epochs=20),
    "few epochs": Fault(lambda rng: {"learning_rate": _log_uniform(rng, 1e-4, 5e-4)}, epochs=8),
    "restrained": Fault(lambda rng: {"dropout": 0.5, "width": int(rng.integers(4, 9))}, epochs=20),
    "too large for its rows": Fault(
        lambda rng: {"width": 128, "learning_rate": _log_uniform(rng, 3e-3, 1e-2)},
        datasets=("random labels", "diabetes", "random labels"),
        epochs=40,
    ),
    "learned slope, high rate": Fault(
        lambda rng: {
            "prelu_slope": rng.uniform(0.1, 0.5),
            "depth": int(rng.integers(3, 7)),
            "learning_rate": _log_uniform(rng, 0.02, 0.3),
        },
        activations=("prelu",),
    ),
}


def random_network(rng: np.random.Generator, number: int) -> Network:
    """Draw a usual network and spoil it by one of `FAULTS`."""
    fault = FAULTS[str(rng.choice(list(FAULTS)))]
    activation = str(rng.choice(fault.activations))
    own = ACTIVATIONS[activation].parameters  # type: ignore[index] # the enum is a str
    optimizer = str(rng.choice(["adamw", "adamw", "sgd"]))
    usual_rates = (1e-3, 1e-2) if optimizer == "adamw" else (1e-2, 1e-1)
    params: dict[str, ParamValue] = {
        **_USUAL,
        "activation": activation,
        **{f"{activation}_{parameter.name}": parameter.default for parameter in own},
        "depth": int(rng.integers(1, 5)),
        "width": int(rng.choice([32, 64])),
        "learning_rate": _log_uniform(rng, *usual_rates),
        "initializer": str(rng.choice(list(INITIALIZERS))),
        "optimizer": optimizer,
        **fault.changes(rng),
    }
    return Network(
        dataset=str(rng.choice(fault.datasets)), params=params, epochs=fault.epochs, number=number
    )


def _random_labels() -> Dataset:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(120, 10)), columns=[f"x{k}" for k in range(10)])
    frame["y"] = rng.choice(["heads", "tails"], size=len(frame))
    return build_dataset(frame, target="y", name="random labels")


@cache
def _plan(dataset: str, epochs: int) -> StudyPlan:
    data = _random_labels() if dataset == "random labels" else load_builtin(dataset)
    spec = StudySpec(dataset=dataset, evaluation=Evaluation(folds=3), budget=Budget(epochs=epochs))
    return plan_study(spec, data)


def train(network: Network) -> TrainingEvidence:
    """Train a network on one fold; return the evidence."""
    plan = _plan(network.dataset, network.epochs)
    segment = Segment(
        lanes=plan.lanes(network.number, network.params)[:1],
        first=0,
        last=network.epochs,
        epochs=network.epochs,
        evaluate_at=plan.evaluate_at,
        metrics=plan.metrics,
        keep_states=False,
        probe_at=probe_epochs(network.epochs, plan.rungs),
    )
    (report,) = train_segment(segment, plan.data)
    record = TrialRecord(
        number=network.number,
        state=TrialState.COMPLETE,
        source=TrialSource.SAMPLER,
        params=network.params,
        distributions={},
        curves=(
            FoldCurve(
                fold=0,
                epochs=report.epochs,
                train_loss=report.train_loss,
                validation_loss=report.validation_loss,
                validation_score=report.validation_loss,
            ),
        ),
        layers=report.layers,
    )
    return evidence_of(
        record, plan.chance[0], epochs=network.epochs, complete=True, failure=report.failure
    )


def worst_finding(evidence: TrainingEvidence) -> FindingName | None:
    """Return the name of the worst finding; None for a healthy network."""
    found = diagnose(evidence)
    return FindingName(found[0].name) if found else None


def _loss(evidence: TrainingEvidence) -> float:
    losses = evidence.validation_loss
    known = losses and evidence.failure is None and isfinite(losses[-1])
    return losses[-1] if known else inf


def is_cured(name: FindingName, before: TrainingEvidence, after: TrainingEvidence) -> bool:
    """Return whether `name` is gone, nothing worse has come, and the validation loss is lower."""
    order = list(RULES)
    worst = worst_finding(after)
    gone = name not in {finding.name for finding in diagnose(after)}
    no_worse = worst is None or order.index(worst) > order.index(name)
    return gone and no_worse and _loss(after) < _loss(before)


def faulty_networks(
    rng: np.random.Generator, most: int
) -> dict[FindingName, list[tuple[Network, TrainingEvidence]]]:
    """Train `most` random networks; return up to `NETWORKS` of each worst finding."""
    found: dict[FindingName, list[tuple[Network, TrainingEvidence]]] = {name: [] for name in RULES}
    for number in track(range(most), "random networks", disable=not sys.stderr.isatty()):
        network = random_network(rng, number)
        evidence = train(network)
        name = worst_finding(evidence)
        if name is not None and len(found[name]) < NETWORKS:
            found[name].append((network, evidence))
    return found


def follow(network: Network, advice: Advice, evidence: TrainingEvidence) -> Network | None:
    """Return the network that follows `advice`; None where it already does."""
    made = change(advice, evidence)
    if made is None:
        return None
    params = {**network.params, **made.params}
    row = ACTIVATIONS[str(params["activation"])]  # type: ignore[index] # the enum is a str
    params |= {
        axis: parameter.default
        for parameter in row.parameters
        if (axis := row.axis_name(parameter.name)) not in params
    }
    return Network(
        dataset=network.dataset,
        params=params,
        epochs=made.epochs or network.epochs,
        number=network.number,
    )


def _cures(
    name: FindingName, networks: list[tuple[Network, TrainingEvidence]]
) -> Iterator[tuple[str, dict[str, int]]]:
    for advice in Advice:
        outcomes = [
            is_cured(name, before, train(other))
            for network, before in networks
            if (other := follow(network, advice, before)) is not None
        ]
        if outcomes:
            yield advice.value, {"tried": len(outcomes), "cured": sum(outcomes)}


Cures = Mapping[str, Mapping[str, Mapping[str, int]]]


def ranked(cures: Mapping[str, Mapping[str, int]]) -> list[tuple[str, float]]:
    """Return the advices that were tried on enough networks, each with its share of cures."""
    shares = {
        advice: count["cured"] / count["tried"]
        for advice, count in cures.items()
        if count["tried"] >= FEWEST
    }
    return sorted(shares.items(), key=lambda row: -row[1])


def page_table(table: Cures) -> str:
    """Return the table of cures in Markdown, advices given in bold."""
    lines = ["| finding | advice: cured of tried |", "|---|---|"]
    for name, cures in table.items():
        known = [
            f"{'**' if share >= ENOUGH else ''}{advice} {cures[advice]['cured']}/"
            f"{cures[advice]['tried']}{'**' if share >= ENOUGH else ''}"
            for advice, share in ranked(cures)
        ]
        lines.append(f"| `{name}` | {', '.join(known) or 'too few networks'} |")
    return "\n".join(lines)


def added(first: Cures, second: Cures) -> dict[str, dict[str, dict[str, int]]]:
    """Return the table of the networks of both tables."""
    return {
        name: {
            advice: {
                count: sum(t[name].get(advice, {}).get(count, 0) for t in (first, second))
                for count in ("tried", "cured")
            }
            for advice in dict.fromkeys([*first[name], *second[name]])
        }
        for name in first
    }


def main() -> None:
    """Run the benchmark, print its table and write the results."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=900, help="random networks of each seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    console = Console()
    table: Cures = {name.value: {} for name in RULES}
    for seed in options.seeds:
        faulty = faulty_networks(np.random.default_rng(seed), options.networks)
        found: dict[str, dict[str, dict[str, int]]] = {}
        for name, networks in faulty.items():
            found[name.value] = dict(_cures(name, networks))
            console.print(seed, name.value, len(networks), found[name.value])
        table = added(table, found)
        RESULTS.write_text(json.dumps(table, indent=1) + "\n")
        text = PAGE.read_text()
        head, tail = text.split("<!-- cures -->")[0], text.split("<!-- end -->")[1]
        PAGE.write_text(f"{head}<!-- cures -->\n{page_table(table)}\n<!-- end -->{tail}")


if __name__ == "__main__":
    main()
