"""The rules of splits: what a dataset must have for the folds and test rows that are asked for.

They need no rows and no scikit-learn, so that a request is refused before anything is read.
"""

from __future__ import annotations

from math import ceil

from search.data.datasets import DatasetSummary
from search.errors import InvalidDataset, InvalidInput
from search.study import Evaluation

#: Share of the rows that validate where there is one fold.
HOLDOUT_FRACTION = 0.2
MAX_FOLDS = 20
MAX_TEST_FRACTION = 0.8
#: A validation part needs two rows for a variance.
MIN_VALIDATION_ROWS = 2


def check_folds(summary: DatasetSummary, evaluation: Evaluation) -> None:
    """Refuse an evaluation that `summary`'s dataset has too few rows for.

    Raises InvalidInput where the evaluation makes no sense for any dataset, InvalidDataset where a
    class or the whole table is too small for it.
    """
    _check_evaluation(evaluation)
    test_rows = ceil(summary.rows * evaluation.test_fraction)
    search_rows = summary.rows - test_rows
    parts = _parts(evaluation)
    classes = max(len(summary.classes), 1)
    if summary.groups is not None and summary.groups < _needed_groups(evaluation):
        raise InvalidDataset(
            f"the rows form {summary.groups} groups that must not be split, but "
            f"{parts}{_beside(evaluation)} need at least {_needed_groups(evaluation)}; choose "
            f"fewer folds or a column with more groups",
            pointer="/evaluation/folds",
        )
    smallest_part = search_rows // evaluation.folds
    if evaluation.folds == 1:
        smallest_part = min(ceil(search_rows * HOLDOUT_FRACTION), search_rows // 2)
    needed = max(MIN_VALIDATION_ROWS, classes if evaluation.folds == 1 else 0)
    if smallest_part < needed:
        raise InvalidDataset(
            f"{parts} of {search_rows} rows{_beside(evaluation)} leave only {smallest_part} rows "
            f"to validate on, at least {needed} are needed; {_way_out(evaluation)}",
            pointer="/evaluation/folds",
        )
    if 0 < test_rows < classes:
        raise InvalidDataset(
            f"test_fraction {evaluation.test_fraction:g} of {summary.rows} rows is {test_rows} "
            f"rows, fewer than the {classes} classes; give a larger test_fraction, or 0",
            pointer="/evaluation/test_fraction",
        )
    _check_classes(summary, evaluation, test_rows)


def _check_evaluation(evaluation: Evaluation) -> None:
    if not 1 <= evaluation.folds <= MAX_FOLDS:
        raise InvalidInput(
            f"folds is {evaluation.folds}, but must be from 1 (one holdout split) to {MAX_FOLDS}",
            pointer="/evaluation/folds",
        )
    if not 0 <= evaluation.test_fraction <= MAX_TEST_FRACTION:
        raise InvalidInput(
            f"test_fraction is {evaluation.test_fraction:g}, but must be from 0 (no test rows) to "
            f"{MAX_TEST_FRACTION:g}",
            pointer="/evaluation/test_fraction",
        )


def _check_classes(summary: DatasetSummary, evaluation: Evaluation, test_rows: int) -> None:
    """Refuse a class too small to stand in every validation part (twice in all for a holdout)."""
    needed = max(evaluation.folds, 2)
    grouped = summary.groups is not None
    counts = summary.class_groups if grouped else summary.class_counts
    unit = "groups of rows" if grouped else "rows"
    for label, count in zip(summary.classes, counts, strict=True):
        # Stratifying takes a class's share of the test rows, rounded up at worst.
        left = count - ceil(count * test_rows / summary.rows)
        if left < needed:
            raise InvalidDataset(
                f"class '{label}' of target '{summary.target}' has {count} "
                f"{unit if count != 1 else unit.replace('rows', 'row')}, {left} of them "
                f"for the search{_beside(evaluation)}, but {_parts(evaluation)} need at least "
                f"{needed} of each class; {_ways_out(summary, evaluation, count, left, needed)}",
                pointer="/evaluation/folds",
            )


def _ways_out(
    summary: DatasetSummary, evaluation: Evaluation, count: int, left: int, needed: int
) -> str:
    """Return the ways out that do help a class of `count` rows, `left` of them for the search."""
    ways = []
    if evaluation.folds > 2 and left >= 2:
        ways.append(f"choose {left} folds" if left > 2 else "choose 2 folds")
    if evaluation.test_fraction and count >= needed:
        ways.append("choose test_fraction 0")
    ways.append(f"bring at least {needed - left} more of them")
    ways.append("merge that class with another, or leave its target cells empty")
    if all(map(_is_whole_number, summary.classes)) and len(summary.classes) > 2:
        ways.append("upload the table with task 'regression' if its classes are amounts or counts")
    return " or ".join(ways)


def _is_whole_number(label: str) -> bool:
    return label.removeprefix("-").isdecimal()


def _needed_groups(evaluation: Evaluation) -> int:
    return max(evaluation.folds, 2) + (1 if evaluation.test_fraction else 0)


def _parts(evaluation: Evaluation) -> str:
    return "one holdout split" if evaluation.folds == 1 else f"{evaluation.folds} folds"


def _beside(evaluation: Evaluation) -> str:
    fraction = evaluation.test_fraction
    return f" (test_fraction {fraction:g} taken off)" if fraction else ""


def _way_out(evaluation: Evaluation) -> str:
    ways = [
        *(["choose fewer folds"] if evaluation.folds > 1 else []),
        *(["a smaller test_fraction"] if evaluation.test_fraction else []),
        "bring more rows",
    ]
    return " or ".join(ways)
