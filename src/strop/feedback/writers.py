"""In which files do other tools find these clicks, this split, these weights?"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError, suggestion
from strop.feedback.table import positions
from strop.records import Clicks, Split

Array = npt.NDArray[Any]
PARTS = ("train", "validation", "test")
MANIFEST, TABLE = "split.json", "names.json"
# RecBole looks for these names: benchmark_filename = [train, valid, test]
ATOMIC = {"train": "train", "validation": "valid", "test": "test"}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when all went well and removed otherwise.

    Errors: S501 disk full, S503 not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        code, what = ("S501", "the disk is full") if full else ("S503", f"cannot be written: {error.strerror or error}")
        raise StropError(code, what, "make room, or choose another place", str(path)) from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def frame(clicks: Clicks) -> pl.DataFrame:
    """The clicks by name: user, item and, where there are times, time in seconds."""
    columns = {"user": _named(clicks.user_ids, clicks.users), "item": _named(clicks.item_ids, clicks.items)}
    if clicks.times is not None:
        columns["time"] = pl.Series(clicks.times)
    return pl.DataFrame(columns)


def _named(ids: Array, places: Array) -> pl.Series:
    names = pl.Series(ids.tolist(), dtype=pl.Int64 if ids.dtype.kind in "iu" else pl.String)
    return names.gather(pl.Series(places))


def _write(table: pl.DataFrame, path: Path) -> None:
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".parquet"):
        raise StropError(
            "S208", f'no format is known for "{kind}"', "end the name in .csv, .tsv or .parquet", str(path)
        )
    with replacing(path) as temporary:
        if kind == ".parquet":
            table.write_parquet(temporary)
        else:
            table.write_csv(temporary, separator="\t" if kind == ".tsv" else ",")


def write_clicks(clicks: Clicks, path: str | Path) -> None:
    """user, item and time (where there are times) as csv, tsv or parquet, by the suffix. Errors: S208, S501, S503."""
    _write(frame(clicks), Path(path))


def write_weights(clicks: Clicks, weights: Array, path: str | Path) -> None:
    """user, item and weight as csv, tsv or parquet; weights: (n,) in [0, inf), in the order of the clicks.

    Errors: S208 suffix, S211 a weight out of range, S214 lengths differ, S501, S503.
    """
    weights = np.asarray(weights)
    if weights.shape != (len(clicks),):
        raise StropError("S214", f"weights of shape {weights.shape} for {len(clicks)} clicks", "one weight a click")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise StropError(
            "S211", f"weight {weights[bad[0]]} is not in [0, inf)", "", clicks.name, int(bad[0]) + 1, "weight"
        )
    _write(frame(clicks).select("user", "item").with_columns(weight=pl.Series(weights)), Path(path))


def write_checks(clicks: Clicks, rows: Array, path: str | Path, *, doubt: Array | None = None) -> None:
    """user, item and an empty column `false` for these rows, in this order, for somebody to fill in; csv, tsv or parquet.

    doubt: (n,) of all clicks, written beside them. Errors: S208 suffix, S501, S503.
    """
    table = frame(clicks).select("user", "item")[rows]
    if doubt is not None:
        table = table.with_columns(doubt=pl.Series(doubt[rows]))
    _write(table.with_columns(pl.lit(None, pl.Int8).alias("false")), Path(path))


def write_split(split: Split, folder: str | Path, *, format: Literal["tsv", "recbole", "lightgcn"] = "tsv") -> None:
    """The parts of a split by their original names, so that other tools use the same one, and split.json about them.

    tsv: train.tsv, validation.tsv, test.tsv with a header; recbole: NAME.train.inter, NAME.valid.inter, NAME.test.inter
    (benchmark_filename: [train, valid, test]); lightgcn: train.txt, validation.txt, test.txt of positions, user_list.txt
    and item_list.txt of names; it keeps no times.
    Errors: S102 another format, S211 a name that the format cannot hold, S501, S503, S702 the folder is not empty.
    """
    folder = Path(folder)
    writers: dict[str, Callable[[Clicks, Path, str], None]] = {"tsv": _tsv, "recbole": _recbole, "lightgcn": _lightgcn}
    if format not in writers:
        raise StropError("S102", f'no format "{format}"{suggestion(format, list(writers))}', ", ".join(writers))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StropError("S702", "it exists and is not empty", "choose another folder", str(folder))
    with replacing(folder) as temporary:
        temporary.mkdir()
        parts = {name: part for name in PARTS if (part := getattr(split, name)) is not None}
        for name, part in parts.items():
            writers[format](part, temporary, name)
        if format == "lightgcn":
            _lists(split.train, temporary)
        names = {"user": split.train.user_ids.tolist(), "item": split.train.item_ids.tolist()}
        (temporary / TABLE).write_text(json.dumps(names) + "\n")
        (temporary / MANIFEST).write_text(json.dumps(_manifest(split, parts, format), indent=1) + "\n")


def _manifest(split: Split, parts: dict[str, Clicks], format: str) -> dict[str, Any]:
    return {
        "kind": split.kind,
        "seed": split.seed,
        "notes": list(split.notes),
        "name": split.train.name,
        "format": format,
        "checksums": {name: _checksum(part, format) for name, part in parts.items()},
    }


def _checksum(part: Clicks, format: str) -> str:
    return (replace(part, times=None) if format == "lightgcn" else part).checksum


def _tsv(part: Clicks, folder: Path, name: str) -> None:
    frame(part).write_csv(folder / f"{name}.tsv", separator="\t")


def _recbole(part: Clicks, folder: Path, name: str) -> None:
    table = frame(part)
    for side in ("user", "item"):
        if table[side].dtype == pl.String:
            _check_names(table[side], r'[\t\n\r"]', side)
    header = {"user": "user_id:token", "item": "item_id:token", "time": "timestamp:float"}
    table = table.rename({old: new for old, new in header.items() if old in table.columns})
    table.write_csv(folder / f"{part.name}.{ATOMIC[name]}.inter", separator="\t", quote_style="never")


def _check_names(names: pl.Series, pattern: str, side: str) -> None:
    bad = names.filter(names.str.contains(pattern))
    if len(bad):
        raise StropError("S211", f"{side} {bad[0]!r} holds a sign that this format cannot hold", "--format tsv")


def _lightgcn(part: Clicks, folder: Path, name: str) -> None:
    with (folder / f"{name}.txt").open("w") as file:
        for user in range(part.n_users):
            file.write(" ".join(map(str, (user, *part.items_of(user).tolist()))) + "\n")


def _lists(table: Clicks, folder: Path) -> None:
    for side, ids in (("user", table.user_ids), ("item", table.item_ids)):
        if ids.dtype.kind not in "iu":
            _check_names(pl.Series(ids.tolist()), r"[\n\r]", side)
        lines = [f"{name} {place}\n" for place, name in enumerate(ids.tolist())]
        (folder / f"{side}_list.txt").write_text("org_id remap_id\n" + "".join(lines), encoding="utf-8")


def read_split(folder: str | Path) -> Split:
    """The split that `write_split` wrote. Errors: S201 no such split, S207 damaged, S217 a part was changed since."""
    folder = Path(folder)
    try:
        about, names = (json.loads((folder / file).read_text()) for file in (MANIFEST, TABLE))
        ids = {side: np.array(names[side]) for side in ("user", "item")}
        parts = {name: _part(folder, about, name, ids) for name in about["checksums"]}
        for name, part in parts.items():
            if part.checksum != about["checksums"][name]:
                raise StropError(
                    "S217", f"the {name} part was changed since it was written", "split again", str(folder)
                )
        return Split(
            parts["train"], parts["validation"], parts.get("test"), about["kind"], about["seed"], tuple(about["notes"])
        )
    except OSError as error:
        raise StropError("S201", f"no split that strop wrote: {error}", "write_split writes one", str(folder)) from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, pl.exceptions.PolarsError) as error:
        raise StropError("S207", f"a damaged split: {error!r}", "split again", str(folder)) from None


def _part(folder: Path, about: dict[str, Any], name: str, ids: dict[str, Array]) -> Clicks:
    if about["format"] == "lightgcn":
        lines = (folder / f"{name}.txt").read_text().splitlines()
        rows = [[int(word) for word in line.split()] for line in lines]
        pairs = np.array([(row[0], item) for row in rows for item in row[1:]], np.int64).reshape(-1, 2)
        return Clicks(pairs[:, 0], pairs[:, 1], ids["user"], ids["item"], None, about["name"])
    tsv = about["format"] == "tsv"
    file = folder / (f"{name}.tsv" if tsv else f"{about['name']}.{ATOMIC[name]}.inter")
    part = pl.read_csv(file, separator="\t", infer_schema=False, quote_char='"' if tsv else None, glob=False)
    users, items = (positions(part.to_series(place), ids[side]) for place, side in enumerate(("user", "item")))
    times = part.to_series(2).cast(pl.UInt32).to_numpy() if part.width > 2 else None
    return Clicks(users, items, ids["user"], ids["item"], times, about["name"])
