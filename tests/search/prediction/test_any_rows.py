"""Whatever rows anyone sends: predictions, or an error that is meant for them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.errors import InvalidInput
from search.prediction.predict import predict_file, predict_rows
from search.study import Task
from tests.search.archives import make_archive

MADE = make_archive(Task.BINARY)
NAMES = st.sampled_from(["id", "size", "price", "open", "since", "kind", "city", "target", "x"])
TEXT = st.text(max_size=6) | st.sampled_from(
    ["true", "NA", "-inf", "1e999", "1.234,5 €", "31.02.2020", "29.02.2020", "9999-12-31", "a"]
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(10**400)
OFTEN = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@OFTEN
@given(rows=st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4))
@example(rows=[{"size": 10**400, "since": "29.02.2020"}])
def test_any_values_are_predicted_or_refused(rows: list[dict[str, object]]) -> None:
    try:
        answer = predict_rows(MADE.blob, rows)
    except InvalidInput:
        return
    assert len(json.loads(json.dumps(answer, allow_nan=False))["predictions"]) == len(rows)


@OFTEN
@given(
    content=st.binary(max_size=80)
    | st.lists(st.lists(NAMES | TEXT, min_size=1, max_size=3).map(",".join), max_size=5).map(
        lambda lines: "\n".join(["size,kind,since"[: 4 + 11 * (len(lines) % 2)], *lines]).encode()
    ),
    start=st.sampled_from([b"", b"size,price\n", b"\xff\xfe", b"PAR1", b"\x1f\x8b", b"PK\x03\x04"]),
)
def test_any_file_is_predicted_or_refused(content: bytes, start: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder, "rows"), Path(folder, "out")
        rows.write_bytes(start + content)
        try:
            found = predict_file(MADE.blob, str(rows), str(out))
        except InvalidInput:
            return
        assert len(out.read_bytes().splitlines()) == found["rows"] + 1
