"""Repeats are cut into blocks; the block prepared last is kept, and only that."""

import pytest

from search.data.datasets import load_builtin
from search.driver import resplits as module
from search.driver.plan import StudyPlan, plan_study
from search.driver.resplits import Resplits
from search.study import Evaluation, StudySpec


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return plan_study(
        StudySpec(dataset="iris", evaluation=Evaluation(folds=2)), load_builtin("iris")
    )


def test_blocks_are_as_large_as_memory_allows(
    plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeats = Resplits(plan)
    assert repeats.blocks(range(5)) == [(0, 1, 2, 3, 4)]
    folds = plan.data.folds
    of_two = 2 * sum(fold.x_train.nbytes + fold.x_validation.nbytes for fold in folds)
    monkeypatch.setattr(module, "BLOCK_BYTES", of_two)
    assert repeats.blocks(range(5)) == [(0, 1), (2, 3), (4,)]
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    assert repeats.blocks((3, 7)) == [(3,), (7,)]


def test_the_last_block_is_kept_and_another_is_made(plan: StudyPlan) -> None:
    repeats = Resplits(plan)
    first = repeats.prepared((0, 1))
    assert repeats.prepared((0, 1)) is first
    second = repeats.prepared((1,))
    assert len(second.folds) == 2
    assert (second.folds[0].x_train == first.folds[2].x_train).all()
    assert repeats.prepared((0, 1)) is not first
