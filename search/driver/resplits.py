"""Fresh splits of the development rows for the repeats of a stage, ready for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search.data.fold_arrays import TrainingData
from search.data.preprocessing import prepare
from search.data.splits import Fold, split_anew
from search.driver.plan import StudyPlan
from search.seeds import derive_seed
from search.study import Stage

#: Bytes of arrays up to which repeats are prepared together, so that their lanes fill wider stacks.
#: Every worker process holds as much.
BLOCK_BYTES = 128 * 2**20


class Resplits:
    """Repeated cross-validation: the development rows split anew for each repeat of a stage.

    The block prepared last is kept, because the reference models are scored on it again.
    """

    def __init__(self, plan: StudyPlan, stage: Stage) -> None:
        self._plan = plan
        self.stage = stage
        self._last: tuple[tuple[int, ...], TrainingData] | None = None

    def blocks(self, repeats: Sequence[int]) -> list[tuple[int, ...]]:
        """Cut `repeats` into blocks of about BLOCK_BYTES, of one repeat at least."""
        folds = self._plan.data.folds
        repeat_bytes = sum(fold.x_train.nbytes + fold.x_validation.nbytes for fold in folds)
        size = max(1, BLOCK_BYTES // max(1, repeat_bytes))
        return [tuple(repeats[start : start + size]) for start in range(0, len(repeats), size)]

    def prepared(self, block: tuple[int, ...]) -> TrainingData:
        """Split and prepare the development rows for each repeat of `block`.

        The folds of the block's first repeat come first, then those of its second, and so on, by
        each scaling of the study.
        """
        if self._last is None or self._last[0] != block:
            self._last = (block, self._prepare(block))
        return self._last[1]

    def _prepare(self, block: tuple[int, ...]) -> TrainingData:
        plan = self._plan
        folds: list[Fold] = []
        for repeat in block:
            seed = derive_seed(plan.spec.sampler.seed, f"{self.stage} split", repeat)
            folds += split_anew(plan.dataset, plan.splits.search, len(plan.splits.folds), seed)
        splits = replace(plan.splits, folds=tuple(folds))
        return prepare(plan.dataset, splits, plan.scalings, plan.blocks)
