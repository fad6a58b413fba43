"""How are rows read from files that are no table of text: JSON objects, LightGCN's lists, matrices?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from strop.errors import StropError
from strop.feedback import columns, stream
from strop.feedback.cells import Batch, numbers, text_of
from strop.feedback.columns import Wanted
from strop.feedback.problems import Problems

Cell = int | float | str | bool | None
JSON_HELP = "each line is one JSON object whose user and item are plain values"
BROKEN = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)  # ValidationError is a DecodeError


class Objects:
    """JSON objects, one a line. Errors: S204 where the columns cannot be told, S205 where no line is an object."""

    def __init__(self, path: Path, lines: Sequence[str], wanted: Wanted) -> None:
        self.path = path
        keys: dict[str, None] = {}
        trouble = ""
        for line in lines[:100]:
            try:
                keys |= dict.fromkeys(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
            except BROKEN as error:
                trouble = trouble or str(error)
        if not keys:
            raise StropError("S205", f"not a JSON object: {trouble or 'it is empty'}", JSON_HELP, str(path), 1)
        self.names = list(keys)
        self.places = columns.find(self.names, wanted, str(path))
        self.notes = ("format: jsonl",)
        fields = [(role, Cell, None) for role in self.places]
        rename = {role: self.names[place] for role, place in self.places.items()}
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=rename))

    def batches(self, problems: Problems, *, encoding: str) -> Iterator[Batch]:
        """The objects, some ten thousand at once; lines that are none go to `problems`."""
        for block in stream.blocks(self.path, problems, encoding=encoding, quotes=False):
            rows = block.rows
            try:
                found = self._decoder.decode_lines(block.data)
            except BROKEN:
                found, rows = self._one_by_one(block, problems)
            if found:
                column = {role: _series([getattr(row, role) for row in found]) for role in self.places}
                yield Batch(column["user"], column["item"], column.get("rating"), column.get("time"), rows, block.share)

    def _one_by_one(self, block: stream.Block, problems: Problems) -> tuple[list[Any], Any]:
        found, good = [], []
        for place, (line, row) in enumerate(zip(block.data.split(b"\n")[:-1], block.rows, strict=True)):
            try:
                found.append(self._decoder.decode(line))
                good.append(place)
            except BROKEN as error:
                role = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else ""
                code = "S203" if role in ("rating", "time") or "out of range" in str(error) else "S205"
                told = "it nests too deep" if isinstance(error, RecursionError) else str(error).split(" - at")[0]
                problems.add(code, [row], f"not a row: {told}", column=role, help=JSON_HELP)
        return found, block.rows[good]


def _series(values: list[Any]) -> pl.Series:
    """Integers, numbers or text as they are; a mixture becomes text."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {str}:
        return pl.Series(values, dtype=pl.String)
    if kinds <= {int, float}:
        try:
            return pl.Series(values, dtype=pl.Float64 if float in kinds else pl.Int64)
        except (TypeError, OverflowError):
            return text_of(values)
    return text_of(values)


class Lists:
    """LightGCN's train.txt: a user and then its items; positions from 0. A user without an item is legal."""

    def __init__(self, path: Path) -> None:
        self.names: list[str] = []
        self.path, self.notes = path, ("format: lightgcn, a user and its items in each line",)
        self.places = {"user": 0, "item": 1}

    def batches(self, problems: Problems, *, encoding: str) -> Iterator[Batch]:
        """One row for each item of each line; words that are no position go to `problems` with their line."""
        for block in stream.blocks(self.path, problems, encoding=encoding, quotes=False):
            users: list[int] = []
            items: list[int] = []
            counts, rows = [], []
            for line, row in zip(block.data.split(b"\n")[:-1], block.rows, strict=True):
                words = line.split()
                wrong = next((w for w in words if not (w.isdigit() and len(w) < 19)), None if words else b"")
                if wrong is not None:
                    column = "user" if wrong in words[:1] else "item"
                    message = f'"{wrong[:40].decode()}" is not a position (0, 1, 2, ...)'
                    problems.add("S203", [row], message, column=column)
                    continue
                users.append(int(words[0]))
                items += map(int, words[1:])
                counts.append(len(words) - 1)
                rows.append(row)
            if not users:
                continue
            names = pl.Series(np.repeat(np.array(users, np.int64), counts))
            yield Batch(
                names, pl.Series(items, dtype=pl.Int64), None, None, np.repeat(rows, counts), block.share,
                pl.Series(users, dtype=pl.Int64),
            )  # fmt: skip


class Matrix:
    """A line a user, a number an item, 0 for none; all users and items are kept, positions from 0 are their names."""

    def __init__(self, path: Path) -> None:
        self.names: list[str] = []
        self.path, self.notes = path, ("format: matrix, a line a user, 0 for none",)
        self.places = {"user": 0, "item": 1, "rating": 2}

    def batches(self, problems: Problems, *, encoding: str) -> Iterator[Batch]:
        """The values other than 0, in one batch a block; ragged lines and words that are no number go to `problems`."""
        width = user = 0
        for block in stream.blocks(self.path, problems, encoding=encoding, quotes=False):
            first, kept = user, []
            for line, row in zip(block.data.split(b"\n")[:-1], block.rows, strict=True):
                words = line.decode().split()
                width = width or len(words)
                if len(words) != width:
                    problems.add("S205", [row], f"{len(words)} numbers where the first line has {width}", kind="ragged")
                    continue
                values, bad = numbers(pl.Series(words, dtype=pl.String))
                if bad.any():
                    place = int(np.flatnonzero(bad)[0])
                    message = f'"{words[place][:40]}" is not a number'
                    problems.add("S203", [row], message, column=str(place + 1))
                    continue
                items = np.flatnonzero(values)
                kept.append((user, row, items, values[items]))
                user += 1
            if kept:
                yield _matrix_batch(kept, first, width, block.share)


def _matrix_batch(kept: Sequence[tuple[int, int, Any, Any]], first: int, width: int, share: float) -> Batch:
    counts = [len(items) for _, _, items, _ in kept]
    users, rows = (np.repeat([line[i] for line in kept], counts) for i in (0, 1))
    items, values = (np.concatenate([line[i] for line in kept]) for i in (2, 3))
    return Batch(
        pl.Series(users),
        pl.Series(items),
        pl.Series(values),
        None,
        rows,
        share,
        pl.Series(np.arange(first, kept[-1][0] + 1)),
        pl.Series(np.arange(width)),
    )
