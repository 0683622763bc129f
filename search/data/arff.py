"""ARFF, the format of Weka and OpenML: declared attributes above rows that are separated by commas.

Rows are dense, or sparse: `{1 0.5, 3 red}`, attributes counted from 0, where those left out are 0
or the first of the nominal values. SciPy's reader knows neither text attributes nor quoted nominal
values nor sparse rows.
"""

from __future__ import annotations

import io
import re

import pandas as pd

from search.errors import InvalidDataset

_RELATION = re.compile(r"\A(?:\s*(?:%.*)?\n)*\s*@relation\b", re.IGNORECASE)
_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"\s*@attribute\s+({_TEXT}|\S+)\s+(\S.*)", re.IGNORECASE)
_FIRST_VALUE = re.compile(rf"\{{\s*({_TEXT}|[^,}}]*)")
_SPARSE = re.compile(r"\A(?:\s*(?:%.*)?\n)*\s*\{")
#: A cell of a sparse row.
_CELL = re.compile(rf"\s*(\d+)\s+({_TEXT}|[^\s,'\"][^,]*?)\s*(?:,|$)")
_DATA = re.compile(r"^\s*@data[^\n]*\n", re.IGNORECASE | re.MULTILINE)
#: Cells that a sparse file may unfold to.
_MAX_CELLS = 50_000_000


def is_arff(text: str) -> bool:
    """Return whether the first statement of `text` is ARFF's."""
    return _RELATION.match(text) is not None


def count_attributes(text: str) -> int:
    """Return how many attributes are declared, without reading them."""
    data = _DATA.search(text)
    return text[: data.start() if data else len(text)].lower().count("@attribute")


def read(text: str) -> tuple[list[str], pd.DataFrame, int]:
    """Return the attributes' names, the rows as text, and the number of lines above the rows.

    Raises InvalidDataset for a file without data or with too many cells, ValueError for ragged or
    unreadable rows.
    """
    data = _DATA.search(text)
    if data is None:
        raise InvalidDataset(
            "the ARFF file has no @data section; it must follow the attributes", pointer="/file"
        )
    head, body = text[: data.end()], text[data.end() :]
    attributes = [found for found in map(_ATTRIBUTE.match, head.split("\n")) if found]
    names = [_unquoted(found[1]) for found in attributes]
    frame = (
        _read_sparse(body, [_left_out(found[2]) for found in attributes], head.count("\n"))
        if _SPARSE.match(body)
        else _read_dense(body, len(names))
    )
    return names, frame.replace("?", ""), head.count("\n")


def _read_dense(body: str, width: int) -> pd.DataFrame:
    quote = "'" if "'" in body and '"' not in body else '"'
    frame = pd.read_csv(
        io.StringIO(body),
        header=None,
        names=list(range(width)),
        dtype="str",
        keep_default_na=False,
        na_filter=False,
        skipinitialspace=True,
        quotechar=quote,
        comment="%" if re.search(r"^%", body, re.MULTILINE) else None,
    )
    return frame.fillna("").astype("str")


def _read_sparse(body: str, left_out: list[str], above: int) -> pd.DataFrame:
    lines = [
        (above + number, line.strip())
        for number, line in enumerate(body.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("%")
    ]
    if len(lines) * len(left_out) > _MAX_CELLS:
        raise InvalidDataset(
            f"the ARFF file holds {len(lines)} rows of {len(left_out)} attributes, more cells than "
            f"the limit of {_MAX_CELLS}; bring fewer rows or columns",
            pointer="/file",
        )
    columns = [[value] * len(lines) for value in left_out]
    for row, (number, line) in enumerate(lines):
        inner = line.removeprefix("{").removesuffix("}").strip()
        cells = list(_CELL.finditer(inner))
        read = sum(len(cell[0]) for cell in cells)
        if not (line.startswith("{") and line.endswith("}")) or read < len(inner):
            raise ValueError(f"line {number} is no sparse row such as {{0 1.5, 3 red}}")
        for place, value in (cell.groups() for cell in cells):
            if int(place) >= len(columns):
                raise ValueError(
                    f"line {number} names attribute {place}, but there are {len(columns)}, "
                    f"counted from 0"
                )
            columns[int(place)][row] = _unquoted(value)
    return pd.DataFrame(dict(enumerate(columns)), dtype="str")


def _left_out(kind: str) -> str:
    """Return the value of an attribute of `kind` in sparse rows that leave it out."""
    first = _FIRST_VALUE.match(kind)
    return _unquoted(first[1].strip()) if first else "0"


def _unquoted(text: str) -> str:
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
