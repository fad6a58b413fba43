"""How does a file come to be whole or not there at all? It is written to a temporary name, synced, and renamed."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from strop.errors import StropError

JSON = Any  # None, bool, int, finite float, str, lists and text-keyed dicts of these

TEMPORARY = ".tmp-"  # what begins so in a folder whose lock one holds was left by a killed process

# Every call that changes the disk, so that a test can make the n-th of them fail, or kill the process there.
calls = SimpleNamespace(
    mkdir=os.mkdir,
    open=os.open,
    write=os.write,
    fsync=os.fsync,
    rename=os.replace,
    unlink=os.unlink,
    rmdir=os.rmdir,
)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file, or leaves the old one as it is. Errors: S501, S503."""
    path = Path(path)
    temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}"
    with writing(path), removed_on_error(temporary):
        write_file(temporary, data)
        calls.rename(temporary, path)
        sync_folder(path.parent)


def write_json(path: Path, value: JSON) -> None:
    """Writes a value that `read_json` gives back (tuples come back as lists), or leaves the old file as it is.

    Errors: S501, S503; ValueError for NaN and infinite numbers, TypeError for what JSON lacks: bugs of the caller.
    """
    write_bytes(path, (text(value, indent=1) + "\n").encode())


def read_json(path: Path) -> JSON:
    """The value in a JSON file. Errors: S201 unreadable; S302 no JSON, a name that stands twice, NaN or infinity."""
    data = read_bytes(path)
    try:
        return parse(data)
    except ValueError as reason:
        help = "it was cut short or edited; put the original back"
        raise StropError("S302", f"damaged JSON: {reason}", help, str(path)) from None


def read_bytes(path: Path) -> bytes:
    """A whole file. Errors: S201."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StropError("S201", f"cannot be read: {error.strerror}", "check the path", str(path)) from None


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Tells what the system refuses inside as S501 (no room) or S503 (anything else)."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
        code, help = (
            ("S501", "make room on that disk; what was saved before is intact")
            if full
            else ("S503", "choose a folder that you may write to")
        )
        raise StropError(code, f"could not be written: {error.strerror}", help, str(place)) from error


@contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Leaves nothing at `path`, a temporary file or folder, when the work inside fails or is interrupted."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            remove(path)
        raise


def write_file(path: Path, data: bytes) -> None:
    """Writes a new file and syncs it; OSError."""
    descriptor = calls.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[calls.write(descriptor, rest) :]
        calls.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder outlast a power cut; OSError."""
    descriptor = calls.open(path, os.O_RDONLY)
    try:
        calls.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file, or a folder and what is in it; OSError."""
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            remove(inside)
        calls.rmdir(path)
    else:
        calls.unlink(path)


def text(value: JSON, *, indent: int | None = None) -> str:
    """JSON in ASCII; TypeError or ValueError for what would not come back equal."""
    _check_names(value)
    return json.dumps(value, indent=indent, allow_nan=False)


def _check_names(value: JSON) -> None:
    if isinstance(value, dict):
        for name, inside in value.items():
            if not isinstance(name, str):
                raise TypeError(f"the name {name!r} is not text: JSON would give it back as text")
            _check_names(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            _check_names(inside)


def parse(data: bytes) -> JSON:
    """The value that JSON stands for; ValueError also for a name that stands twice, NaN, infinity and endless nesting."""
    try:
        return json.loads(
            data.decode(), object_pairs_hook=_each_once, parse_constant=_finite_number, parse_float=_finite_number
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _each_once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands twice")
    return value


def _finite_number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is not a finite number")
    return number


def sealed(body: dict[str, JSON]) -> str:
    """JSON that carries the sha256 of its own values, so that one changed digit is seen."""
    return text(body | {"seal": hashlib.sha256(text(body).encode()).hexdigest()})


def unsealed(data: bytes, kinds: dict[str, type]) -> dict[str, Any]:
    """What `sealed` wrote, with exactly these names and kinds of value; ValueError says what is wrong."""
    body = parse(data)
    if not isinstance(body, dict) or set(body) != {*kinds, "seal"}:
        raise ValueError(f"expected {', '.join(kinds)} and seal")
    seal = body.pop("seal")
    for name, kind in kinds.items():
        if type(body[name]) is not kind:
            raise ValueError(f"{name} is of the wrong kind")
    if hashlib.sha256(text(body).encode()).hexdigest() != seal:
        raise ValueError("it differs from its seal")
    return body
