"""How is a file cut into blocks of whole lines, and which of its bytes are no text?"""

import codecs
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.feedback.problems import Problems

BLOCK = 8 << 20  # bytes read at once
LONGEST = 16 << 20  # bytes a line may have
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Block:
    """Whole lines of valid UTF-8 with "\\n" ends, none blank; rows: (lines,) their numbers in the file, from 1.

    share: how much of the file has been read with it, in (0, 1].
    """

    data: bytes
    rows: npt.NDArray[Any]
    share: float


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what the system says of an unreadable file into S201, and what gzip says into S207."""
    try:
        yield
    except FileNotFoundError:
        raise StropError("S201", "no such file", "check the path", str(path)) from None
    except PermissionError:
        raise StropError("S201", "you may not read this file", f"chmod u+r {path}", str(path)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StropError("S207", f"damaged gzip file: {error}", "fetch the file again", str(path)) from None
    except OSError as error:
        raise StropError("S201", f"cannot be read: {error.strerror or error}", "", str(path)) from None


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], float]]]:
    """The bytes of a file, gzip or not, and a function that says what share of it has been read."""
    with path.open("rb") as raw:
        size = max(1, os.fstat(raw.fileno()).st_size)
        packed = raw.read(2) == GZIP
        raw.seek(0)
        share = lambda: min(1.0, max(raw.tell(), 1) / size)  # noqa: E731
        if packed:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, share  # type: ignore[misc]
        else:
            yield raw, share


def check_encoding(encoding: str) -> str:
    """The encoding's usual name. Errors: S101 where Python knows no such encoding of text."""
    try:
        b"text".decode(encoding, "ignore")
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise StropError("S101", f'no encoding "{encoding}"', "such as utf-8, latin-1, utf-16, cp1252") from None


def _refuse_other_text(start: bytes, path: Path) -> None:
    """S206 for the first bytes of a file that is UTF-16, UTF-32 or no text at all."""
    wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if wide or start[:1000].count(0) > len(start[:1000]) // 5:
        raise StropError(
            "S206", "not UTF-8: UTF-16, or no text at all", "--encoding utf-16, if it is that", str(path), 1
        )


def _chunks(path: Path, encoding: str) -> Iterator[tuple[bytes, float]]:
    """The file as UTF-8 bytes with "\\n" line ends (a "\\r" before it is dropped), and the share read."""
    name = check_encoding(encoding)
    decoder = None if name == "utf-8" else codecs.getincrementaldecoder(name)()
    held, row, started = b"", 1, False
    with unpacked(path) as (stream, share):
        while True:
            part = stream.read(BLOCK)
            last = not part
            if not started:
                started = True
                if decoder is None:
                    part = part.removeprefix(codecs.BOM_UTF8)
                    _refuse_other_text(part, path)
            if decoder is not None:
                try:
                    part = decoder.decode(part, final=last).encode()
                except (UnicodeError, ValueError) as error:
                    before = bytes(getattr(error, "object", b""))[: getattr(error, "start", 0)]
                    row += before.decode(encoding, "ignore").count("\n")
                    raise StropError("S206", f"not {encoding}: {error}", "--encoding NAME", str(path), row) from None
            part = held + part
            held = b"\r" if part.endswith(b"\r") and not last else b""
            part = part[: len(part) - len(held)].replace(b"\r\n", b"\n")
            row += part.count(b"\n") if decoder else 0
            if part:
                yield part, share()
            if last:
                return


def last_end(data: bytes, *, quotes: bool) -> int:
    """The length of the whole records in `data`: up to the last line end that is not inside quotes; 0 for none."""
    if not quotes or b'"' not in data:
        return data.rfind(b"\n") + 1
    letters = np.frombuffer(data, np.uint8)
    ends, marks = np.flatnonzero(letters == 10), np.flatnonzero(letters == 34)
    outside = ends[np.searchsorted(marks, ends) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _trouble(line: bytes) -> tuple[str, str, str] | None:
    """(code, what is wrong with a line, what mends it), or None."""
    if b"\0" in line:
        return "S206", "a NUL byte: not a text file, or damaged", "convert the file to UTF-8"
    if b"\r" in line:
        return "S205", "a carriage return inside the line", "end lines with \\n or \\r\\n"
    try:
        line.decode()
    except UnicodeDecodeError as error:
        bad = line[error.start]
        return "S206", f"byte 0x{bad:02x} is not UTF-8", "--encoding latin-1 (or utf-16, cp1252, ...), if it is that"
    return None


def _is_clean(data: bytes) -> bool:
    if b"\0" in data or b"\r" in data or b"\n\n" in data or data.startswith(b"\n"):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _clean(data: bytes, row: int, share: float, problems: Problems) -> Block:
    """A block without blank lines and without lines that are no text: these go to `problems`."""
    if _is_clean(data):
        return Block(data, np.arange(row, row + data.count(b"\n")), share)
    kept, rows = [], []
    for number, line in enumerate(data.split(b"\n")[:-1], start=row):
        trouble = _trouble(line) if line else None
        if trouble:
            code, message, help = trouble
            problems.add(code, [number], message, help=help, kind=message.split(":")[0][:12])
        elif line:
            kept.append(line)
            rows.append(number)
    return Block(b"".join(line + b"\n" for line in kept), np.array(rows, np.int64), share)


def blocks(path: Path, problems: Problems, *, encoding: str, quotes: bool) -> Iterator[Block]:
    """The file in blocks of some megabytes, cut at line ends (outside quotes, where cells may be quoted).

    Errors: S201 unreadable, S205 a line without end, S206 not text, S207 damaged gzip.
    """
    carry, row = b"", 1
    with reading(path):
        for part, share in _chunks(path, encoding):
            data = carry + part
            cut = last_end(data, quotes=quotes)
            if len(data) - cut > LONGEST:
                cut = max(cut, data.rfind(b"\n") + 1)
                if len(data) - cut > LONGEST:
                    row += data.count(b"\n")
                    raise StropError("S205", f"a line longer than {LONGEST >> 20} MB", "", str(path), row)
            carry = data[cut:]
            if cut:
                yield _clean(data[:cut], row, share, problems)
                row += data.count(b"\n", 0, cut)
        if carry:
            yield _clean(carry if carry.endswith(b"\n") else carry + b"\n", row, 1.0, problems)


def sample(path: Path, *, encoding: str, size: int = 1 << 16) -> list[str]:
    """The first lines of a file, none blank, as they look: what its format is told from. Errors: S202 for none."""
    with reading(path), unpacked(path) as (stream, _):
        start = stream.read(size)
        whole = not stream.read(1)
    if check_encoding(encoding) == "utf-8":
        start = start.removeprefix(codecs.BOM_UTF8)
        _refuse_other_text(start, path)
    lines = start.decode(encoding, "replace").replace("\r\n", "\n").split("\n")
    lines = [line for line in (lines if whole else lines[:-1] or lines) if line.strip()]
    if not lines:
        raise StropError("S202", "the file is empty", "", str(path))
    return lines
