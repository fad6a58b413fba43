"""What rows of long text does a file or a table in memory hold, exactly as they stand there, blank lines and all?"""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError, suggestion
from strop.feedback import formats, frames, stream
from strop.feedback.delimited import RAGGED_HELP, STRAY, STRAY_HELP
from strop.feedback.lists import BROKEN
from strop.feedback.problems import Problems

Array = npt.NDArray[Any]
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
LONGEST_CELL = 1 << 30
FIRST_LINES = 50  # in which the names of a nested file are looked for
LINE_HELP = "each line is one JSON object, whole"
CUT_HELP = "the line ends early: write the file again, or leave the line out: --bad-rows skip"


@dataclass(frozen=True, eq=False)
class Rows:
    """A table as it stands; column(name) lists its values; rows: (n,) the file's line of each, from 1."""

    format: str
    names: list[str]
    rows: Array
    column: Callable[[str], list[Any]]


def load(source: Any, *, format: str | None, separator: str | None, encoding: str, problems: Problems) -> Rows:
    """The rows of a path, a pandas, polars or Arrow table, a datasets.Dataset, or a list of dicts.

    A JSON array counts its elements by the line each begins in. Errors: S101, S102 arguments; S201, S202, S205 to S208.
    """
    if format is not None and format not in FORMATS:
        raise StropError("S102", f'no format "{format}"{suggestion(format, list(FORMATS))}', ", ".join(FORMATS))
    if isinstance(source, str | os.PathLike):
        with stream.reading(Path(source)):
            path = formats.resolve(Path(source))
            found = _file(path, format, separator, encoding, problems)
    else:
        found = _memory(source, problems)
    if not len(found.rows):
        dropped = problems.finish()
        what = "every row is bad" if dropped else "a header and no row" if found.names else "no row"
        raise StropError("S202", what, dropped[0] if dropped else "", problems.file)
    twice = sorted({name for name in found.names if found.names.count(name) > 1})
    if twice:
        raise StropError("S204", f'two columns are called "{twice[0]}"', "rename one", problems.file, column=twice[0])
    return found


def _file(path: Path, format: str | None, separator: str | None, encoding: str, problems: Problems) -> Rows:
    with path.open("rb") as raw:
        start = raw.read(4)
    if start == b"PK\x03\x04":
        raise StropError("S208", "a zip archive (or a spreadsheet)", "unpack it, or save it as csv", str(path))
    named = formats.suffix(path)
    if format == "parquet" or (format is None and (start == frames.PARQUET_MARK or named in (".parquet", ".pq"))):
        return _parquet(path)
    first = stream.sample(path, encoding=encoding)[0].lstrip()
    if format is None:
        format = {"[": "json", "{": "jsonl"}.get(first[:1]) or {".tsv": "tsv", ".tab": "tsv"}.get(named, "csv")
    if format == "jsonl":
        return _lines(path, encoding, problems)
    if format == "json":
        return _array(path, encoding, problems)
    form = formats.tell(path, [first], format=format, separator=separator)
    if len(form.separator) != 1:
        raise StropError("S101", f"{form.separator!r} cannot part cells", "one letter, such as ',' ';' or a tab")
    return _table(path, form.name, form.separator, encoding, problems)


def first_names(path: Path, *, encoding: str) -> list[str]:
    """The columns' names, by the first lines of a file alone; of nested objects too. Errors: S201, S206, S207."""
    with stream.reading(path):
        with path.open("rb") as raw:
            start = raw.read(4)
        if start == frames.PARQUET_MARK:
            with frames.told_damage(path):
                return pl.scan_parquet(path, glob=False).collect_schema().names()
        if start == b"PK\x03\x04":
            return []
        lines = stream.sample(path, encoding=encoding)
    first = lines[0].lstrip()
    if first[:1] in ("[", "{"):  # an object may be written over many lines
        return list(dict.fromkeys(re.findall(r'"([^"\\]{1,40})"\s*:', "\n".join(lines[:FIRST_LINES]))))
    return [name.strip(' "') for name in re.split("[,;\t]", first)]


def _parquet(path: Path) -> Rows:
    with frames.told_damage(path):
        frame = pl.scan_parquet(path, glob=False)
        names = frame.collect_schema().names()
        size = int(frame.select(pl.len()).collect().item())

    def column(name: str) -> list[Any]:
        with frames.told_damage(path):
            return frame.select(name).collect().to_series().to_list()

    return Rows("parquet", names, np.arange(1, size + 1), column)


def _text(path: Path, encoding: str) -> str:
    """The whole file as text, line ends untouched. Errors: S206 with the line that is none."""
    name = stream.check_encoding(encoding)
    with stream.unpacked(path) as (file, _):
        data = file.read()
    try:
        return data.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        bad = data[error.start]
        help = "--encoding latin-1 (or utf-16, cp1252, ...), if it is that"
        raise StropError("S206", f"byte 0x{bad:02x} is not {encoding}", help, str(path), row) from None


def _table(path: Path, format: str, mark: str, encoding: str, problems: Problems) -> Rows:
    """Cells as the csv rules have them: a quoted one may hold line ends, blank lines too."""
    reader = csv.reader(io.StringIO(_text(path, encoding), newline=""), delimiter=mark, strict=True)
    held = csv.field_size_limit(LONGEST_CELL)  # the usual 128 KB is the module's own guard, not the data's
    names: list[str] = []
    kept, rows, start = [], [], 1
    try:
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if "end of data" in str(error):
                    raise StropError("S205", "a quote is not closed", STRAY_HELP, str(path), start) from None
                problems.add("S205", [start], STRAY, help=STRAY_HELP, kind="quote")
                cells = []
            if cells and not names:
                names = [cell.strip() for cell in cells]
            elif cells and len(cells) != len(names):
                message = f"{len(cells)} cells where the header has {len(names)}"
                problems.add("S205", [start], message, help=RAGGED_HELP, kind="ragged")
            elif cells:
                kept.append(cells)
                rows.append(start)
            start = reader.line_num + 1
    finally:
        csv.field_size_limit(held)
    return Rows(format, names, np.array(rows, np.int64), lambda name: [row[names.index(name)] for row in kept])


def _lines(path: Path, encoding: str, problems: Problems) -> Rows:
    found, rows = [], []
    for block in stream.blocks(path, problems, encoding=encoding, quotes=False):
        for line, row in zip(block.data.split(b"\n")[:-1], block.rows, strict=True):
            if _object(line, int(row), found, problems):
                rows.append(int(row))
    return _of_dicts("jsonl", found, rows)


def _object(line: bytes | msgspec.Raw, row: int, found: list[dict[str, Any]], problems: Problems) -> bool:
    """Whether the line is an object, which joins `found`; else it goes to `problems`: S207 half of one, S205 none."""
    try:
        found.append(msgspec.json.decode(line, type=dict[str, Any]))
        return True
    except BROKEN as error:
        told = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        half = "truncated" in told
        message = "half a line of JSON" if half else f"not a JSON object: {told}"
        problems.add("S207" if half else "S205", [row], message, help=CUT_HELP if half else LINE_HELP)
        return False


def _array(path: Path, encoding: str, problems: Problems) -> Rows:
    data = _text(path, encoding).encode()
    try:
        parts = msgspec.json.decode(data, type=list[msgspec.Raw])
    except BROKEN as error:
        byte = re.search(r"\(byte (\d+)\)", str(error))
        row = data.count(b"\n", 0, int(byte[1]) if byte else len(data)) + 1
        help = "write the file again, or one object a line (.jsonl)"
        raise StropError("S207", f"not a whole JSON array: {error}", help, str(path), row) from None
    found, rows, row, before = [], [], 1, 0
    for part in parts:
        text = bytes(part)
        place = data.index(text, before)
        row, before = row + data.count(b"\n", before, place), place
        if _object(text, row, found, problems):
            rows.append(row)
        row, before = row + text.count(b"\n"), place + len(text)
    return _of_dicts("json", found, rows)


def _of_dicts(format: str, found: list[dict[str, Any]], rows: list[int]) -> Rows:
    names = list(dict.fromkeys(name for row in found for name in row))
    return Rows(format, names, np.array(rows, np.int64), lambda name: [row.get(name) for row in found])


def _memory(source: Any, problems: Problems) -> Rows:
    if isinstance(source, dict):
        raise StropError("S208", "a dict of tables: which one?", 'such as data["train"]')
    if isinstance(source, pl.DataFrame):
        return Rows("frame", source.columns, np.arange(1, len(source) + 1), lambda name: source[name].to_list())
    if hasattr(source, "iloc"):
        names = [str(name) for name in source.columns]
        return Rows(
            "frame",
            names,
            np.arange(1, len(source) + 1),
            lambda name: [_bare(value) for value in source.iloc[:, names.index(name)].tolist()],
        )
    if hasattr(source, "to_pandas"):
        return _memory(source.to_pandas(), problems)
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        found, rows = [], []
        for row, value in enumerate(source, start=1):
            if isinstance(value, dict):
                found.append(value)
                rows.append(row)
            else:
                problems.add("S205", [row], f"{value!r:.60} is not a dict", help="a dict a pair: prompt, chosen, ...")
        return _of_dicts("list", found, rows)
    kind = type(source).__name__
    raise StropError("S208", f"pairs cannot be read from {kind}", "a path, a frame or a list of dicts")


def _bare(value: Any) -> Any:
    """A pandas cell as a plain value: arrays are lists, NaN and NA are None."""
    if isinstance(value, np.ndarray):
        return [_bare(one) for one in value.tolist()]
    gap = isinstance(value, float) and value != value
    return None if gap or type(value).__name__ in ("NAType", "NaTType") else value
