"""How are rows read from a table of text (csv, tsv, MovieLens, RecBole), each kept with its line in the file?"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError
from strop.feedback import columns, formats, stream
from strop.feedback.cells import Batch
from strop.feedback.columns import Wanted
from strop.feedback.formats import Form
from strop.feedback.problems import Problems

Array = npt.NDArray[Any]
INNER = "\x1f"  # stands in for a separator of several letters
STRAY = "a quote is not closed, or stands inside a cell"
STRAY_HELP = 'quote the whole cell and double the quotes in it: "5"" nail"'
RAGGED_HELP = "often a separator in an unquoted cell; mend these rows, or drop them with --bad-rows skip"


class Table:
    """A table of text whose columns are known. Errors: S204, S208 where they cannot be told."""

    def __init__(self, path: Path, lines: list[str], form: Form, wanted: Wanted) -> None:
        self.path, self.form, self.first = path, form, lines[0].strip()
        self.mark = form.separator if len(form.separator) == 1 else INNER
        rows = [self.cells(line) for line in lines[:100]]
        file = str(path)
        if form.name == "movielens":
            self.header = False
        elif form.name == "recbole":
            self.header = True
            rows[0] = formats.untyped(rows[0], file)
        else:
            self.header = columns.has_header([c.strip() for c in rows[0]], rows[1:], wanted, file)
        self.width = len(rows[0])
        if self.header:
            self.names = [cell.strip() for cell in rows[0]]
            self.places, reason = columns.find(self.names, wanted, file), ""
        else:
            self.names = [str(place + 1) for place in range(self.width)]
            self.places, reason = columns.guess(rows, wanted, file, known=form.name == "movielens")
        head = "header in the first row" if self.header else f"no header: {reason}"
        self.notes = (f"{form.spoken()}, {head}",)

    def cells(self, line: str) -> list[str]:
        """The cells of one line, as the csv rules have it."""
        if self.form.quotes and '"' in line:
            try:
                return next(csv.reader([line], delimiter=self.mark))
            except csv.Error:
                pass  # a cell without end: told with its row when the file is read
        return line.split(self.form.separator)

    def batches(self, problems: Problems, *, encoding: str) -> Iterator[Batch]:
        """The rows, some hundred thousand at once; rows of another width, or with stray quotes, go to `problems`."""
        separator = self.form.separator.encode()
        header = self.header
        for block in stream.blocks(self.path, problems, encoding=encoding, quotes=self.form.quotes):
            data, lines = block.data, block.rows
            if header:
                head, _, rest = data.partition(b"\n")
                if head.decode().strip() == self.first:  # else it was no text, and is in `problems`
                    data, lines = rest, lines[1:]
                header = False
            if len(separator) > 1:
                data = data.replace(separator, INNER.encode())
            data, rows = self._whole(data, lines, problems)
            if len(rows):
                yield self._batch(data, rows, block.share)

    def _whole(self, data: bytes, lines: Array, problems: Problems) -> tuple[bytes, Array]:
        """The records of the right width, and the line each begins in."""
        letters = np.frombuffer(data, np.uint8)
        line_ends = ends = np.flatnonzero(letters == 10)
        marks = np.flatnonzero(letters == ord(self.mark))
        if self.form.quotes and b'"' in data:
            quotes = np.flatnonzero(letters == 34)
            stray = stray_quote(letters, quotes, ord(self.mark))
            if stray is not None:
                line = int(lines[np.searchsorted(line_ends, stray)])
                problems.add("S205", [line], STRAY, help=STRAY_HELP, kind="quote")
                if not problems.skip:
                    problems.finish()  # raises: what stands behind an open quote tells nothing
                return self._without_stray(data, lines, line, problems)
            ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
            marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
        counts = np.diff(np.searchsorted(marks, ends), prepend=0) + 1
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        rows = lines if len(ends) == len(lines) else lines[np.searchsorted(line_ends, starts)]
        ragged = np.flatnonzero(counts != self.width)
        if not len(ragged):
            return data, rows
        found = counts[ragged[0]]
        message = f"{found} cells where {'the header has' if self.header else 'the first row has'} {self.width}"
        problems.add("S205", rows[ragged], message, help=RAGGED_HELP, kind="ragged")
        good = np.flatnonzero(counts == self.width)
        return b"".join(data[starts[i] : ends[i] + 1] for i in good), rows[good]

    def _without_stray(self, data: bytes, lines: Array, first: int, problems: Problems) -> tuple[bytes, Array]:
        """After a stray quote each line is taken for itself: those with a stray quote of their own are dropped."""
        kept, rows = [], []
        for line, row in zip(data.split(b"\n")[:-1], lines, strict=True):
            if b'"' in line:
                letters = np.frombuffer(line + b"\n", np.uint8)
                if stray_quote(letters, np.flatnonzero(letters == 34), ord(self.mark)) is not None:
                    problems.add("S205", [row] if row != first else [], STRAY, help=STRAY_HELP, kind="quote")
                    continue
            kept.append(line + b"\n")
            rows.append(row)
        return self._whole(b"".join(kept), np.array(rows, np.int64), problems)

    def _batch(self, data: bytes, rows: Array, share: float) -> Batch:
        try:
            frame = pl.read_csv(
                data,
                has_header=False,
                separator=self.mark,
                quote_char='"' if self.form.quotes and b'"' in data else None,
                schema={str(place): pl.String for place in range(self.width)},
                columns=sorted(self.places.values()),
            )
        except pl.exceptions.PolarsError as error:
            raise StropError("S205", f"rows that cannot be read: {error}", "", str(self.path), int(rows[0])) from None
        if len(frame) != len(rows):
            raise StropError("S205", "rows that cannot be told apart", STRAY_HELP, str(self.path), int(rows[0]))
        column = {role: frame[str(place)] for role, place in self.places.items()}
        return Batch(column["user"], column["item"], column.get("rating"), column.get("time"), rows, share)


def stray_quote(letters: Array, quotes: Array, mark: int) -> int | None:
    """Where the first cell opens whose quotes do not follow the csv rules; None where all do.

    A quote that opens follows a separator, a line end or another quote; one that closes is followed by such.
    """
    opens, closes = quotes[0::2], quotes[1::2]
    before = letters[np.maximum(opens - 1, 0)]
    wrong = ~(np.isin(before, (mark, 10, 34)) | (opens == 0))
    after = letters[np.minimum(closes + 1, len(letters) - 1)]
    wrong[: len(closes)] |= ~np.isin(after, (mark, 10, 34))
    if len(opens) > len(closes):
        wrong[-1] = True
    found = np.flatnonzero(wrong)
    return int(opens[found[0]]) if len(found) else None
