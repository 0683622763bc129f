"""The largest table that is read: rows, columns, and cells in all."""

from __future__ import annotations

from dataclasses import dataclass

from search.errors import InvalidDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLimits:
    """Bounds of a table's shape; every column costs some milliseconds whatever its length."""

    rows: int = 2_000_000
    columns: int = 3_000
    cells: int = 20_000_000
    #: What may be done about it, after "bring fewer rows or columns".
    way_out: str = ""

    def check(self, rows: int, columns: int, called: str) -> None:
        """Raise InvalidDataset for the file `called` so where its table is too large."""
        for kind, found, most in (
            ("columns", columns, self.columns),
            ("rows", rows, self.rows),
            ("cells", rows * columns, self.cells),
        ):
            if found > most:
                raise InvalidDataset(
                    f"{called} holds {found} {kind}, more than the limit of {most}; bring fewer "
                    f"rows or columns{self.way_out}",
                    pointer="/file",
                )
