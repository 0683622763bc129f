"""Time until the score that peer A ends with is reached, pruners on in both; and the scores.

For every seed A runs its trials under `MedianPruner`; its time is that of its best trial. Ours
runs under the default pruner, with a budget it does not use up, until its best value is A's or
better. Then ours runs A's number of trials, and the two best values are compared, pair by pair:
seed and split are A's.

Ours does so twice: searching as A does, after nothing but the best score, and as by default, where
every activation gets a fair share of the trials and is pruned among its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median

from tests.benchmarks.ours import Service
from tests.benchmarks.peers import run_peer
from tests.benchmarks.scales import Scale
from tests.benchmarks.statistics import median_error
from tests.benchmarks.work import study_body

#: Trials after which ours gives up. A draws a new order of minibatches for every trial and ours one
#: for all, so that the luckiest of A's trials can lie beyond what ours reaches.
_ENOUGH = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A and ours with one seed; scores are validation log losses, lower is better."""

    seed: int
    peer_seconds: float
    #: All of A's trials.
    peer_seconds_in_all: float
    peer_score: float
    #: Until A's score, or until ours gave up.
    our_seconds: float
    our_trials: int
    reached: bool
    #: Ours after as many trials as A.
    our_score: float

    @property
    def ratio(self) -> float:
        """How many times sooner ours reached A's score, or gave up: then it is less than that."""
        return self.peer_seconds / self.our_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ToScore:
    """All seeds, with one kind of search."""

    pairs: tuple[Pair, ...]

    @property
    def ratio(self) -> float:
        """Median over the seeds."""
        return median(pair.ratio for pair in self.pairs)

    @property
    def scores(self) -> tuple[float, float]:
        """Median best score of A, and of ours."""
        return (
            median(pair.peer_score for pair in self.pairs),
            median(pair.our_score for pair in self.pairs),
        )

    @property
    def standard_error(self) -> float:
        """Of the median of A's best scores."""
        return median_error([pair.peer_score for pair in self.pairs])

    @property
    def excess(self) -> float:
        """How far our median lies above (worse than) A's, in standard errors of A's."""
        theirs, ours = self.scores
        return (ours - theirs) / self.standard_error


def to_score(scale: Scale, service: Service) -> dict[bool, ToScore]:
    """Run `scale.seeds` pairs of each kind; those of a fair search are under True."""
    trials, epochs = scale.score_trials, scale.epochs
    peers = [
        run_peer("A", trials=trials, epochs=epochs, seed=seed, prune=True)
        for seed in range(scale.seeds)
    ]
    pairs: dict[bool, list[Pair]] = {False: [], True: []}
    for (seed, peer), fair in product(enumerate(peers), pairs):
        body = partial(study_body, epochs=epochs, seed=seed, pruner="successive_halving", fair=fair)
        sooner = service.run(body(trials=_ENOUGH), until=peer.best)
        whole = service.run(body(trials=trials))
        pairs[fair].append(
            Pair(
                seed=seed,
                peer_seconds=peer.seconds_to_best,
                peer_seconds_in_all=peer.seconds,
                peer_score=peer.best,
                our_seconds=sooner.seconds,
                our_trials=len(sooner.trials),
                reached=sooner.reached,
                our_score=whole.best,
            )
        )
    return {fair: ToScore(pairs=tuple(found)) for fair, found in pairs.items()}
