"""Which initializer trains networks of which depth: `python -m tests.benchmarks.initializers`.

Plain networks (no normalization, no dropout) of 64 units a layer, one holdout split, batches of 64
rows on a cosine: SGD with momentum 0.9 at rate 0.01, AdamW at 0.001. Digits take 20 epochs, and
breast_cancer 60, which are about as many steps. The score is the accuracy on the validation rows
after the last epoch, 0 where the loss became infinite; chance is 0.10 and 0.63. Networks measured
are kept in `results/initializers.json` and not trained again, so that a run may be broken off and
more seeds asked for later. A test holds INITIALIZATION.md to that file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean

from search.data.datasets import load_builtin
from search.data.fold_arrays import TrainingData
from search.driver.plan import plan_study
from search.networks.lane import Lane, NetworkConfig
from search.space import AXES
from search.study import Evaluation, ParamValue, StudySpec
from search.training.executors import use_one_core
from search.training.segment import Segment, train_segment

RESULTS = Path(__file__).parent / "results" / "initializers.json"
PAGE = Path(__file__).parents[2] / "INITIALIZATION.md"
DEPTHS = (1, 5, 10, 20, 30, 50)
#: Data set -> epochs.
EPOCHS = {"digits": 20, "breast_cancer": 60}
RATES = {"sgd": 0.01, "adamw": 0.001}
ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid", "elu", "silu", "hardtanh", "softsign", "selu",
               "mish", "hardswish", "leaky_relu")  # fmt: skip
#: Column of the tables -> what a configuration says for it.
CONTENDERS: Mapping[str, Mapping[str, ParamValue]] = {
    "critical": {"initializer": "scaled_orthogonal", "gain": "critical"},
    "variance": {"initializer": "scaled_orthogonal", "gain": "variance"},
    "lsuv": {"initializer": "lsuv"},
    "kaiming_normal": {"initializer": "kaiming_normal"},
    "xavier_uniform": {"initializer": "xavier_uniform"},
    "orthogonal": {"initializer": "orthogonal"},
    "lecun_normal": {"initializer": "lecun_normal"},
}


@dataclass(frozen=True, slots=True)
class Point:
    """One network: what it is, but for its seed."""

    dataset: str
    optimizer: str
    activation: str
    contender: str
    depth: int

    def key(self, seed: int) -> str:
        """Return the name of its result in the file."""
        return (
            f"{self.dataset} {self.optimizer} {self.activation} {self.contender} {self.depth} "
            f"{seed}"
        )


def accuracy(point: Point, seed: int) -> float:
    """Train one network and return the share of validation rows that it labels rightly."""
    usual = {row.name: row.usual for row in AXES.values() if row.condition is None}
    params: dict[str, ParamValue] = {
        **usual,
        **CONTENDERS[point.contender],
        "activation": point.activation,
        "depth": point.depth,
        "optimizer": point.optimizer,
        "learning_rate": RATES[point.optimizer],
        "momentum": 0.9,
    }
    config, epochs = NetworkConfig.from_params(params), EPOCHS[point.dataset]
    segment = Segment(
        lanes=(
            Lane(configuration=0, fold=0, split=0, config=config, init_seed=seed, order_seed=seed),
        ),
        first=0,
        last=epochs,
        epochs=epochs,
        evaluate_at=(epochs,),
        metrics=("accuracy",),
        keep_states=False,
    )
    (report,) = train_segment(segment, _data(point.dataset))
    return 0.0 if report.failure else report.scores["accuracy"][-1]


def points(dataset: str, optimizers: Iterable[str], activations: Iterable[str]) -> Iterator[Point]:
    """Yield every network once, the contenders of one activation and depth side by side."""
    for optimizer, activation, depth, contender in product(
        optimizers, activations, DEPTHS, CONTENDERS
    ):
        yield Point(dataset, optimizer, activation, contender, depth)


@cache
def _data(dataset: str) -> TrainingData:
    spec = StudySpec(dataset=dataset, evaluation=Evaluation(folds=1))
    return plan_study(spec, load_builtin(dataset)).data


def measure(seeds: Iterable[int], wanted: Iterable[Point], path: Path) -> dict[str, float]:
    """Train what is not in the file at `path` yet, seed by seed; return all that is in it then."""
    scores: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    ordered = list(wanted)
    for seed, point in product(seeds, ordered):
        key = point.key(seed)
        if key not in scores:
            scores[key] = round(accuracy(point, seed), 4)
            path.write_text(json.dumps(scores, indent=0) + "\n")
    return scores


def table(
    scores: Mapping[str, float], dataset: str, optimizer: str, depth: int | None = None
) -> str:
    """Return mean accuracies in Markdown: by depth over all activations, or by activation at one.

    A seed of an activation counts where all contenders were trained with it at every depth.
    """
    found: dict[tuple[str, str], dict[tuple[str, int], float]] = {}
    for key, score in scores.items():
        *where, activation, contender, layers, seed = key.split()
        if where == [dataset, optimizer]:
            found.setdefault((activation, seed), {})[contender, int(layers)] = score
    all_points = set(product(CONTENDERS, DEPTHS))
    whole = {pair: by_point for pair, by_point in found.items() if by_point.keys() >= all_points}

    measured = [a for a in ACTIVATIONS if any(a == name for name, _ in whole)]

    def mean(contender: str, layers: int, activations: Iterable[str]) -> str:
        """Return the mean over activations of the means over their seeds."""
        by_activation = (
            fmean(p[contender, layers] for (name, _), p in whole.items() if name == a)
            for a in activations
        )
        return f"{fmean(by_activation):.3f}"

    if depth is None:
        rows = {f"depth {d}": [mean(c, d, measured) for c in CONTENDERS] for d in DEPTHS}
    else:
        rows = {a: [mean(c, depth, [a]) for c in CONTENDERS] for a in measured}
    lines = [[f"{dataset}, {optimizer}", *CONTENDERS], ["---"] * (len(CONTENDERS) + 1)]
    lines += [[name, *row] for name, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page_tables(scores: Mapping[str, float]) -> str:
    """Return the tables of INITIALIZATION.md: each data set and optimizer by depth, and at 30."""
    return "\n\n".join(
        table(scores, dataset, optimizer, depth)
        for dataset, optimizer, depth in product(EPOCHS, RATES, (None, 30))
    )


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dataset", choices=EPOCHS, default="digits")
    parser.add_argument("--optimizers", nargs="+", choices=RATES, default=list(RATES))
    parser.add_argument("--activations", nargs="+", choices=ACTIVATIONS, default=list(ACTIVATIONS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    use_one_core()
    wanted = points(arguments.dataset, arguments.optimizers, arguments.activations)
    scores = measure(range(arguments.seeds), wanted, arguments.results)
    print(page_tables(scores))


if __name__ == "__main__":
    main()
