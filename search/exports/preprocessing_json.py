"""The preprocessing of a network as one JSON document, which `files/preprocessing.py` carries out.

It says how cells are read (patterns of numbers and dates, marks for missing values) and how columns
become inputs, in this order: numbers scaled, indicators of missing numbers, an input a level,
encoded levels.
"""

from __future__ import annotations

from typing import Any

from search.data.column_readers import MISSING_TEXT
from search.data.datasets import ColumnKind
from search.data.fold_arrays import MISSING
from search.data.input_columns import InputColumn
from search.data.number_formats import AFFIXED, FORMATS, MISSING_MARKS
from search.data.target_column import MAX_MAGNITUDE
from search.networks.model_archive import ModelArchive

_ISO = "ISO8601"


def preprocessing_document(archive: ModelArchive) -> dict[str, Any]:
    """Return the document; numbers are written whole, so that float64 reads them back."""
    schema = archive.schema
    return {
        "task": archive.task.value,
        "target": archive.target,
        "classes": list(archive.classes),
        "target_mean": archive.target_mean,
        "target_scale": archive.target_scale,
        "columns": [_column(column) for column in archive.columns],
        "other_columns": list(archive.others),
        "numbers": {
            "columns": list(schema.numeric),
            "scaling": archive.scaling.value,
            **{name: values.tolist() for name, values in archive.statistics.items()},
        },
        "indicators": list(schema.indicators),
        "levels": dict(zip(schema.categorical, map(list, schema.levels), strict=True)),
        "encodings": {
            name: {
                "levels": {level: list(v) for level, v in known.items() if level is not None},
                "others": list(known[None]),
            }
            for name, known in archive.encodings.items()
        },
        "missing_level": MISSING,
        "missing_text": sorted(MISSING_TEXT),
        "missing_marks": sorted(MISSING_MARKS),
        "largest_number": MAX_MAGNITUDE,
        "affixes": AFFIXED.pattern,
    }


def _column(column: InputColumn) -> dict[str, Any]:
    described: dict[str, Any] = {"name": column.name, "kind": column.kind.value}
    if column.kind is ColumnKind.DATE:
        return described | {"date": column.written or _ISO}
    if column.is_text:
        return described
    name = column.written or FORMATS[0].name
    row = next(row for row in FORMATS if row.name == name)
    return described | {
        "format": name,
        "pattern": row.pattern.pattern,
        "thousands": row.thousands,
        "decimal": row.decimal,
    }
