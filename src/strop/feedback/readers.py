"""Who clicked what, read from the file or the table that a person has?"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from strop.errors import StropError
from strop.feedback import formats, stream
from strop.feedback.cells import Batch
from strop.feedback.columns import Wanted
from strop.feedback.delimited import Table
from strop.feedback.frames import PARQUET_MARK, Frame, Pairs, Parquet, Sparse
from strop.feedback.lists import Lists, Matrix, Objects
from strop.feedback.problems import Problems
from strop.feedback.scores import Dense, Tops, read_scores
from strop.feedback.table import Builder, compact, core, finish
from strop.feedback.titles import read_titles
from strop.records import Clicks, Ratings

__all__ = ["Dense", "Reading", "Tops", "open_table", "read", "read_scores", "read_titles"]


@dataclass(frozen=True, eq=False)
class Reading:
    """Clicks with all that a reader should know of how they were read.

    ratings: the values where there are any, before the threshold and the k-core; columns: role -> the column's name;
    notes: each thing that was told, decided, merged or dropped, one sentence each.
    """

    clicks: Clicks
    ratings: Ratings | None
    format: str
    columns: dict[str, str]
    notes: tuple[str, ...]


class Source(Protocol):
    """Where rows come from: a file of some format, or something in memory."""

    names: list[str]
    places: dict[str, int]
    notes: tuple[str]  # the format

    def batches(self, problems: Problems, *, encoding: str) -> Iterable[Batch]:
        """The rows, in batches; bad ones go to `problems`."""
        ...


def read(
    source: Any,
    *,
    format: str | None = None,
    user: str | None = None,
    item: str | None = None,
    rating: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    threshold: float | None = None,
    k_core: int = 0,
    bad_rows: Literal["refuse", "skip"] = "refuse",
) -> Clicks:
    """The clicks of a file, a folder, a frame, a sparse matrix or pairs. Arguments and errors: as `open_table`."""
    return open_table(
        source, format=format, user=user, item=item, rating=rating, time=time, separator=separator, encoding=encoding,
        threshold=threshold, k_core=k_core, bad_rows=bad_rows,
    ).clicks  # fmt: skip


def open_table(
    source: Any,
    *,
    format: str | None = None,
    user: str | None = None,
    item: str | None = None,
    rating: str | None = None,
    time: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    threshold: float | None = None,
    k_core: int = 0,
    bad_rows: Literal["refuse", "skip"] = "refuse",
) -> Reading:
    """The clicks of a file, a folder, a frame, a sparse matrix or pairs, with what was told and done on the way.

    format: a name of formats.FORMATS, told from the file where it is None; user, item, rating, time: columns by name (by
    number from 1 where the file has no header), rating and time "none" to leave them out; threshold: the least rating
    that counts as a click (None: all); k_core: users and items of fewer clicks are left out, again and again (0: none);
    bad_rows: refuse raises on the first bad row and counts the others, skip drops and counts them.
    The same table in any format and row order gives the same clicks: names are sorted, integers by value, others as text.
    Of a user and an item that stand twice the latest time counts, else the last row.
    Accepted as they are: a byte order mark, \\r\\n, blank lines, spaces around cells, quoted cells, columns in any order,
    columns that are not needed (said), a key twice in a JSON object (the last counts), gzip under any name.
    Errors: S101, S102, S301 arguments; S201 to S217 the file; S502 what does not fit into memory.
    """
    _check(threshold, k_core, bad_rows)
    wanted = Wanted(*(None if name is None else str(name) for name in (user, item, rating, time)))
    file, name = _place(source)
    try:
        origin = _source(source, format, separator, encoding, threshold, wanted)
        said = _columns(origin)
        if threshold is not None and "rating" not in said:
            raise StropError("S204", "a threshold, and no rating to hold it against", "--rating NAME", file)
        problems = Problems(file, skip=bad_rows == "skip")
        builder = Builder(problems, said)
        for batch in origin.batches(problems, encoding=encoding):
            builder.add(batch)
        dropped = problems.finish()
        if not builder.rows:
            what = "every row is bad" if dropped else "a header and no row" if said else "no row"
            raise StropError("S202", what, dropped[0] if dropped else "", file)
        clicks, ratings, done = finish(builder, name)
        clicks, chosen = _choose(clicks, ratings, threshold, k_core, builder.whole, file)
    except MemoryError:
        raise StropError("S502", "not enough memory to read it", "a machine with more, or a part of it", file) from None
    notes = (*origin.notes, *_spoken(origin, said), *dropped, *done, *chosen)
    return Reading(clicks, ratings, origin.notes[0].split(",")[0].removeprefix("format: "), said, notes)


def _check(threshold: float | None, k_core: int, bad_rows: str) -> None:
    if threshold is not None and not math.isfinite(threshold):
        raise StropError("S301", f"threshold {threshold} is not a finite number", "--threshold 4")
    if k_core < 0:
        raise StropError("S301", f"k-core {k_core} is below 0", "--k-core 5, or 0 for none")
    if bad_rows not in ("refuse", "skip"):
        raise StropError("S101", f'no way with bad rows is called "{bad_rows}"', "refuse or skip")


def _place(source: Any) -> tuple[str, str]:
    """The source's name in messages, and that of its clicks."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return str(path), path.name.split(".")[0] or path.name
    return "", "clicks"


def _source(
    source: Any, format: str | None, separator: str | None, encoding: str, threshold: float | None, wanted: Wanted
) -> Source:
    if isinstance(source, str | os.PathLike):
        with stream.reading(Path(source)):
            return _file(formats.resolve(Path(source)), format, separator, encoding, wanted)
    if hasattr(source, "tocsr"):
        return Sparse(source, threshold=threshold)
    if hasattr(source, "columns") or hasattr(source, "__arrow_c_stream__"):
        return Frame(source, wanted)
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        return Pairs(source)
    kind = type(source).__name__
    raise StropError("S208", f"clicks cannot be read from {kind}", "a path, a frame, a sparse matrix or pairs")


def _file(path: Path, format: str | None, separator: str | None, encoding: str, wanted: Wanted) -> Source:
    with path.open("rb") as raw:
        start = raw.read(4)
    if not start:
        raise StropError("S202", "the file is empty", "", str(path))
    if start == b"PK\x03\x04":
        raise StropError("S208", "a zip archive (or a spreadsheet)", "unpack it, or save it as csv", str(path))
    named = formats.SUFFIXES.get(formats.suffix(path))
    if format == "parquet" or (format is None and (start == PARQUET_MARK or named == "parquet")):
        return Parquet(path, wanted)
    lines = stream.sample(path, encoding=encoding)
    form = formats.tell(path, lines, format=format, separator=separator)
    if form.name == "jsonl":
        return Objects(path, lines, wanted)
    if form.name == "lightgcn":
        return Lists(path)
    if form.name == "matrix":
        return Matrix(path)
    return Table(path, lines, form, wanted)


def _columns(origin: Source) -> dict[str, str]:
    """Role -> the column's name; its own role where columns have no names."""
    return {role: origin.names[place] if origin.names else role for role, place in origin.places.items()}


def _spoken(origin: Source, said: dict[str, str]) -> tuple[str, ...]:
    if not origin.names:
        return ()
    told = "columns: " + ", ".join(f"{role} {name}" for role, name in said.items())
    unread = [name for place, name in enumerate(origin.names) if place not in origin.places.values()]
    more = f" and {len(unread) - 8} more" if len(unread) > 8 else ""
    return (told, "not read: " + ", ".join(unread[:8]) + more) if unread else (told,)


def _choose(
    clicks: Clicks, ratings: Ratings | None, threshold: float | None, k_core: int, whole: bool, file: str
) -> tuple[Clicks, tuple[str, ...]]:
    """The threshold and the k-core; users and items without a click left go, unless the table is `whole`. Errors: S209 where too little is left."""
    notes = []
    if threshold is not None and ratings is not None:
        all_clicks = len(clicks)
        clicks = ratings.clicks(threshold) if whole else compact(ratings.clicks(threshold))
        notes.append(f"{len(clicks):,} of {all_clicks:,} ratings are at least {threshold:g} and count as clicks")
    elif ratings is not None and len(ratings) and (ratings.values != ratings.values[0]).any():
        notes.append("every rating counts as a click; --threshold N for less")
    if k_core > 1:
        keep, rounds = core(clicks.users, clicks.items, k_core)
        left = compact(clicks.take(keep))
        gone = clicks.n_users - left.n_users, clicks.n_items - left.n_items, len(clicks) - len(left)
        notes.append(
            "{}-core: {:,} users, {:,} items and {:,} clicks left out in {} rounds".format(k_core, *gone, rounds)
        )
        clicks = left
    if clicks.n_users < 2 or clicks.n_items < 2 or not len(clicks):
        raise StropError(
            "S209",
            f"{clicks.n_users} users, {clicks.n_items} items and {len(clicks)} clicks are left",
            "at least two users and two items are needed; lower the threshold or the k-core where one is set",
            file,
        )
    return clicks, tuple(notes)
