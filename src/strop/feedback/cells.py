"""What do the cells of a column say: an identifier, a number, a time?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from strop.errors import StropError

Array = npt.NDArray[Any]
LONGEST_ID = 256
INTEGER = r"^(?:0|-?[1-9][0-9]{0,18})$"
HIDDEN = r"[\x00-\x1f\x7f\x{feff}]"
LAST_SECOND = 2**32  # 2106-02-07
UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds", "dates")
NOT_A_TIME, OUT_OF_RANGE = -1, -2
DATES = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True)
class Batch:
    """Some rows of a table, as they stand in the file; rows: their numbers there, from 1.

    idle_users, idle_items: names that belong to the table whether or not a row has them (empty lines, whole matrices).
    """

    user: pl.Series
    item: pl.Series
    rating: pl.Series | None
    time: pl.Series | None
    rows: Array
    share: float = 1.0
    idle_users: pl.Series | None = None
    idle_items: pl.Series | None = None


def names(column: pl.Series, role: str, file: str) -> pl.Series:
    """Identifiers as text, without spaces around them, null for none. Errors: S204 for a column that holds no names."""
    kind = column.dtype
    if kind == pl.Null:
        return column.cast(pl.String)
    if kind.is_float():
        whole = column.drop_nulls().drop_nans()
        if not ((whole == whole.floor()) & (whole.abs() < 2.0**53)).all():
            raise StropError("S204", f"the {role} column holds fractions: these name nobody", f"--{role} NAME", file)
        return column.fill_nan(None).cast(pl.Int64).cast(pl.String)
    if not (kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum)):
        raise StropError("S204", f"the {role} column is of type {kind}: not an identifier", f"--{role} NAME", file)
    text = column.cast(pl.String)
    if kind.is_integer():
        return text
    text = text.str.strip_chars()
    return text.set(text == "", None) if (text == "").any() else text


def text_of(values: list[Any]) -> pl.Series:
    """Mixed values as text: 5.0 is "5"; none, true and false are null, as they neither name nor measure."""
    text = [None if v is None or isinstance(v, bool) else _plain(v) for v in values]
    return pl.Series(text, dtype=pl.String)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def unfit(text: pl.Series) -> pl.Series:
    """Which names no other tool could read back: control characters, or longer than 256 characters."""
    return text.str.contains(HIDDEN) | (text.str.len_chars() > LONGEST_ID)


def numbers(column: pl.Series) -> tuple[Array, Array]:
    """(n,) float64 values, and a mask of those that are no finite number a float32 can hold."""
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
        column = pl.Series([None] * len(column), dtype=pl.Float64)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    values = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    with np.errstate(invalid="ignore"):
        return values, ~(np.abs(values) <= np.finfo(np.float32).max)


def times(column: pl.Series) -> tuple[Array, Array]:
    """(n,) int64 seconds since 1970 (dates are read as UTC), and (n,) int8 units: places in UNITS, or below 0 for no time."""
    if column.dtype.is_temporal():
        dates = column.cast(pl.Datetime("us"), strict=False) if column.dtype == pl.Date else column
        if not isinstance(dates.dtype, pl.Datetime):
            return np.zeros(len(column), np.int64), np.full(len(column), NOT_A_TIME, np.int8)
        return _dated(dates.dt.epoch("s"))
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    values, bad = numbers(column)
    exact = column.cast(pl.Int64, strict=False)
    whole: Array = np.where(bad, 0, values) if exact.null_count() else exact.to_numpy()
    units = np.full(len(column), OUT_OF_RANGE, np.int8)
    seconds = np.zeros(len(column), np.int64)
    for unit in (3, 2, 1, 0):
        fits = (whole >= 0) & (whole < float(LAST_SECOND) * 1000**unit)
        units[fits] = unit
        seconds[fits] = (whole[fits] // 1000**unit).astype(np.int64)
    units[bad] = NOT_A_TIME
    if column.dtype == pl.String and bad.any():
        dated, kind = _dated(_parsed(column.filter(pl.Series(bad))).dt.epoch("s"))
        seconds[bad], units[bad] = dated, kind
    return seconds, units


def _parsed(text: pl.Series) -> pl.Series:
    """ISO dates, with or without a time of day and an offset; null where a cell is none."""
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)T", "${1} ").str.replace(r" ?(Z|UTC)$", "+00:00")
    found = pl.Series([None] * len(text), dtype=pl.Datetime("us"))
    for form in DATES:
        dates = text.str.to_datetime(form, strict=False, time_unit="us")
        found = found.zip_with(found.is_not_null(), dates.dt.replace_time_zone(None))
    return found


def _dated(epoch: pl.Series) -> tuple[Array, Array]:
    """Seconds since 1970 with their unit: dates, no time, or a date outside 1970 to 2106."""
    seconds = epoch.fill_null(0).to_numpy().astype(np.int64)
    units = np.where((seconds >= 0) & (seconds < LAST_SECOND), UNITS.index("dates"), OUT_OF_RANGE)
    return seconds, np.where(epoch.is_null().to_numpy(), NOT_A_TIME, units).astype(np.int8)
