"""Repeats split the development rows anew; they are prepared in blocks, and the last is kept."""

from __future__ import annotations

import numpy as np
import pytest

from search.data.datasets import Dataset
from search.driver import resplits as module
from search.driver.plan import StudyPlan, plan_study
from search.driver.resplits import Resplits
from search.study import Evaluation, Stage, StudySpec


@pytest.fixture(scope="module")
def plan(iris: Dataset) -> StudyPlan:
    return plan_study(StudySpec(dataset="iris", evaluation=Evaluation(folds=2)), iris)


def test_blocks_are_as_large_as_memory_allows(
    plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeats = Resplits(plan, Stage.CONFIRM)
    assert repeats.blocks(range(5)) == [(0, 1, 2, 3, 4)]
    folds = plan.data.folds
    of_two = 2 * sum(fold.x_train.nbytes + fold.x_validation.nbytes for fold in folds)
    monkeypatch.setattr(module, "BLOCK_BYTES", of_two)
    assert repeats.blocks(range(5)) == [(0, 1), (2, 3), (4,)]
    monkeypatch.setattr(module, "BLOCK_BYTES", 1)
    assert repeats.blocks((3, 7)) == [(3,), (7,)]


def test_the_last_block_is_kept_and_another_is_made(plan: StudyPlan) -> None:
    repeats = Resplits(plan, Stage.CONFIRM)
    first = repeats.prepared((0, 1))
    assert repeats.prepared((0, 1)) is first
    second = repeats.prepared((1,))
    assert len(second.folds) == 2
    assert (second.folds[0].x_train == first.folds[2].x_train).all()
    assert repeats.prepared((0, 1)) is not first


def test_each_repeat_splits_the_development_rows_anew(plan: StudyPlan) -> None:
    data = Resplits(plan, Stage.CONFIRM).prepared((0, 1, 5))
    again = Resplits(plan, Stage.CONFIRM).prepared((5,))
    assert [f.x_train.tobytes() for f in data.folds[4:]] == [
        f.x_train.tobytes() for f in again.folds
    ]
    development = np.sort(plan.dataset.y[plan.splits.search])
    for repeat in range(3):
        first, second = data.folds[2 * repeat : 2 * repeat + 2]
        both = np.concatenate([first.target_validation, second.target_validation])
        assert np.array_equal(np.sort(both), development)
    validated = {fold.x_validation.tobytes() for fold in (*data.folds, *plan.data.folds)}
    assert len(validated) == 8


def test_the_race_has_splits_of_its_own(plan: StudyPlan) -> None:
    race, confirmed = (Resplits(plan, stage).prepared((0,)) for stage in Stage)
    assert race.folds[0].x_train.tobytes() != confirmed.folds[0].x_train.tobytes()


def test_statistics_of_the_preprocessing_come_from_the_training_rows(plan: StudyPlan) -> None:
    folds = Resplits(plan, Stage.CONFIRM).prepared((0, 1)).folds
    assert len(folds) == 4
    for fold in folds:
        assert np.allclose(fold.x_train.mean(axis=0), 0.0, atol=1e-5)
        assert np.allclose(fold.x_train.std(axis=0), 1.0, atol=1e-5)
        assert not np.allclose(fold.x_validation.mean(axis=0), 0.0, atol=1e-5)
