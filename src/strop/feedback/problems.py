"""Which rows of a file cannot be used, and how is that told in one line?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strop.errors import StropError

SKIP = "mend these rows, or drop them with --bad-rows skip"


@dataclass
class _Kind:
    """One kind of trouble: the first row that has it, two more, and how many there are."""

    message: str
    help: str
    rows: list[int]
    count: int = 0

    def told(self) -> str:
        """'"abc" is not a number (also rows 5, 9 and 41 more)'."""
        others = ", ".join(f"{row:,}" for row in self.rows[1:])
        more = self.count - len(self.rows)
        if more > 0:
            others += f" and {more:,} more"
        plural = "rows" if self.count > 2 else "row"
        return self.message + (f" (also {plural} {others})" if others else "")


class Problems:
    """Bad rows, gathered while a file is read; told together at its end.

    skip: bad rows are dropped and counted; else the first kind of them is raised as a StropError.
    Rows are 1-based lines of the file, as an editor shows it.
    """

    def __init__(self, file: str, *, skip: bool) -> None:
        self.file, self.skip = file, skip
        self._kinds: dict[tuple[str, str, str], _Kind] = {}

    def add(
        self, code: str, rows: Sequence[int] | Any, message: str, *, column: str = "", help: str = SKIP, kind: str = ""
    ) -> None:
        """These rows have one kind of trouble; `message` tells the first of them, `kind` parts troubles of one code."""
        if not len(rows):
            return
        known = self._kinds.setdefault((code, column, kind), _Kind(message, help, []))
        known.rows += [int(row) for row in rows[: 3 - len(known.rows)]]
        known.count += len(rows)

    def __len__(self) -> int:
        return sum(kind.count for kind in self._kinds.values())

    def finish(self) -> tuple[str, ...]:
        """What to say of the dropped rows. Errors: the kind whose row comes first, where bad rows are refused."""
        first = sorted(self._kinds.items(), key=lambda pair: pair[1].rows[0])
        if first and not self.skip:
            (code, column, _), kind = first[0]
            raise StropError(code, kind.told(), kind.help, self.file, kind.rows[0], column)
        notes = []
        for (code, column, _), kind in first:
            place = f'row {kind.rows[0]:,}, column "{column}"' if column else f"row {kind.rows[0]:,}"
            dropped = "1 row dropped" if kind.count == 1 else f"{kind.count:,} rows dropped"
            notes.append(f"{dropped} [{code}]: {place}: {kind.told()}")
        return tuple(notes)
