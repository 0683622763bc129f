"""Early stopping: the best epoch of each lane on inner validation rows, and the end of patience.

Prechelt (1998), Early Stopping - But When?; patience as in Goodfellow, Bengio & Courville (2016),
Deep Learning, algorithm 7.1, counted in epochs.

Notation: L lanes, C outputs, M validation rows of the largest split.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

from torch import Tensor

from search.engines.engine import Engine, Training
from search.networks.lane import BestEpoch, EarlyEnd, LaneState
from search.networks.losses import LOSSES
from search.study import LayerSnapshot


class EarlyStopping:
    """A trainer that keeps the best epoch of each lane, and ends lanes out of patience."""

    def __init__(self, training: Training, engine: Engine) -> None:
        lanes, states, data = training.lanes, training.states, training.data
        self._lanes, self._engine = lanes, engine
        self._best = [state.best if state else None for state in states]
        #: Epoch that each lane made last, None while it is trained.
        self._ended = [state.ended.epoch if state and state.ended else None for state in states]
        #: Mean training loss of each lane over the last call of `train` that trained it.
        self._train_loss = [
            state.ended.train_loss if state and state.ended else nan for state in states
        ]
        self._loss = LOSSES[data.task]
        self._members: dict[int, list[int]] = {}
        for index, lane in enumerate(lanes):
            self._members.setdefault(lane.split, []).append(index)
        self._targets: dict[int, Tensor] = {}
        for split in self._members:
            fold = data.folds[split]
            self._targets[split] = training.dimensions.target(fold.y_train[fold.inner_validation])
        for index, end in enumerate(self._ended):
            if end is not None:
                engine.end(index)

    def train(self, first: int, last: int) -> list[float]:
        """Train epochs (first, last]; return each lane's mean loss over their steps.

        The mean is over the epochs among them that the lane made. A lane that made none repeats
        the mean of the call before.
        """
        sums, made = [0.0] * len(self._lanes), [0] * len(self._lanes)
        for epoch in range(first + 1, last + 1):
            losses = self._engine.train(epoch - 1, epoch)
            for index, end in enumerate(self._ended):
                if end is None:
                    sums[index] += losses[index]
                    made[index] += 1
            if not all(self._ended):
                self._compare(epoch)
        for index, epochs in enumerate(made):
            if epochs:
                self._train_loss[index] = sums[index] / epochs
        return list(self._train_loss)

    def logits(self) -> Tensor:
        """Return (L, C, M) of each lane's validation rows, predicted by its best epoch."""
        return self._engine.logits([best.weights if best else None for best in self._best])

    def _compare(self, epoch: int) -> None:
        """Keep the present weights where they are the best, and end lanes out of patience."""
        for index, loss in enumerate(self._inner_losses()):
            if self._ended[index] is not None:
                continue
            best = self._best[index]
            # Written so that NaN is never the best.
            if loss < (best.loss if best else inf):
                weights = self._engine.weights(index)
                self._best[index] = BestEpoch(epoch=epoch, loss=loss, weights=weights)
            elif epoch - (best.epoch if best else 0) >= self._lanes[index].config.patience:
                self._ended[index] = epoch
                self._engine.end(index)

    def _inner_losses(self) -> list[float]:
        logits, losses = self._engine.inner_logits(), [nan] * len(self._lanes)
        for split, members in self._members.items():
            target = self._targets[split]
            own = logits[members, :, : len(target)]
            values = self._loss.value(own, target.expand(len(members), -1)).tolist()
            for index, value in zip(members, values, strict=True):
                losses[index] = value
        return losses

    def state(self, index: int) -> LaneState:
        """Return a copy of a lane's state; where it is ended, it holds the best epoch's weights."""
        end, best = self._ended[index], self._best[index]
        state = replace(self._engine.state(index), best=best)
        if end is None:
            return state
        return replace(state.kept, ended=EarlyEnd(epoch=end, train_loss=self._train_loss[index]))

    def best_epoch(self, index: int) -> int | None:
        """Return the number of a lane's best epoch; None before there is one."""
        best = self._best[index]
        return best.epoch if best else None

    def snapshots(self, index: int) -> tuple[LayerSnapshot, ...]:
        """Return the layer statistics of a lane at the epochs to probe that it made."""
        end = self._ended[index]
        snapshots = self._engine.snapshots(index)
        return tuple(s for s in snapshots if end is None or s.epoch <= end)
