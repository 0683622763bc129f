"""Rows of a table become inputs of the network, and its outputs become predictions.

Everything that was learned from the training rows stands in `preprocessing.json`.
"""

import csv
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import NormalDist
from typing import Any, TextIO

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, str]
#: Rows that are held in memory at a time.
CHUNK = 10_000


class Preprocessing:
    """The preprocessing of one network."""

    def __init__(self, path: Path) -> None:
        self.facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.classes: list[str] = self.facts["classes"]
        self.affixes = re.compile(self.facts["affixes"])
        self.missing_marks = frozenset(self.facts["missing_marks"])
        self.missing_text = frozenset(self.facts["missing_text"])
        #: Cells by column that could not be read and count as missing.
        self.unread: Counter[str] = Counter()

    def inputs(self, rows: list[Row]) -> Array:
        """Return the inputs of the network, (N, D) float32, for N rows of text by column."""
        facts = self.facts
        numbers, texts = {}, {}
        for column in facts["columns"]:
            name = column["name"]
            cells = [(row.get(name) or "").strip() for row in rows]
            if "categor" in column["kind"]:
                texts[name] = [self.level(cell) for cell in cells]
            else:
                numbers[name] = np.array([self.number(cell, column) for cell in cells])
        parts = []
        if facts["numbers"]["columns"]:
            values = np.stack([numbers[name] for name in facts["numbers"]["columns"]], axis=1)
            parts.append(scale(values, facts["numbers"]))
        parts += [np.isnan(numbers[name])[:, None] for name in facts["indicators"]]
        for name, levels in facts["levels"].items():
            parts.append(np.array([[text == level for level in levels] for text in texts[name]]))
        for name, known in facts["encodings"].items():
            encoded = [known["levels"].get(text, known["others"]) for text in texts[name]]
            parts.append(np.array(encoded))
        return np.hstack(parts).astype(np.float32)

    def predictions(self, outputs: Array) -> Array:
        """Turn the network's outputs into (N,) values of the target, or (N, C) probabilities."""
        outputs = outputs.astype(np.float64)
        if self.facts["task"] == "regression":
            values: Array = outputs[:, 0] * self.facts["target_scale"] + self.facts["target_mean"]
            return values
        if self.facts["task"] == "binary":
            # The logit of the first class is 0.
            outputs = np.hstack([np.zeros_like(outputs), outputs])
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
        return shares

    def level(self, cell: str) -> str:
        """Return the level that a cell holds."""
        missing: str = self.facts["missing_level"]
        return missing if cell.lower() in self.missing_text else cell

    def number(self, cell: str, column: dict[str, Any]) -> float:
        """Return the number, truth value or date (in days since 1970) that a cell holds, or NaN."""
        if cell.lower() in self.missing_marks:
            return math.nan
        value = read_date(cell, column["date"]) if "date" in column else self.plain(cell, column)
        if not abs(value) <= self.facts["largest_number"]:
            self.unread[column["name"]] += 1
            return math.nan
        return value

    def plain(self, cell: str, column: dict[str, Any]) -> float:
        """Read a number in the format of its column, NaN where it is written otherwise."""
        if column["kind"] == "truth" and cell.lower() in ("true", "false"):
            return float(cell.lower() == "true")
        found = self.affixes.fullmatch(cell)
        if found is None or bool(found["open"]) != bool(found["close"]):
            return math.nan
        digits = found["digits"]
        if not re.fullmatch(column["pattern"], digits):
            return math.nan
        for mark in column["thousands"]:
            digits = digits.replace(mark, "")
        value = float(digits.replace(column["decimal"], "."))
        signs = (found["first"] or "") + (found["second"] or "")
        return -value if found["open"] or signs.strip("+") else value


def read_date(cell: str, pattern: str) -> float:
    """Return days since 1970, NaN where the cell is not written so."""
    try:
        if pattern == "ISO8601":
            time = datetime.fromisoformat(cell)
        else:
            time = datetime.strptime(cell, pattern)
    except ValueError:
        return math.nan
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return math.floor(time.timestamp()) / 86400


def scale(values: Array, facts: dict[str, Any]) -> Array:
    """Fill gaps of (N, K) numbers with medians and scale them."""
    values = np.where(np.isnan(values), facts["median"], values)
    if facts["scaling"] == "quantile":
        return to_normal(values, np.array(facts["quantiles"]))
    limit = np.array(facts["limit"])
    scaled: Array = (values - facts["mean"]) / facts["scale"]
    if facts["scaling"] == "robust":
        scaled /= np.sqrt(1 + np.square(scaled / limit))
    return scaled if facts["scaling"] == "robust" else np.clip(scaled, -limit, limit)


def to_normal(values: Array, quantiles: Array) -> Array:
    """Turn values into their ranks among (Q, K) quantiles, and those into a normal distribution."""
    ranks = np.linspace(0, 1, len(quantiles))
    scaled = np.empty_like(values)
    for place, known in enumerate(quantiles.T):
        column = values[:, place]
        # From both sides, so that ties get the middle of their ranks.
        upward = np.interp(column, known, ranks)
        downward = -np.interp(-column, -known[::-1], -ranks[::-1])
        scaled[:, place] = (upward + downward) / 2
    normal: Array = np.vectorize(NormalDist().inv_cdf, otypes=[float])(
        np.clip(scaled, 1e-7, 1 - 1e-7)
    )
    return normal


def read_rows(file: TextIO, known: Preprocessing) -> Iterator[list[Row]]:
    """Yield the rows of a CSV by column, in chunks; its header is checked first."""
    header = file.readline()
    separator = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    wanted = [column["name"] for column in known.facts["columns"]]
    foreign = sorted(set(names) - {*wanted, *known.facts["other_columns"]})
    if foreign:
        raise SystemExit(f"the network was not trained on the columns {', '.join(foreign)}")
    for name in sorted(set(wanted) - set(names)):
        sys.stderr.write(f"column '{name}' is absent and counts as missing\n")
    rows = csv.DictReader(file, names, delimiter=separator, skipinitialspace=True)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def write_predictions(known: Preprocessing, chunks: Iterable[Array], file: TextIO) -> None:
    """Write chunks of predictions as a CSV, and to standard error what could not be read."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["prediction", *(f"probability_{label}" for label in known.classes)])
    for chunk in chunks:
        if known.classes:
            best = [known.classes[place] for place in chunk.argmax(axis=1)]
            lines.writerows([label, *row] for label, row in zip(best, chunk.tolist(), strict=True))
        else:
            lines.writerows([value] for value in chunk.tolist())
    for name, times in known.unread.items():
        sys.stderr.write(f"{times} cells of column '{name}' could not be read, and are missing\n")
