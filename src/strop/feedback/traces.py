"""What did a model write to each question, was it right, and how far had it come when it was stopped?"""

import errno
import hashlib
import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from strop.errors import StropError
from strop.feedback.results import NO_RESULT, TWO, Judge
from strop.feedback.writers import replacing
from strop.records import Answers, Questions
from strop.records.pairs import plain

log = logging.getLogger("strop.traces")
BLOCK = 64  # answers that are written and kept together: a kill loses no more
STRAY = 0.05  # of the traces: beyond it letters of another script are a warning
VERDICTS = {"right": 1.0, "wrong": 0.0, "unscored": math.nan}


class Writes(Protocol):
    """A model with its tokenizer and settings (models.language.writing.Writer)."""

    settings: dict[str, Any]
    seed: int

    def write(self, prompts: Sequence[Sequence[int]], *, count: int, places: Sequence[int] | None) -> list[list[Any]]:
        """`count` answers to each prompt: text, tokens, finished, log_prob."""
        ...


def collect_traces(
    writer: Writes,
    questions: Questions,
    judge: Judge,
    *,
    prompts: Sequence[Sequence[int]],
    teacher: str,
    file: Path,
    count: int = 1,
    about: dict[str, Any] | None = None,
) -> Answers:
    """`count` answers of a teacher to each question, judged, a line each in `file`, jsonl: it goes on where it stopped.

    prompts: the questions' tokens, as the writer reads them; teacher: who writes, by a name that another model does not have; about: what
    else the verdicts depend on (verifier, mark). Written a block at a time and synced: a kill or a full disk loses the block
    under way alone, and the next call makes it again, the same. Beside it FILE.json says what it was made with. A line: place (of the question,
    from 0), number, prompt, trace, reference, teacher, finished, tokens, log_prob, verdict, result, first, reason. Returned: confidence
    "probability" is exp of the mean log-probability of a token. Errors: S304 the file is of other
    questions or settings, S207 damaged, S214 lengths, S501, S503; as the writer. Paper: w2sr2025
    """
    if len(prompts) != len(questions):
        raise StropError("S214", f"{len(prompts)} prompts, {len(questions)} questions")
    pins = pins_of(writer, questions, teacher=teacher, count=count, about=about or {})
    lines = _kept(file, pins, len(questions), count)
    size = max(1, BLOCK // count)
    whole = len(lines) // (size * count) * size * count
    if len(lines) < len(questions) * count:
        lines = lines[:whole]
        _cut(file, lines)
    if lines:
        log.info("%s: %s answers are there already", file.name, f"{len(lines):,}")
    for start in range(len(lines) // count, len(questions), size):
        places = list(range(start, min(start + size, len(questions))))
        written = writer.write([prompts[i] for i in places], count=count, places=places)
        made = [
            _line(questions, place, number, one, judge(place, one.text), teacher)
            for place, group in zip(places, written, strict=True)
            for number, one in enumerate(group)
        ]
        _append(file, made)
        lines += made
        share = {"share": len(lines) / (len(questions) * count)}
        told = (
            file.name,
            f"{len(lines):,}",
            f"{len(questions) * count:,}",
            sum(o["verdict"] == "right" for o in lines),
        )
        log.info("%s: %s of %s answers, %d right", *told, extra=share)
    return _answers(lines, questions, teacher)


def pins_of(writer: Writes, questions: Questions, *, teacher: str, count: int, about: dict[str, Any]) -> dict[str, Any]:
    """What the traces depend on; the questions with their right answers by their sha256."""
    asked = [[plain(p), r, questions.made(i)] for i, (p, r) in enumerate(zip(questions.prompts, questions.references))]
    data = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    return {"questions": data, "teacher": teacher, "count": count, "seed": writer.seed, **writer.settings, **about}


def read_traces(file: Path, questions: Questions) -> Answers:
    """What `collect_traces` wrote, as far as it came. Errors: S201, S207, S202."""
    if not file.is_file():
        raise StropError("S201", "no traces are kept here", "collect them first", str(file))
    lines = _read(file)
    return _answers(lines, questions, str(lines[0]["teacher"]) if lines else "")


def first_results(file: Path) -> Any:
    """(n,) verdicts on the first result of each trace: 1, 0 or NaN. Errors: S207."""
    return np.array([VERDICTS[one["first"]] for one in _read(file)], float)


class Usable(NamedTuple):
    """What can be learned from: the answers, what was left out and why, and what to look at, a sentence each."""

    answers: Answers
    kept: Any
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def usable(answers: Answers, reasons: Sequence[str], questions: Questions) -> Usable:
    """Without what was cut, holds no result or two different ones, is empty, or stands twice for one question; all counted.

    reasons: of each answer, as `reasons_of` reads them. An answer beyond the first with the same text to the same question is
    left out. Warned of: more than 5 % with letters beyond ASCII that their question has none of. Errors: S202 nothing is left.
    """
    seen: set[tuple[int, str]] = set()
    why = []
    for place, text, how, reason in zip(
        answers.questions.tolist(), answers.texts, answers.finished, reasons, strict=True
    ):
        kind = (
            "cut at the most tokens" if how == "length"
            else "empty" if not text.strip()
            else "without a result" if reason == NO_RESULT
            else "with two different results" if reason == TWO
            else "the same as another to the same question" if (place, text) in seen
            else ""
        )  # fmt: skip
        why.append(kind)
        seen.add((place, text))
    kept = np.array([not one for one in why], bool)
    left = tuple(
        f"{why.count(kind):,} of {len(why):,} traces are {kind}: kept in the file, not learned from"
        for kind in dict.fromkeys(filter(None, why))
    )
    if not kept.any():
        mend = "--most-tokens where they are cut, --form chat for a model made for conversations, a --mark or --prompt, another teacher"
        raise StropError("S202", f"no trace can be learned from: {'; '.join(left)}", mend, answers.name)
    return Usable(answers.take(kept), kept, left, _strays(answers.take(kept), questions))


def reasons_of(file: Path) -> list[str]:
    """Why each trace is not scored, or no good to learn from; "" where nothing is to be said. Errors: S207."""
    return [str(one["reason"]) for one in _read(file)]


def _strays(answers: Answers, questions: Questions) -> tuple[str, ...]:
    stray = [
        any(ord(one) > 127 and one.isalpha() for one in text) and plain(questions.prompts[place]).isascii()
        for place, text in zip(answers.questions.tolist(), answers.texts, strict=True)
    ]
    share = sum(stray) / len(stray)
    if share <= STRAY:
        return ()
    return (f"{share:.0%} of the traces hold letters of another script, though their questions do not: look at them",)


def _line(questions: Questions, place: int, number: int, one: Any, judged: Any, teacher: str) -> dict[str, Any]:
    return {
        "place": place,
        "number": number,
        "prompt": plain(questions.prompts[place]),
        "trace": one.text,
        "reference": questions.references[place],
        "teacher": teacher,
        "finished": one.finished,
        "tokens": one.tokens,
        "log_prob": one.log_prob,
        "verdict": judged.outcome,
        "result": judged.result,
        "first": judged.first,
        "reason": judged.reason,
    }


def _answers(lines: list[dict[str, Any]], questions: Questions, teacher: str) -> Answers:
    places = np.array([one["place"] for one in lines], np.int64)
    return Answers(
        places,
        [one["trace"] for one in lines],
        np.array([VERDICTS[one["verdict"]] for one in lines], float),
        [one["result"] for one in lines],
        [one["finished"] for one in lines],
        np.array([one["tokens"] for one in lines], np.int64),
        {"probability": np.minimum(np.exp([float(one["log_prob"]) for one in lines]), 1.0)},
        None if questions.rows is None else questions.rows[places],
        teacher,
        "traces",
    )


def _kept(file: Path, pins: dict[str, Any], asked: int, count: int) -> list[dict[str, Any]]:
    """The lines that a file of these very settings holds; its settings are written where nothing is there yet."""
    about = file.with_name(file.name + ".json")
    if not about.exists():
        if file.exists():
            raise StropError("S304", f"it is there without its {about.name}", "another folder, or remove it", str(file))
        with replacing(about) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(pins), indent=1) + b"\n")
        return []
    try:
        found = msgspec.json.decode(about.read_bytes())
    except msgspec.DecodeError:
        raise StropError("S207", "damaged", "remove it and the traces beside it, or put it back", str(about)) from None
    wanted = msgspec.json.decode(msgspec.json.encode(pins))
    other = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if other:
        told = "; ".join(
            f"{name} was {found.get(name)!r:.40} and is {wanted.get(name)!r:.40}" for name in sorted(other)
        )
        raise StropError("S304", f"these traces are of other settings: {told}", "another folder", str(file))
    lines = _read(file) if file.exists() else []
    for number, one in enumerate(lines):
        if (one["place"], one["number"]) != (number // count, number % count) or number >= asked * count:
            raise StropError(
                "S207", "a line is out of place", "remove the file: it is made again", str(file), number + 1
            )
    return lines


def _read(file: Path) -> list[dict[str, Any]]:
    """Whole lines; what a kill left of the last one is passed over. Errors: S207 a damaged line before it."""
    *whole, _ = file.read_bytes().split(b"\n")
    lines = []
    for number, line in enumerate(whole):
        try:
            one = msgspec.json.decode(line)
            if not isinstance(one, dict) or not {"place", "trace", "verdict", "reason"} <= set(one):
                raise msgspec.DecodeError
        except msgspec.DecodeError:
            raise StropError(
                "S207", "a damaged line", "remove the file: the traces are made again", str(file), number + 1
            ) from None
        lines.append(one)
    return lines


def _cut(file: Path, lines: list[dict[str, Any]]) -> None:
    """Takes what is not whole blocks off the file's end."""
    if file.exists():
        os.truncate(file, len(b"".join(map(_encoded, lines))))


def _encoded(line: dict[str, Any]) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _append(file: Path, lines: list[dict[str, Any]]) -> None:
    """Adds whole lines and syncs them; where that fails the file is as it was. Errors: S501, S503."""
    before = file.stat().st_size if file.exists() else 0
    try:
        with file.open("ab") as opened:
            opened.write(b"".join(map(_encoded, lines)))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        if file.exists():
            os.truncate(file, before)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        mend = "make room, and go on: what was written before is kept" if full else "another folder"
        what = "the disk is full" if full else f"cannot be written: {error.strerror}"
        raise StropError("S501" if full else "S503", what, mend, str(file)) from None
