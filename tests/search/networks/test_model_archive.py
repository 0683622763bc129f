"""A model archive is read back whole, also where an earlier version of this project wrote it."""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search.data.datasets import Dataset
from search.data.fold_arrays import FeatureSchema
from search.data.preprocessing import fit_preprocessor
from search.errors import InvalidInput
from search.networks.lane import LaneState
from search.networks.model_archive import (
    FORMAT_VERSION,
    ModelArchive,
    load_model_archive,
    save_model_archive,
)
from search.study import ParamValue, Scaling, Task

PARAMS: dict[str, ParamValue] = {
    "activation": "prelu",
    "depth": 1,
    "prelu_slope": 0.25,
    "gradient_clip": None,
}


def dataset() -> Dataset:
    table = pd.DataFrame(
        {"size": [1.0, 2.0, np.nan, 5.0], "kind": np.array(["a", "b", "a", np.nan], object)}
    )
    return Dataset(
        id="shop",
        name="shop",
        task=Task.BINARY,
        target="answer",
        features=table,
        y=np.array([0, 1, 1, 0]),
        classes=("no", "yes"),
    )


def archive() -> bytes:
    """Return the blob that lies in `data`, as it is written now."""
    state = LaneState(
        params=np.arange(6, dtype=np.float32) / 4,
        first_moment=np.empty(0, np.float32),
        second_moment=np.empty(0, np.float32),
        running=np.full((1, 2, 3), 0.5, np.float32),
        steps=9,
    )
    return save_model_archive(PARAMS, state, fit_preprocessor(dataset(), np.arange(4)), dataset())


def with_version(blob: bytes, version: int) -> bytes:
    """Return `blob` with another format version."""
    with np.load(BytesIO(blob), allow_pickle=False) as entries:
        arrays = {name: entries[name] for name in entries.files if name != "format_version"}
    arrays["format_version"] = np.array(version)
    made = BytesIO()
    np.savez_compressed(made, allow_pickle=False, **arrays)
    return made.getvalue()


def check(read: ModelArchive, *, encodings: tuple[str, ...]) -> None:
    assert read.params == PARAMS
    assert (read.task, read.classes, read.target) == (Task.BINARY, ("no", "yes"), "answer")
    assert asdict(read.schema) == asdict(
        FeatureSchema(
            numeric=("size",),
            indicators=("size",),
            categorical=("kind",),
            levels=((" missing", "a", "b"),),
            encodings=encodings,
        )
    )
    assert read.encodings == {}
    assert read.scaling is Scaling.STANDARD
    # Missing sizes become the median 2; the mean of 1, 2, 2, 5 is 2.5, their deviation 1.5.
    assert {name: column.tolist() for name, column in read.statistics.items()} == {
        "median": [2.0],
        "mean": [2.5],
        "scale": [1.5],
        "limit": [10.0],
    }
    assert (read.target_mean, read.target_scale) == (0.0, 1.0)
    assert read.weights.dtype == np.float32
    assert read.weights.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert read.running.tolist() == [[[0.5] * 3] * 2]


def test_an_archive_is_read_back_whole() -> None:
    check(load_model_archive(archive()), encodings=("share of yes",))


def test_an_archive_written_before_formats_had_versions_is_read() -> None:
    blob = (Path(__file__).parent / "data" / "model_archive_1.npz").read_bytes()
    with np.load(BytesIO(blob), allow_pickle=False) as entries:
        assert "format_version" not in entries.files
    check(load_model_archive(blob), encodings=())


def test_an_archive_says_its_format_version() -> None:
    with np.load(BytesIO(archive()), allow_pickle=False) as entries:
        assert int(entries["format_version"]) == FORMAT_VERSION


def test_an_archive_of_a_later_format_is_refused_with_the_way_out() -> None:
    later = FORMAT_VERSION + 1
    with pytest.raises(InvalidInput, match=rf"format version {later}.*up to {later - 1}; update"):
        load_model_archive(with_version(archive(), later))
