"""What do the scores or lists of another tool say about these users and items?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError
from strop.feedback import cells, columns, formats, stream
from strop.feedback.columns import Wanted
from strop.feedback.delimited import Table
from strop.feedback.frames import Parquet
from strop.feedback.lists import BROKEN, Objects
from strop.feedback.problems import Problems
from strop.feedback.table import available_memory, positions
from strop.records import Clicks

Array = npt.NDArray[Any]
MEND = "score the users and items of this very table"


@dataclass(frozen=True, eq=False)
class Dense:
    """scores: (n_users, n_items) float32, higher is better, in the order of user_ids and item_ids; -inf is never shown."""

    scores: Array


@dataclass(frozen=True, eq=False)
class Tops:
    """items: (n_users, k) int32 positions, best first; -1 fills lists that are shorter, and users who have none."""

    items: Array


class _Row(msgspec.Struct):
    user: int | str
    items: list[int | str]


def read_scores(path: str | Path, clicks: Clicks) -> Dense | Tops:
    """The scores or top lists that any tool made for the users and items of `clicks`.

    .npy: a dense (n_users, n_items) matrix of floats -> Dense. csv, tsv, jsonl, parquet with columns user, item and score
    (or rank, 1 is best): -> Tops, best first; equal scores keep the order of the file. jsonl with {"user": .., "items":
    [best, ...]} a line -> Tops. Users who do not stand in the file get an empty list.
    Errors: S203 not a number, S212 an item twice in one list, S214 another shape, S216 a name that is not in the table.
    """
    path = Path(path)
    with stream.reading(path):
        path = formats.resolve(path)
        if path.suffix == ".npy":
            return Dense(_dense(path, clicks))
        with path.open("rb") as raw:
            if raw.read(4) == b"PAR1":
                return _ranked(lambda wanted: Parquet(path, wanted), path, clicks)
        lines = stream.sample(path, encoding="utf-8")
        form = formats.tell(path, lines, format=None, separator=None)
        if form.name == "jsonl":
            if '"items"' in lines[0]:
                return _lists(path, clicks)
            return _ranked(lambda wanted: Objects(path, lines, wanted), path, clicks)
        return _ranked(lambda wanted: Table(path, lines, form, wanted), path, clicks)


def _dense(path: Path, clicks: Clicks) -> Array:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StropError("S207", f"not a sound .npy file: {error}", "numpy.save(path, scores)", str(path)) from None
    if found.shape != (clicks.n_users, clicks.n_items) or found.dtype.kind not in "fiu":
        message = f"{found.dtype} of shape {found.shape}, not floats of ({clicks.n_users}, {clicks.n_items})"
        raise StropError("S214", message, MEND, str(path))
    _budget(found.size * 4, path)
    scores = np.array(found, np.float32)
    bad = np.isnan(scores) | (scores == np.inf)
    if bad.any():
        user, item = (int(place) for place in np.argwhere(bad)[0])
        message = f"{scores[user, item]} (also {int(bad.sum()) - 1:,} more)"
        raise StropError("S203", message, "finite numbers, or -inf for never", str(path), user + 1, str(item + 1))
    return scores


def _budget(size: int, path: Path) -> None:
    free = available_memory()
    if size > free:
        message = f"needs {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        raise StropError("S502", message, "write the best 100 items a user", str(path))


def _ranked(opened: Callable[[Wanted], Table | Objects | Parquet], path: Path, clicks: Clicks) -> Tops:
    """Lists from rows of user, item and score or rank."""
    source = opened(Wanted())
    rank = next((name for name in source.names if columns.plain(name) == "rank"), None)
    if rank is not None:
        source = opened(Wanted(rating=rank))
    if "rating" not in source.places:
        raise StropError("S204", "no column score or rank", "columns: user, item and score or rank", str(path))
    problems = Problems(str(path), skip=False)
    parts: list[tuple[Array, ...]] = []
    for batch in source.batches(problems, encoding="utf-8"):
        user = positions(cells.names(batch.user, "user", str(path)), clicks.user_ids)
        item = positions(cells.names(batch.item, "item", str(path)), clicks.item_ids)
        assert batch.rating is not None
        value, bad = cells.numbers(batch.rating)
        for role, wrong, column in (("user", user < 0, batch.user), ("item", item < 0, batch.item)):
            found = np.flatnonzero(wrong)
            if len(found):
                message = f'"{column[int(found[0])]}" is not in {clicks.name}'
                problems.add("S216", batch.rows[found], message, column=source.names[source.places[role]], help=MEND)
        if bad.any():
            shown = batch.rating.filter(pl.Series(bad))[0]
            name = source.names[source.places["rating"]]
            problems.add("S203", batch.rows[bad], f'"{shown}" is not a number', column=name, help="")
        parts.append((user, item, value if rank else -value, batch.rows))
    problems.finish()
    if not parts:
        raise StropError("S202", "a header and no row", "", str(path))
    user, item, value, row = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((np.arange(len(user)), value, user))
    return Tops(_filled(user[order], item[order], row[order], clicks, path))


def _lists(path: Path, clicks: Clicks) -> Tops:
    """Lists from one JSON object a user."""
    problems = Problems(str(path), skip=False)
    names: list[str] = []
    items: list[str] = []
    counts, rows = [], []
    decoder = msgspec.json.Decoder(_Row)
    for block in stream.blocks(path, problems, encoding="utf-8", quotes=False):
        for line, number in zip(block.data.split(b"\n")[:-1], block.rows, strict=True):
            try:
                row = decoder.decode(line)
            except BROKEN as error:
                problems.add("S205", [number], str(error), help='{"user": 7, "items": [3, 5]} a line')
                continue
            names.append(str(row.user))
            items += map(str, row.items)
            counts.append(len(row.items))
            rows.append(number)
    problems.finish()
    lines, each = np.array(rows, np.int64), np.repeat(np.array(rows, np.int64), counts)
    user, item = positions(pl.Series(names), clicks.user_ids), positions(pl.Series(items), clicks.item_ids)
    for column, places, at, text in (("user", user, lines, names), ("items", item, each, items)):
        found = np.flatnonzero(places < 0)
        if len(found):
            problems.add("S216", at[found], f'"{text[found[0]]}" is not in {clicks.name}', column=column, help=MEND)
    problems.finish()
    seen, first = np.unique(user, return_index=True)
    if len(seen) < len(user):
        again = int(np.setdiff1d(np.arange(len(user)), first)[0])
        raise StropError("S212", f'user "{names[again]}" has a second list', "", str(path), int(lines[again]), "user")
    owner = np.repeat(user, counts)
    order = np.argsort(owner, kind="stable")
    return Tops(_filled(owner[order], item[order], each[order], clicks, path))


def _filled(users: Array, items: Array, rows: Array, clicks: Clicks, path: Path) -> Array:
    """(n_users, k) lists from rows sorted by user, then best first. Errors: S212 an item twice in a list."""
    key = users * clicks.n_items + items
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    if len(again):
        later = np.maximum(rows[order[again]], rows[order[again + 1]])
        where = int(order[again[np.argmin(later)]])
        message = f'item "{clicks.item_ids[items[where]]}" stands twice for user "{clicks.user_ids[users[where]]}"'
        raise StropError("S212", message, "each item once a user", str(path), int(later.min()), "item")
    counts = np.bincount(users, minlength=clicks.n_users)
    width = int(counts.max(initial=1))
    _budget(clicks.n_users * width * 4, path)
    top = np.full((clicks.n_users, width), -1, np.int32)
    starts = np.cumsum(counts) - counts
    top[users, np.arange(len(users)) - starts[users]] = items
    return top
