"""New rows read as the training rows of a network were, with warnings of what could not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.data.input_columns import Cells, InputColumn, missing_cells, read_cells, read_values
from search.errors import InvalidInput
from search.prediction.predictor import Predictor

_EXAMPLE_CHARACTERS = 40
_LISTED = 10


@dataclass(slots=True)
class _Count:
    """Cells of one column that are not as they should be."""

    cells: int = 0
    #: The first of them.
    example: str = ""

    def add(self, which: NDArray[np.bool_], cells: Sequence[Any]) -> None:
        if which.any():
            if not self.cells:
                self.example = str(cells[int(which.argmax())])[:_EXAMPLE_CHARACTERS]
            self.cells += int(which.sum())


class RowReader:
    """Reads rows for one predictor, as many times as there are chunks, and keeps count.

    Raises InvalidInput where `names`, the columns of the rows, hold one that the network's dataset
    did not have, or none that the network takes.
    """

    def __init__(self, predictor: Predictor, names: Sequence[str]) -> None:
        self._predictor = predictor
        self._columns = predictor.archive.columns
        self._names = frozenset(names)
        _check_names(predictor, names)
        self._rows = 0
        self._absent = {column.name: 0 for column in self._columns}
        self._strays = {column.name: _Count() for column in self._columns}
        self._unknown = {column.name: _Count() for column in self._columns if column.is_text}

    def read_texts(self, frame: pd.DataFrame) -> dict[str, Cells]:
        """Read cells of text, "" where one is empty."""
        self._rows += len(frame)
        read = {}
        for column in self._columns:
            name = column.name
            if name in self._names:
                read[name] = read_cells(column, frame[name])
                self._note(column, read[name], frame[name].tolist)
            else:
                read[name] = self._leave_out(column, len(frame))
        return read

    def read_values(self, rows: Sequence[Mapping[Any, Any]]) -> dict[str, Cells]:
        """Read typed values by column; one that a row lacks is missing."""
        self._rows += len(rows)
        read = {}
        for column in self._columns:
            name = column.name
            if name in self._names:
                values = [row.get(name) for row in rows]
                self._absent[name] += sum(name not in row for row in rows)
                read[name] = read_values(column, values)
                self._note(column, read[name], lambda values=values: values)
            else:
                read[name] = self._leave_out(column, len(rows))
        return read

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the caller should know of the rows read so far, one sentence each."""
        found = []
        for name, rows in self._absent.items():
            if rows:
                where = "every row" if rows == self._rows else f"{rows} of {self._rows} rows"
                found.append(f"column '{name}' is absent and counts as missing in {where}")
        for name, count in self._strays.items():
            if count.cells:
                found.append(
                    f"{count.cells} cells of column '{name}', such as '{count.example}', are not "
                    f"written as those that the network was trained on, and count as missing"
                )
        for name, count in self._unknown.items():
            if count.cells:
                found.append(
                    f"{count.cells} cells of column '{name}', such as '{count.example}', hold a "
                    f"text that the network was not trained on"
                )
        return tuple(found)

    def _note(self, column: InputColumn, cells: Cells, written: Any) -> None:
        if cells.strays.any():
            self._strays[column.name].add(cells.strays, written())
        if column.is_text:
            unknown = self._predictor.unknown_levels(column.name, cells)
            self._unknown[column.name].add(unknown, cells.values.tolist())

    def _leave_out(self, column: InputColumn, rows: int) -> Cells:
        self._absent[column.name] += rows
        return missing_cells(column, rows)


def _check_names(predictor: Predictor, names: Sequence[str]) -> None:
    wanted = [column.name for column in predictor.archive.columns]
    known = {*wanted, *predictor.archive.others}
    foreign = [name for name in names if name not in known]
    if foreign:
        near = get_close_matches(foreign[0], wanted, n=1)
        raise InvalidInput(
            f"{_listed(foreign)} not of the dataset that the network was trained on; "
            + (f"did you mean '{near[0]}'? " if near else "")
            + f"it takes {', '.join(wanted[:_LISTED])}"
            + (f" and {len(wanted) - _LISTED} more" if len(wanted) > _LISTED else "")
            + "; rename or leave out the others",
            pointer="/rows",
        )
    if not set(wanted) & set(names):
        raise InvalidInput(
            f"the rows hold none of the columns that the network takes; give some of "
            f"{', '.join(wanted[:_LISTED])}",
            pointer="/rows",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:_EXAMPLE_CHARACTERS]}'" for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"column {shown} is" if len(names) == 1 else f"columns {shown}{more} are"
