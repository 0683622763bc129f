"""Arrays in a file are mapped: equal, aligned, private to write to, and shared by processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from search.training.mapped_file import read_mapped, write_mapped

#: Reads every page of the mapped array, then says so and waits for the end of its input.
READER = """
import sys
from pathlib import Path
from search.training.mapped_file import read_mapped
array = read_mapped(Path(sys.argv[1]))
print(float(array.sum()), flush=True)
sys.stdin.read()
"""


def test_a_value_comes_back_with_its_arrays(tmp_path: Path) -> None:
    value = {
        "x": np.arange(7, dtype=np.float32).reshape(7, 1),
        "y": np.arange(3),
        "none": np.empty((0, 4), dtype=np.float32),
        "word": "text",
    }
    write_mapped(tmp_path / "file", value)
    read = read_mapped(tmp_path / "file")
    assert isinstance(read, dict)
    assert read["word"] == "text"
    for name in ("x", "y", "none"):
        np.testing.assert_array_equal(read[name], value[name])
        assert read[name].dtype == value[name].dtype
        assert read[name].ctypes.data % 64 == 0 or not read[name].size


def test_what_is_written_to_an_array_stays_in_the_process(tmp_path: Path) -> None:
    write_mapped(tmp_path / "file", np.zeros(5))
    read = read_mapped(tmp_path / "file")
    assert isinstance(read, np.ndarray)
    read += 1
    assert read.sum() == 5
    again = read_mapped(tmp_path / "file")
    assert isinstance(again, np.ndarray)
    assert again.sum() == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PSS is Linux's")
def test_processes_that_map_the_same_file_share_its_memory(tmp_path: Path) -> None:
    array = np.ones(64 * 2**20 // 8)
    path = tmp_path / "file"
    write_mapped(path, array)
    command = [sys.executable, "-c", READER, str(path)]
    readers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert float(reader.stdout.readline()) == len(array)
        mapped = [
            sum(
                region.pss
                for region in psutil.Process(reader.pid).memory_maps()
                if region.path == str(path)
            )
            for reader in readers
        ]
    finally:
        for reader in readers:
            reader.communicate()
    # Each has a share of the pages; copies would be three times as much.
    assert sum(mapped) < 1.1 * array.nbytes
    assert min(mapped) > 0.25 * array.nbytes
