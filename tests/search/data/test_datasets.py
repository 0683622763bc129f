"""The built-in datasets, and what the table says of them."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from search.data.datasets import BUILTIN, load_builtin
from search.data.leaks import find_copies, note_on_copies
from search.data.tails import notes_on_tails
from search.errors import UnknownChoice
from search.study import Task


@pytest.mark.parametrize("name", BUILTIN)
def test_table_tells_the_facts_of_what_is_loaded(name: str) -> None:
    assert load_builtin(name).describe() == BUILTIN[name].summary


@pytest.mark.parametrize("name", BUILTIN)
def test_table_tells_which_columns_are_cut_off_and_which_rows_are_copies(name: str) -> None:
    dataset = load_builtin(name)
    copies = find_copies(dataset.features, dataset.y)
    notes = notes_on_tails(dataset.features) + ([note_on_copies(copies)] if copies else [])
    assert list(BUILTIN[name].summary.notes) == notes
    # Built-in sets have no copies that would have to be kept in one fold.
    assert copies is None or copies.by_chance
    assert dataset.groups is None


def test_listing_loads_neither_scikit_learn_nor_pandas_nor_torch() -> None:
    code = (
        "import sys, search.data.datasets, search.metrics\n"
        "assert search.data.datasets.BUILTIN['iris'].summary.rows == 150\n"
        "print({'sklearn', 'pandas', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("name", BUILTIN)
def test_features_are_floats_and_targets_are_values_or_codes(name: str) -> None:
    dataset = load_builtin(name)
    assert set(dataset.features.dtypes) == {np.dtype(np.float64)}
    if dataset.task is Task.REGRESSION:
        assert dataset.y.dtype == np.float64
        assert dataset.classes == ()
    else:
        assert dataset.y.dtype == np.int64
        assert set(dataset.y.tolist()) == set(range(len(dataset.classes)))
        assert (dataset.task is Task.BINARY) == (len(dataset.classes) == 2)


def test_diabetes_comes_unscaled_since_its_scaling_has_seen_all_rows() -> None:
    assert load_builtin("diabetes").features["age"].between(18, 100).all()


def test_unknown_dataset_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match="dataset 'digit' is not known; did you mean 'digits'"):
        load_builtin("digit")


def test_dataset_travels_between_processes() -> None:
    dataset = load_builtin("wine")
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.describe() == dataset.describe()
    assert copy.features.equals(dataset.features)
