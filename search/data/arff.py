"""ARFF, the format of Weka and OpenML: declared attributes above rows that are separated by commas.

Only the dense form. SciPy's reader knows neither text attributes nor quoted nominal values.
"""

from __future__ import annotations

import io
import re

import pandas as pd

from search.errors import InvalidDataset

_RELATION = re.compile(r"\A(?:\s*(?:%.*)?\n)*\s*@relation\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\s*@attribute\s+('[^']*'|"[^"]*"|\S+)\s+\S""", re.IGNORECASE)
_DATA = re.compile(r"^\s*@data[^\n]*\n", re.IGNORECASE | re.MULTILINE)


def is_arff(text: str) -> bool:
    """Return whether the first statement of `text` is ARFF's."""
    return _RELATION.match(text) is not None


def read(text: str) -> tuple[list[str], pd.DataFrame, int]:
    """Return the attributes' names, the rows as text, and the number of lines above the rows.

    Raises InvalidDataset for the sparse form or a file without data, ValueError for ragged rows.
    """
    data = _DATA.search(text)
    if data is None:
        raise InvalidDataset(
            "the ARFF file has no @data section; it must follow the attributes", pointer="/file"
        )
    head, body = text[: data.end()], text[data.end() :]
    names = [found[1].strip("'\"") for found in map(_ATTRIBUTE.match, head.split("\n")) if found]
    if body.lstrip().startswith("{"):
        raise InvalidDataset(
            "the ARFF file is in the sparse form; write it in the dense form, or as CSV",
            pointer="/file",
        )
    quote = "'" if "'" in body and '"' not in body else '"'
    frame = pd.read_csv(
        io.StringIO(body),
        header=None,
        names=list(range(len(names))),
        dtype="str",
        keep_default_na=False,
        na_filter=False,
        skipinitialspace=True,
        quotechar=quote,
        comment="%" if re.search(r"^%", body, re.MULTILINE) else None,
    )
    return names, frame.fillna("").astype("str").replace("?", ""), head.count("\n")
