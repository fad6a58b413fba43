"""In which format is this file, told from its name and its first lines?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.errors import StropError, suggestion
from strop.feedback.columns import MOST

FORMATS = {
    "csv": "one row a line, cells parted by a comma (or ; | tab), may be quoted",
    "tsv": "one row a line, cells parted by tabs, may be quoted",
    "movielens": "u.data (tabs) or ratings.dat (::): user, item, rating, time; no header",
    "recbole": "atomic file: tabs, header with types (user_id:token)",
    "lightgcn": "a user and then all its items in each line",
    "matrix": "a line a user, a number an item, 0 for none",
    "jsonl": "one JSON object a line",
    "parquet": "Apache Parquet",
}
SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".inter": "recbole", ".ascii": "matrix", ".dat": "movielens",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet", ".data": "movielens", ".txt": "",
}  # fmt: skip
TYPES = ("token", "token_seq", "float", "float_seq")
# In a folder, the file that holds the clicks of a known data set.
KNOWN = ("u.data", "ratings.dat", "ratings.csv", "train.ascii")


@dataclass(frozen=True)
class Form:
    """A format and, for tables of text, what parts their cells and whether cells may be quoted."""

    name: str
    separator: str = ""
    quotes: bool = False

    def spoken(self) -> str:
        """How the format is said aloud."""
        mark = {"\t": "tabs", " ": "spaces"}.get(self.separator, f'"{self.separator}"')
        return f"format: {self.name}" + (f", parted by {mark}" if self.separator else "")


def suffix(path: Path) -> str:
    """The file's suffix in lower case, that of what is inside for .gz."""
    parts = [s.lower() for s in path.suffixes]
    return (parts[:-1] if parts[-1:] == [".gz"] else parts or [""])[-1:][0] if parts != [".gz"] else ""


def resolve(path: Path) -> Path:
    """The file itself, or the one recognised file in a folder. Errors: S201."""
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise StropError("S201", "not a regular file", "save it to a file first", str(path))
        if not path.exists() and path.parent.is_dir():
            near = suggestion(path.name, [p.name for p in path.parent.iterdir()][:1000])
            raise StropError("S201", f"no such file{near}", "check the path", str(path))
        return path
    files = [p for p in sorted(path.iterdir()) if p.is_file()]
    known = [p for name in KNOWN for p in files if p.name == name]
    found = known or [p for p in files if suffix(p) == ".inter"] or [p for p in files if SUFFIXES.get(suffix(p))]
    if len(found) == 1 or known:
        return found[0]
    what = "no file that looks like clicks" if not found else f"{len(found)} files that look like clicks"
    listed = ", ".join(p.name for p in found[:5])
    raise StropError("S201", f"a folder with {what}", f"name one file: {listed}" if found else "", str(path))


def tell(path: Path, lines: Sequence[str], *, format: str | None, separator: str | None) -> Form:
    """The format of a text file. Errors: S102 unknown name, S208 with a question where it cannot be told."""
    if format is not None and format not in FORMATS:
        raise StropError("S102", f'no format "{format}"{suggestion(format, list(FORMATS))}', ", ".join(FORMATS))
    if separator is not None:
        if not separator or any(mark in separator for mark in '\n\r"'):
            raise StropError("S101", f"{separator!r} cannot part cells", "such as ',' ';' '|' or a tab")
        return Form(format or "csv", separator, quotes=len(separator) == 1 and format not in ("movielens", "recbole"))
    first = lines[0]
    if format is None and first.lstrip().startswith("["):
        raise StropError("S208", "is it one JSON array?", "write one object a line: --format jsonl", str(path), 1)
    name = format or _by_look(path, lines)
    if name in ("csv", "tsv"):
        mark = "\t" if name == "tsv" else _separator(path, lines)
        return Form("tsv" if mark == "\t" else name, mark, quotes=True)
    if name == "movielens":
        return Form(name, "::" if "::" in first else "\t")
    return Form(name, "\t" if name == "recbole" else "")


def _by_look(path: Path, lines: Sequence[str]) -> str:
    first, named = lines[0], SUFFIXES.get(suffix(path), "")
    if first.lstrip().startswith("{"):
        return "jsonl"
    if is_typed(first.split("\t")):
        return "recbole"
    if re.match(r"^[^:]+::[^:]+::", first):
        return "movielens"
    if named in ("recbole", "jsonl", "matrix", "csv", "tsv"):
        return named
    if path.name.startswith("u.data") or (named == "movielens" and re.match(r"^\d+\t\d+\t", first)):
        return "movielens"
    if any(mark in first for mark in ",\t;|"):
        return "csv"
    return _by_widths(path, lines)


def _by_widths(path: Path, lines: Sequence[str]) -> str:
    """Lines parted by spaces only: LightGCN's lists, a table, or a matrix."""
    widths = {len(line.split()) for line in lines}
    if len(widths) == 1 and max(widths) == 1:
        raise StropError("S208", "one column only: where are user and item?", "--format, --separator", str(path), 1)
    digits = [line.replace(" ", "").isdigit() for line in lines]
    if len(widths) > 1 and sum(digits) >= MOST * len(lines):
        return "lightgcn"
    if len(widths) == 1 and not digits[0]:
        return "csv"
    width = max(widths)
    raise StropError(
        "S208",
        f"lines of {width} words parted by spaces: is it a table, a user and its items, or a matrix?",
        "--separator ' ' for a table (user item rating), --format lightgcn for a user and its items, --format matrix",
        str(path),
        1,
    )


def _separator(path: Path, lines: Sequence[str]) -> str:
    """What parts the cells: the usual mark that stands equally often in most lines."""
    marks = [mark for mark in ",\t;|" if mark in lines[0]]
    if not marks:
        if " " in lines[0].strip():
            return " "
        raise StropError(
            "S208", "one column only: what parts the cells?", "--separator ';' (or another mark)", str(path), 1
        )
    if len(marks) > 1:
        counts = {mark: lines[0].count(mark) for mark in marks}
        even = {mark: sum(line.count(mark) == counts[mark] for line in lines) for mark in marks}
        best = max(even.values())
        marks = [mark for mark in marks if even[mark] == best]
    usual = {"csv": ",", "tsv": "\t"}.get(SUFFIXES.get(suffix(path), ""), "")
    if len(marks) > 1 and usual not in marks:
        which = " or ".join(repr(mark) for mark in marks)
        raise StropError("S208", f"are the cells parted by {which}?", f"--separator {marks[0]!r}", str(path), 1)
    return usual if usual in marks else marks[0]


def is_typed(cells: Sequence[str]) -> bool:
    """Whether these cells are a RecBole header: name:type in each."""
    return len(cells) > 1 and all(":" in cell for cell in cells) and any(c.rsplit(":")[-1] in TYPES for c in cells)


def untyped(cells: Sequence[str], file: str) -> list[str]:
    """The names of a RecBole header without their types. Errors: S204 for a header without types or an unknown one."""
    names = []
    for cell in cells:
        name, colon, kind = cell.partition(":")
        if not colon or kind not in TYPES:
            what = f'"{cell}" has no known type{suggestion(kind, list(TYPES))}'
            raise StropError("S204", what, "write name:type with one of " + ", ".join(TYPES), file, 1, cell)
        names.append(name)
    return names
