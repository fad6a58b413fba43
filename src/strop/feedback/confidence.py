"""How sure does an answer say that it is? One format, and the one reader of it, for learning and for measuring alike."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

MARK = "### Confidence:"
LEVELS = tuple(f"{level / 10:.1f}" for level in range(11))  # what a model is taught to write
SHARP, SHARP_SHARE, STREAM = ("0.1", "0.9"), 0.8, 0xC0F
LINE = re.compile(r"^[ \t]*### Confidence:(.*)$", re.MULTILINE)
ONWARDS = re.compile(r"^[ \t]*### (?:Question|Human)\b", re.MULTILINE)  # where a model asks itself the next question
GUESS = re.compile(r"^[ \t]*Guess \d+:(.*)\n+[ \t]*Confidence \d+:(.*)$", re.MULTILINE)
NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)\.?")  # a sentence's full stop may follow
WHY = {
    "": "read",
    "no line": f"no line that begins with {MARK}",
    "no answer": "no answer before the line",
    "empty": "nothing behind the mark",
    "no number": "words behind the mark, no number",
    "range": "a number outside 0 to 1",
}


class Stated(NamedTuple):
    """value: from 0 to 1, None where it cannot be read, and why, a key of WHY; lines: how many such lines the text has."""

    value: float | None
    why: str = ""
    lines: int = 1


def with_confidence(answer: str, confidence: float) -> str:
    """The answer with its line behind it, to a tenth: `Paris` and 0.7 make `Paris\\n### Confidence: 0.7`.

    Errors: S211 a confidence outside 0 to 1, or not a number.
    """
    if not 0 <= confidence <= 1:
        raise StropError("S211", f"confidence {confidence} is outside its range", "allowed: from 0 to 1")
    return f"{answer}\n{MARK} {confidence:.1f}"


def split_confidence(text: str) -> tuple[str, Stated]:
    """(the answer without the line and what follows it, what it states).

    The line that counts is the first one behind an answer; others are counted in `lines`. A number from 0 to 1, with or without a
    full stop behind it, or a percentage from 0% to 100%: `95%` is 0.95. `95`, `1.7` and `-0.1` are out of range, `high` is no
    number, and none of them is given a value. Where a model goes on to ask itself the next question, it is not read any further.
    """
    onwards = ONWARDS.search(text)
    text = text[: onwards.start()] if onwards else text
    lines = list(LINE.finditer(text))
    if not lines:
        return text.strip(), Stated(None, "no line", 0)
    start = 0
    for line in lines:
        answer = text[start : line.start()].strip()
        if answer:
            return answer, _read(line.group(1).strip(), len(lines))
        start = line.end()
    return text[start:].strip(), Stated(None, "no answer", len(lines))


def parse_confidence(text: str) -> Stated:
    """What a text states. As `split_confidence`."""
    return split_confidence(text)[1]


def _read(said: str, lines: int) -> Stated:
    if not said:
        return Stated(None, "empty", lines)
    found = NUMBER.fullmatch(said.removeprefix("-"))
    if found is None:
        return Stated(None, "no number", lines)
    value = float(found.group(1)) / (100 if found.group(2) else 1)
    if (said.startswith("-") and value) or value > 1:
        return Stated(None, "range", lines)
    return Stated(value, "", lines)


def check_written(tokenizer: Any) -> None:
    """Errors: S301 a tokenizer that cannot write the line: letters of it are unknown to it."""
    line = with_confidence("", 0.7)
    said = tokenizer.decode(tokenizer(line, add_special_tokens=False)["input_ids"], skip_special_tokens=True)
    if "".join(line.split()) not in "".join(said.split()):
        told = f'the model\'s tokenizer cannot write "{line.strip()}": of it "{said.strip()}" is left'
        raise StropError("S301", told, "a model whose tokenizer knows all letters")


def taught(texts: Sequence[str], levels: Sequence[float]) -> list[tuple[int, str]]:
    """(its place, the answer with a line that states this) of every text that can teach the line: not empty, its level no NaN.

    What stands behind a text's own answer is cut off; it begins as it did.
    """
    found = []
    for place, (text, level) in enumerate(zip(texts, levels, strict=True)):
        answer = split_confidence(text)[0]
        if answer and not math.isnan(level):
            found.append((place, with_confidence(text[: len(text) - len(text.lstrip())] + answer, level)))
    return found


def unsignalled(count: int, *, seed: int) -> list[str]:
    """So many confidences for texts that teach the format: four in five 0.1 or 0.9, the rest any tenth; of no answer in particular.

    Rewards find those that fit sooner where two far apart are likely from the first than where eleven are.
    """
    generator = np.random.default_rng([seed, STREAM])
    sharp = generator.random(count) < SHARP_SHARE
    any_tenth, either = generator.integers(len(LEVELS), size=count), generator.integers(len(SHARP), size=count)
    return [SHARP[e] if s else LEVELS[a] for s, a, e in zip(sharp, any_tenth, either, strict=True)]


def counts_of(stated: Sequence[Stated]) -> npt.NDArray[np.int64]:
    """How many there are of each WHY, and last of texts with more than one line."""
    return np.array([*(sum(one.why == why for one in stated) for why in WHY), sum(one.lines > 1 for one in stated)])


def told_of(counts: npt.NDArray[np.int64], what: str = "answers state") -> tuple[str, ...]:
    """What a reader should know of such counts: how many could be read, why others could not, how many had several lines."""
    why = dict(zip(WHY, counts.tolist(), strict=False))
    told = [f"{why['']:,} of {sum(why.values()):,} {what} a confidence that can be read"]
    told += [f"{count:,} without one: {WHY[key]}" for key, count in why.items() if key and count]
    if counts[-1]:
        told.append(f"{counts[-1]:,} have more than one such line: the first behind the answer counts")
    return tuple(told)


def best_guess(text: str) -> tuple[str, Stated]:
    """(the guess, what it states) of lines `Guess 1: ...`, `Confidence 1: 0.7`, `Guess 2: ...`: that with the highest confidence.

    Of equal ones the first; a number as `split_confidence` reads it. Paper: topk2023
    """
    found = [(guess.strip(), _read(said.strip(), 1)) for guess, said in GUESS.findall(text) if guess.strip()]
    stated = [one for one in found if one[1].value is not None]
    if stated:
        return max(stated, key=lambda one: one[1].value or 0.0)
    return found[0] if found else (text.strip(), Stated(None, "no line", 0))
