"""How does a result reach the disk whole, and come back as it was? JSON, strictly typed, written in one rename."""

import errno
import os
from dataclasses import fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from strop.errors import StropError
from strop.records import Receipt, Result

FULL = {errno.ENOSPC, errno.EDQUOT}
Curve = tuple[tuple[float | None, ...], ...]


def write(result: Result | Receipt, path: str | Path) -> Path:
    """Writes the result as indented JSON, keys in the order of the record; S900 for NaN, infinity or a strange type."""
    try:
        plain = msgspec.to_builtins(result)
    except TypeError as problem:
        raise StropError("S900", f"a result holds what JSON cannot: {problem}", "use plain numbers and text") from None
    _refuse_infinite(plain, "$")
    return write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n", path)


def read(path: str | Path) -> Result | Receipt:
    """The result or receipt in a JSON file; S201 where it cannot be read, S302 where it is damaged."""
    place = Path(path)
    try:
        data = place.read_bytes()
    except OSError as problem:
        raise StropError("S201", problem.strerror or "unreadable", "check the path", file=str(place)) from None
    try:
        return _decode(msgspec.json.decode(data))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as problem:
        reason = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise StropError(
            "S302", f"damaged result: {reason}", "make it again with the command it came from", file=str(place)
        ) from None


def write_bytes(data: bytes, path: str | Path) -> Path:
    """Puts the bytes under their name in one step, or leaves what was there; S501 disk full, S503 not writable."""
    place = Path(path)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
        _sync_folder(place.parent)
    except OSError as problem:
        if problem.errno in FULL:
            raise StropError("S501", "disk full", "make room and write again", file=str(place)) from None
        raise StropError(
            "S503", f"cannot write: {problem.strerror}", "choose another place with -o", file=str(place)
        ) from None
    finally:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return place


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _decode(plain: Any) -> Result | Receipt:
    if not isinstance(plain, dict):
        raise msgspec.ValidationError("Expected `object`")
    kind = Receipt if "claim" in plain else Result
    unknown = sorted(set(plain) - {one.name for one in fields(kind)})
    if unknown:
        raise msgspec.ValidationError(f'unknown entry "{unknown[0]}"')
    if kind is Receipt:
        return msgspec.convert(plain, Receipt)
    # A curve may hold None (no validation that epoch), which the record's annotation does not say: it is read apart.
    arms = plain.get("arms", [])
    curves = [one.pop("curve", []) for one in arms if isinstance(one, dict)] if isinstance(arms, list) else []
    result = msgspec.convert(plain, Result)
    typed = [msgspec.convert(curve, Curve) for curve in curves]
    return replace(result, arms=tuple(replace(arm, curve=curve) for arm, curve in zip(result.arms, typed, strict=True)))


def _refuse_infinite(value: Any, place: str) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise StropError("S900", f"{place} of a result is {value}", "an undefined figure is None")
    if isinstance(value, dict):
        for key, one in value.items():
            _refuse_infinite(one, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            _refuse_infinite(one, f"{place}[{index}]")
