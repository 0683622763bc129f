"""Tables as bombs are answered by a sentence, and cost neither minutes nor memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Event, Thread
from time import monotonic

import psutil
import pytest
from fastapi.testclient import TestClient

from search.data.dataset_builder import read_table
from search.data.table_limits import TableLimits
from search.errors import InvalidDataset, InvalidInput
from service import table_reading
from service.table_reading import Table, TableReader
from tests.service.hostile_tables import BEYOND, DAMAGED, ODD, csv_of, repeated

GIBIBYTE = 2**30
#: One of each kind of cost; `make torture` takes them all.
CHOSEN = {
    **{name: BEYOND[name] for name in BEYOND if "of text" in name or "of two million c" in name},
    **{name: BEYOND[name] for name in ("gzip, 1 GB of zeros", "arff, 100,000 attributes")},
    "parquet, 100 million rows of one number": BEYOND["parquet, 100 million rows of one number"],
    **{name: DAMAGED[name] for name in ("csv, quotes alone", "parquet, a footer of 2 GB")},
}


def reader(**changes: float) -> TableReader:
    most = {"bytes_": 2**26, "memory_bytes": 768 * 2**20, "seconds": 10, "at_once": 1, **changes}
    return TableReader(TableLimits(), **most)  # type: ignore[arg-type]


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """The most memory that processes started by this one have held together so far."""
    most, ended, this = [0], Event(), psutil.Process()
    here = set(this.children(recursive=True))

    def watch() -> None:
        while not ended.wait(0.02):
            used = 0
            for child in set(this.children(recursive=True)) - here:
                try:
                    # One that was forked a moment ago still has all of this process's memory.
                    used += child.memory_info().rss if child.cmdline() != this.cmdline() else 0
                except psutil.NoSuchProcess:
                    continue
            most[0] = max(most[0], used)

    watcher = Thread(target=watch)
    watcher.start()
    yield most
    ended.set()
    watcher.join()


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_bomb_is_a_sentence(kind: str, peak: list[int]) -> None:
    content = CHOSEN[kind]()
    began = monotonic()
    with pytest.raises(InvalidInput) as refused:
        reader().describe(Table(content=content, target="c0", columns={}))
    assert monotonic() - began < 60  # the reader's own limit is 10; the machine has other work
    assert 0 < peak[0] < GIBIBYTE
    assert len(str(refused.value)) < 400
    assert "; " in str(refused.value)  # the way out


def test_a_table_is_read_as_anywhere_else() -> None:
    rows = "".join(f"{i % 7},{'no' if i % 3 else 'yes'}\n" for i in range(40_000))
    table = Table(content=f"c0,c1\n{rows}".encode(), target="c1", columns={}, name="mine")
    assert (
        reader().describe(table) == read_table(table.content, target="c1", name="mine").describe()
    )
    first = reader().first_rows(table, 3)
    assert first == [{"c0": 0, "c1": "yes"}, {"c0": 1, "c1": "no"}, {"c0": 2, "c1": "no"}]


def test_a_table_that_is_refused_is_refused_in_the_same_words() -> None:
    content = ODD["csv, exponents"]()
    with pytest.raises(InvalidDataset) as there:
        reader().describe(Table(content=content, target="c1", columns={}))
    with pytest.raises(InvalidDataset) as here:
        read_table(content, target="c1")
    assert vars(there.value) == vars(here.value)


def test_short_text_is_read_here_and_anything_else_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = "".join(f"{i % 7},{i % 2}\n" for i in range(40))
    short, long = f"c0,c1\n{rows}".encode(), f"c0,c1\n{rows * 800}".encode()
    places = []

    def place(content: bytes, options: dict[str, object]) -> dict[str, object]:
        places.append(os.getpid())
        return {"rows": 0}

    monkeypatch.setattr(table_reading, "look_at", place)
    # Elsewhere the function is found by its name, and so is the true one.
    place.__module__, place.__qualname__ = table_reading.__name__, "look_at"
    assert reader().look(short, "") == {"rows": 0}
    assert reader().look(long, "")["rows"] == 32_000
    assert reader().look(repeated(1, 50), "")["rows"] == 50
    assert len(reader().look(csv_of(300, 30), "")["columns"]) == 300
    assert places == [os.getpid()]


def test_a_reading_that_takes_long_is_ended_and_names_the_setting() -> None:
    with pytest.raises(InvalidDataset, match=r"1.5 seconds.*ACTIVATION_SEARCH_READ_SECONDS"):
        reader(seconds=1.5).describe(Table(content=csv_of(2_900, 200), target="c0", columns={}))


def test_memory_beyond_the_limit_names_the_setting() -> None:
    content = b"c0,c1\n" + b"some words,1\n" * 1_500_000
    with pytest.raises(InvalidDataset, match=r"256 MiB.*ACTIVATION_SEARCH_READ_MEMORY_BYTES"):
        reader(memory_bytes=2**28).describe(Table(content=content, target="c1", columns={}))


def test_the_limits_of_the_api_are_settings(client: TestClient) -> None:
    answer = client.post(
        "/v1/datasets", files={"file": ("t.csv", csv_of(3_001, 25))}, data={"target": "c0"}
    )
    assert answer.status_code == 422
    assert "ACTIVATION_SEARCH_MAX_TABLE_ROWS, _COLUMNS or _CELLS" in answer.json()["detail"]
