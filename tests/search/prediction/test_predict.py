"""Rows of any file are predicted as scikit-learn and torch.nn would predict them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search.data.dataset_builder import build_dataset
from search.errors import InvalidDataset, InvalidInput
from search.prediction.predict import predict_file, predict_rows
from search.study import Task
from tests.search.archives import Made, archive_on, as_csv, make_archive, mixed_table


@pytest.fixture(scope="module")
def made() -> Made:
    return make_archive(Task.MULTICLASS)


def predicted(made: Made, content: bytes, folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    rows, out = folder / "rows.csv", folder / "out.csv"
    rows.write_bytes(content)
    found = predict_file(made.blob, str(rows), str(out))
    return pd.read_csv(out, keep_default_na=False), found


def numbers(table: pd.DataFrame) -> np.ndarray:
    """Probabilities, or the predictions of a regression."""
    columns = [name for name in table if name.startswith("probability_")]
    return table[columns].to_numpy() if columns else table["prediction"].to_numpy()


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_predictions_are_those_of_the_plain_network(
    task: Task, scaling: str, normalization: str, tmp_path: Path
) -> None:
    made = make_archive(task, scaling=scaling, normalization=normalization, activation="gelu")
    table, found = predicted(made, as_csv(made.table), tmp_path)
    expected = made.oracle(made.dataset.features)
    np.testing.assert_allclose(numbers(table), expected, rtol=1e-9, atol=1e-12)
    assert found["rows"] == len(table) == len(made.table)
    if task is not Task.REGRESSION:
        classes = made.dataset.classes
        assert list(table)[1:] == [f"probability_{label}" for label in classes]
        assert table["prediction"].tolist() == [classes[i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize(
    "params",
    [
        {"activation": "prelu", "prelu_slope": 0.3, "prelu_sharing": "channel"},
        {"activation": "silu", "silu_beta": 2.0, "silu_learned": True},
        {"activation": "rrelu", "rrelu_lower": 0.1, "rrelu_upper": 0.4},
        {"activation": "mish", "depth": 5, "width": 3},
    ],
)
def test_learned_and_noisy_activations_predict_as_the_plain_network(
    params: dict[str, Any], tmp_path: Path
) -> None:
    made = make_archive(Task.BINARY, **params)
    table, _ = predicted(made, as_csv(made.table), tmp_path)
    np.testing.assert_allclose(numbers(table), made.oracle(made.dataset.features), atol=1e-12)


FILES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "UTF-8 with its mark and Windows' line ends": lambda t: (
        b"\xef\xbb\xbf" + as_csv(t).replace(b"\n", b"\r\n")
    ),
    "the line ends of an old Mac": lambda t: as_csv(t).replace(b"\n", b"\r"),
    "no line end": lambda t: as_csv(t).rstrip(b"\n"),
    "semicolons below a title": lambda t: b"Umsatz 2020\n\n" + as_csv(t, ";"),
    "sep=": lambda t: b"sep=;\n" + as_csv(t, ";"),
    "tabs": lambda t: as_csv(t, "\t"),
    "Latin-1": lambda t: as_csv(t).decode().replace(" €", "").encode("latin-1"),
    "UTF-16": lambda t: as_csv(t).decode().encode("utf-16"),
    "gzip": lambda t: gzip.compress(as_csv(t)),
    "blanks before quotes": lambda t: as_csv(t).replace(b',"b, c"', b', "b, c"'),
    "columns in another order": lambda t: as_csv(t[t.columns[::-1]]),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_whatever_wrote_it(kind: str, made: Made, tmp_path: Path) -> None:
    table, _ = predicted(made, FILES[kind](made.table), tmp_path)
    np.testing.assert_allclose(numbers(table), made.oracle(made.dataset.features), atol=1e-12)


def test_chunks_of_a_file_are_predicted_as_the_whole(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = predicted(made, as_csv(made.table), tmp_path)
    monkeypatch.setattr("search.prediction.csv_chunks._CHUNK_BYTES", 1000)
    monkeypatch.setattr("search.prediction.csv_chunks._HEAD_BYTES", 1000)
    monkeypatch.setattr("search.prediction.predictor._BLOCK", 7)
    content = as_csv(made.table)
    assert len(content) > 5000
    parts, found = predicted(made, content, tmp_path)
    assert found["rows"] == len(made.table)
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-12)


def test_typed_values_are_predicted_as_their_text(made: Made) -> None:
    features = made.dataset.features.head(40).astype(object)
    rows = features.where(features.notna(), None).to_dict("records")
    for row in rows:
        row["open"] = bool(row["open"])
    answer = predict_rows(made.blob, rows)
    expected = made.oracle(made.dataset.features.head(40))
    got = [list(each["probabilities"].values()) for each in answer["predictions"]]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert list(answer["predictions"][0]["probabilities"]) == list(made.dataset.classes)
    texts = made.table.head(40).drop(columns=["id", "target"]).to_dict("records")
    assert predict_rows(made.blob, texts)["predictions"] == answer["predictions"]
    assert json.loads(json.dumps(answer)) == answer


def test_parquet_is_predicted_with_its_types(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = 60
    table = pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), "D"),
            "took": pd.to_timedelta(rng.integers(0, 90, rows), "h"),
            "kind": rng.choice(["a", "b", "c"], rows),
            "y": rng.normal(size=rows),
        }
    )
    table.loc[3, ["when", "took", "kind"]] = None
    made = archive_on(build_dataset(table, target="y"), table)
    content = io.BytesIO()
    table.to_parquet(content)
    got, _ = predicted(made, content.getvalue(), tmp_path)
    np.testing.assert_allclose(numbers(got), made.oracle(made.dataset.features), rtol=1e-12)


def test_an_absent_column_counts_as_missing_and_is_named(made: Made, tmp_path: Path) -> None:
    table, found = predicted(made, as_csv(made.table.drop(columns=["size", "kind"])), tmp_path)
    assert found["warnings"][:2] == [
        "column 'size' is absent and counts as missing in every row",
        "column 'kind' is absent and counts as missing in every row",
    ]
    features = made.dataset.features.assign(size=np.nan, kind=np.nan)
    np.testing.assert_allclose(numbers(table), made.oracle(features), atol=1e-12)
    some = predict_rows(made.blob, [{"size": 1.0, "open": True}, {"open": False}])
    assert "column 'size' is absent and counts as missing in 1 of 2 rows" in some["warnings"]


def test_cells_that_cannot_be_read_are_missing_and_counted(made: Made) -> None:
    good = {"size": 5.0, "open": "true", "since": "01.03.2021", "kind": "a", "price": "1,5 €"}
    missing = {**good, "size": None, "since": None, "price": None}
    broken = {**good, "size": "much", "since": "2021/03/01", "price": 1e300}
    answer = predict_rows(made.blob, [missing, broken, good])
    first, second, third = answer["predictions"]
    assert first == second
    assert first != third
    told = " ".join(answer["warnings"])
    for name, cell in (("size", "much"), ("since", "2021/03/01"), ("price", "1e+300")):
        assert f"1 cells of column '{name}', such as '{cell}', are not written as" in told


def test_a_text_that_training_lacked_is_told(made: Made) -> None:
    answer = predict_rows(made.blob, [{"kind": "new", "city": "city 3"}, {"kind": "a"}])
    told = [warning for warning in answer["warnings"] if "not trained on" in warning]
    assert told == [
        "1 cells of column 'kind', such as 'new', hold a text that the network was not trained on"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sise,price\n1,2\n", r"column 'sise' is not of the dataset.*did you mean 'size'"),
        (b"target\nlow\n", "none of the columns"),
        (b"size,price\n1,2,3\n4,5\n", "fields|regular"),
        (b"size,price\n1,2\n" + b"\xff,1\n" * 3, "guessed|regular|not"),
        (b"", "empty"),
        (b"size,size\n1,2\n", "more than once"),
    ],
)
def test_what_is_no_table_of_these_columns_is_refused(
    content: bytes, said: str, made: Made, tmp_path: Path
) -> None:
    if b"\xff" in content:  # read in the encoding that fits, as an upload is
        assert predicted(made, content, tmp_path)[1]["rows"] == 4
        return
    with pytest.raises(InvalidInput, match=said):
        predicted(made, content, tmp_path)


def test_bytes_that_are_not_utf8_far_below_the_header_are_refused(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.prediction.csv_chunks._HEAD_BYTES", 100)
    content = b"size,price\n" + b"1,2\n" * 100 + b"\xff,2\n"
    with pytest.raises(InvalidDataset, match="save the file as UTF-8"):
        predicted(made, content, tmp_path)


def test_a_header_without_rows_has_no_predictions(made: Made, tmp_path: Path) -> None:
    table, found = predicted(made, b"size,kind\n", tmp_path)
    assert (len(table), found["rows"]) == (0, 0)
    assert table.columns[0] == "prediction"


def test_labels_are_quoted_so_that_the_csv_is_read_back(tmp_path: Path) -> None:
    made = make_archive(Task.BINARY)
    predicted(made, as_csv(made.table), tmp_path)
    with (tmp_path / "out.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["prediction", "probability_no", "probability_yes, please"]
    assert {line[0] for line in lines[1:]} == {"no", "yes, please"}


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    made = make_archive(Task.MULTICLASS, depth=3, width=64)
    (tmp_path / "archive").write_bytes(made.blob)
    header, _, body = as_csv(mixed_table(Task.MULTICLASS)).partition(b"\n")
    peaks = []
    for times in (100, 800):
        (tmp_path / "rows.csv").write_bytes(header + b"\n" + body * times)
        code = (
            "import sys; from pathlib import Path\n"
            "from search.prediction.predict import predict_file\n"
            "folder = Path(sys.argv[1])\n"
            "predict_file((folder / 'archive').read_bytes(), str(folder / 'rows.csv'),\n"
            "             str(folder / 'out.csv'))\n"
            "status = dict(line.split(':') for line in open('/proc/self/status'))\n"
            "print(status['VmHWM'].split()[0], 'torch' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
        peak, has_torch = done.stdout.split()
        assert has_torch == "False"
        peaks.append(int(peak) / 1024)
    # 170,000 more rows are 14 MB of text; held in memory as they are read, they would take more.
    assert peaks[1] - peaks[0] < 15
