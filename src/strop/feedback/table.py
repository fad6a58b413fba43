"""How do rows become one table of clicks: positions for names, one row a pair, a threshold, a k-core?"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError
from strop.feedback import cells
from strop.feedback.cells import Batch
from strop.feedback.problems import Problems
from strop.records import Clicks, Ratings

Array = npt.NDArray[Any]
PEAK = 60  # bytes a click that putting the table in order takes, measured


@dataclass
class Names:
    """Names in the order in which they came, and their codes from 0."""

    known: dict[str, int] = field(default_factory=dict)

    def codes(self, text: pl.Series) -> Array:
        """(n,) int32 codes of names, new ones added."""
        if not len(text):
            return np.zeros(0, np.int32)
        distinct = text.unique()
        codes = [self.known.setdefault(name, len(self.known)) for name in distinct.to_list()]
        return text.replace_strict(distinct, pl.Series(codes, dtype=pl.Int32), return_dtype=pl.Int32).to_numpy()

    def ordered(self) -> tuple[Array, Array]:
        """The names in order (integers by value where all look like integers, else as text), and each code's place."""
        text = pl.Series(list(self.known), dtype=pl.String)
        if text.str.contains(cells.INTEGER).all():
            whole = text.cast(pl.Int64, strict=False)
            if whole.null_count() == 0:
                return _placed(whole.to_numpy())
        return _placed(np.array(text.to_list(), dtype=np.str_))


def _placed(names: Array) -> tuple[Array, Array]:
    order = np.argsort(names, kind="stable")
    places = np.empty(len(names), np.int32)
    places[order] = np.arange(len(names), dtype=np.int32)
    return names[order], places


def positions(text: pl.Series, ids: Array) -> Array:
    """(n,) int64 places of names among `ids`, -1 for unknown ones."""
    known = pl.Series(ids.astype(str).tolist(), dtype=pl.String)
    places = pl.Series(np.arange(len(ids), dtype=np.int64))
    return text.replace_strict(known, places, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()


class Builder:
    """Takes batches of rows, one after another, and ends in clicks; only what a click needs is kept (16 bytes).

    columns: role -> the column's name, for messages.
    """

    def __init__(self, problems: Problems, columns: dict[str, str]) -> None:
        self.problems, self.columns = problems, columns
        self.users, self.items = Names(), Names()
        self.unit: int | None = None  # place in cells.UNITS, of the first time seen
        self.rows = 0
        self.whole = False  # the file states which users and items there are, clicked or not
        self._parts: dict[str, list[Array]] = {"user": [], "item": [], "rating": [], "time": []}

    def add(self, batch: Batch) -> None:
        """The good rows of a batch; the others go to the problems, each once."""
        bad = np.zeros(len(batch.rows), bool)
        text = {role: cells.names(getattr(batch, role), role, self.problems.file) for role in ("user", "item")}
        for role, column in text.items():
            self._refuse(batch, role, column.is_null().to_numpy(), bad, "S210", "no name", getattr(batch, role))
            unfit = cells.unfit(column.unique()).any()
            if unfit:
                wrong = cells.unfit(column).fill_null(False).to_numpy()
                message = "holds a control character, or is longer than 256 characters"
                self._refuse(batch, role, wrong, bad, "S211", message, getattr(batch, role))
        values = seconds = None
        if batch.rating is not None:
            values, wrong = cells.numbers(batch.rating)
            self._refuse(batch, "rating", wrong, bad, "S203", "is not a number", batch.rating)
        if batch.time is not None:
            seconds = self._times(batch, bad)
        keep: Any = ~bad if bad.any() else slice(None)
        mask = pl.Series(~bad)
        for role, known in (("user", self.users), ("item", self.items)):
            column = text[role].filter(mask) if bad.any() else text[role]
            self._parts[role].append(known.codes(column))
            idle = getattr(batch, f"idle_{role}s")
            if idle is not None:
                self.whole = True
                known.codes(cells.names(idle, role, self.problems.file))
        if values is not None:
            self._parts["rating"].append(values[keep].astype(np.float32))
        if seconds is not None:
            self._parts["time"].append(seconds[keep].astype(np.uint32))
        self.rows += int(len(bad) - bad.sum())
        self._check_memory(batch.share)

    def _refuse(self, batch: Batch, role: str, wrong: Array, bad: Array, code: str, what: str, cell: pl.Series) -> None:
        """Rows that are wrong and were not bad before go to the problems."""
        found = np.flatnonzero(wrong & ~bad)
        if len(found):
            value = cell[int(found[0])]
            shown = "" if value is None else str(value)
            shown = '"' + (shown[:40] + "..." if len(shown) > 40 else shown).replace("\n", " ") + '"'
            message = "the cell is empty" if what == "no name" else f"{shown} {what}"
            name = self.columns.get(role, role)
            self.problems.add(code, batch.rows[found], message, column=name, kind=what[:12])
            bad |= wrong

    def _times(self, batch: Batch, bad: Array) -> Array:
        assert batch.time is not None
        seconds, units = cells.times(batch.time)
        self._refuse(
            batch, "time", units == cells.NOT_A_TIME, bad, "S203", "is not a time (a number or a date)", batch.time
        )
        outside = "is outside 1970 to 2106"
        self._refuse(batch, "time", units == cells.OUT_OF_RANGE, bad, "S213", outside, batch.time)
        good = units[~bad]
        if self.unit is None and len(good):
            self.unit = int(good[0])
        if self.unit is not None:
            what = f"looks like another unit than the {cells.UNITS[self.unit]} of the rows before it"
            self._refuse(batch, "time", units != self.unit, bad, "S213", what, batch.time)
        return seconds

    def _check_memory(self, share: float) -> None:
        """S502 as soon as the share read so far tells that the whole would not fit."""
        needed, free = self.rows / share * PEAK, available_memory()
        if needed > free:
            raise StropError(
                "S502",
                f"about {self.rows / share:,.0f} clicks: needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
                "give it more memory, or a part of the file",
                self.problems.file,
            )

    def column(self, role: str, kind: type) -> Array | None:
        """All rows of one column, and the batches given back; None where the file has none."""
        parts = self._parts.pop(role)
        if not parts:
            return None if role in ("rating", "time") else np.zeros(0, kind)
        return np.concatenate(parts)


def available_memory() -> float:
    """Bytes that this process may still take: what the machine has free, within the container's limit."""
    free = float("inf")
    meminfo, cgroup = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
    try:
        free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = float(lines["MemAvailable"].split()[0]) * 1024
        limit = (cgroup / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, float(limit) - float((cgroup / "memory.current").read_text()))
    except (OSError, KeyError, ValueError, AttributeError):
        pass
    return free


def newest(users: Array, items: Array, times: Array | None, n_items: int) -> tuple[Array, int]:
    """Rows in order of user and item, of each pair the latest (of equal times, or without times, the last in the file);
    and how many were left out.
    """
    key = users.astype(np.int64) * n_items + items
    order = np.argsort(key, kind="stable")
    key = key[order]
    last = np.concatenate([key[1:] != key[:-1], [True]]) if len(key) else np.zeros(0, bool)
    if last.all():
        return order, 0
    if times is not None:
        order = np.lexsort((times, items, users))
    return order[last], int(len(last) - last.sum())


def core(users: Array, items: Array, k: int) -> tuple[Array, int]:
    """A mask of the clicks left when users and items of fewer than k clicks are left out again and again; the rounds."""
    keep, rounds = np.ones(len(users), bool), 0
    while keep.any():
        left = keep.copy()
        for side in (users, items):
            counts = np.bincount(side[keep], minlength=int(side.max()) + 1)
            left &= counts[side] >= k
        if (left == keep).all():
            break
        keep, rounds = left, rounds + 1
    return keep, rounds


def compact(clicks: Clicks) -> Clicks:
    """The same clicks in a table of the users and items that have any."""
    parts = []
    for places, names in ((clicks.users, clicks.user_ids), (clicks.items, clicks.item_ids)):
        used = np.bincount(places, minlength=len(names)) > 0
        parts.append(((np.cumsum(used) - 1).astype(np.int32)[places], names[used]))
    (users, user_ids), (items, item_ids) = parts
    return Clicks(users, items, user_ids, item_ids, clicks.times, clicks.name)


def finish(builder: Builder, name: str) -> tuple[Clicks, Ratings | None, tuple[str, ...]]:
    """All rows as one table, each pair once, and what was done. The builder is empty afterwards."""
    user_ids, user_places = builder.users.ordered()
    item_ids, item_places = builder.items.ordered()
    users, items = user_places[builder.column("user", np.int32)], item_places[builder.column("item", np.int32)]
    values, times = builder.column("rating", np.float32), builder.column("time", np.uint32)
    order, merged = newest(users, items, times, len(item_ids))
    users, items = users[order], items[order]
    values, times = (None if column is None else column[order] for column in (values, times))
    clicks = Clicks(users, items, user_ids, item_ids, times, name)
    ratings = None
    if values is not None:
        ratings = Ratings(clicks.users, clicks.items, values, user_ids, item_ids, clicks.times, name)
    notes = []
    if merged:
        rule = "last row" if times is None else "latest time (of equal ones the last row)"
        notes.append(f"{merged:,} rows of a user and an item that stood before: the {rule} counts")
    if times is not None and len(times):
        first, last = (str(np.datetime64(int(t), "s"))[:10] for t in (times.min(), times.max()))
        odd = ": all in 1970, is the unit right?" if last < "1971" else ""
        notes.append(f"times: {cells.UNITS[builder.unit or 0]}, from {first} to {last} (UTC){odd}")
    return clicks, ratings, tuple(notes)
