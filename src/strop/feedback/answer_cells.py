"""What does a cell of a file of answers say: right or wrong, how sure, or something that cannot be used?"""

import re
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from strop.errors import StropError, suggestion
from strop.feedback.columns import plain
from strop.feedback.pairs import usual
from strop.feedback.problems import SKIP, Problems
from strop.feedback.text_rows import Rows

Array = npt.NDArray[Any]
# Names as they are usual, without case and punctuation; those of an earlier tier are preferred to those behind it.
COLUMNS = {
    "right": ("right correct iscorrect isright", "verdict judgement judgment", "label"),
    "answer": ("response", "completion output prediction generation", "answer text"),
    "question": ("question", "prompt problem query instruction", "questionid promptid problemid", "id"),
    "reference": ("reference gold groundtruth target", "finalanswer solution", "answer label"),
    "retrieved": ("retrievedright rightretrieved rightwithretrieval retrievedcorrect correctretrieved",),
    "result": ("result",),
    "finished": ("finished finishreason stopreason",),
    "tokens": ("tokens ntokens",),
}
SURE = ("confidence", "probability", "agreement", "certainty", "consistency", "ptrue", "calibrated", "stated")
ALONE = ("p", "prob", "probs")
RIGHT = {"1", "1.0", "true", "yes", "right", "correct"}
WRONG = {"0", "0.0", "false", "no", "wrong", "incorrect"}
NONE = {"", "none", "null", "nan", "unscored"}
RANGE = "from 0 to 1, or with a percent sign from 0% to 100%: 95% is 0.95, and a bare 95 is refused"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?%?")


def is_sure(name: str) -> bool:
    """Whether a column of that name is taken for a confidence."""
    return plain(name) in ALONE or any(word in plain(name) for word in SURE)


def find(rows: Rows, file: str, *, judged: bool) -> tuple[dict[str, str], list[str]]:
    """Role -> column, and the columns of confidences. Errors: S204 nothing says what is right, or what is to be judged."""
    sure = [name for name in rows.names if is_sure(name)]
    found: dict[str, str] = {}
    for role, tiers in COLUMNS.items():
        name = usual(rows.names, role, tiers, {*found.values(), *sure}, file)
        if role == "right" and name is not None and plain(name) == "label" and not all_verdicts(rows.column(name)):
            continue  # the right answer, or a class
        if name is not None:
            found[role] = name
    there = f"the columns are: {', '.join(name[:40] for name in rows.names[:20])}"
    if judged and not {"answer", "reference"} <= set(found):
        missing = " and ".join(role for role in ("answer", "reference") if role not in found)
        raise StropError("S204", f"no column looks like the {missing} that a verifier needs", there, file)
    if not judged and "right" not in found:
        mend = "--verifier numeric (or exact, math) judges by it" if "reference" in found else "a column `right`: 1 or 0, or `reference` with --verifier"  # fmt: skip
        near = suggestion("right", rows.names) or suggestion("correct", rows.names)
        raise StropError("S204", f"no column says what is right{near}", f"{mend}; {there}", file)
    return found, sure


def text_of(cell: Any) -> str:
    """A cell as text; a conversation, or another nested value, as JSON."""
    return cell if isinstance(cell, str) else "" if cell is None else msgspec.json.encode(cell).decode()


def some_number(values: list[Any]) -> bool:
    """Whether any cell is a number, with or without a percent sign."""
    return any(NUMBER.fullmatch(word_of(one)) for one in values)


def word_of(cell: Any) -> str:
    """A cell in lower case without space around it."""
    return "" if cell is None else str(cell).strip().lower()


def all_verdicts(values: list[Any]) -> bool:
    """Whether every cell is a verdict, or empty."""
    return all(word_of(one) in RIGHT | WRONG | NONE for one in values)


def verdicts(rows: Rows, column: str, bad: Array, problems: Problems) -> Array:
    """(n,) 1, 0, NaN for none; rows that say something else go to `problems`."""
    found = np.full(len(rows.rows), np.nan)
    for i, cell in enumerate(rows.column(column)):
        word = word_of(cell)
        if word in RIGHT or word in WRONG:
            found[i] = float(word in RIGHT)
        elif word not in NONE:
            mend = "1, true, yes or right; 0, false, no or wrong; empty: not judged"
            problems.add("S211", [rows.rows[i]], f'"{word[:40]}" is no verdict', column=column, help=mend)
            bad[i] = True
    return found


def counts_of(rows: Rows, column: str, bad: Array, problems: Problems) -> Array:
    """(n,) whole numbers from 0, 0 for none; others go to `problems`."""
    found = np.zeros(len(rows.rows), np.int64)
    for i, cell in enumerate(rows.column(column)):
        word = word_of(cell).removesuffix(".0")
        if word.isascii() and word.isdigit():
            found[i] = int(word[:15])
        elif word not in NONE:
            problems.add("S203", [rows.rows[i]], f'"{word[:40]}" is no whole number', column=column)
            bad[i] = True
    return found


def confidences_of(rows: Rows, column: str, bad: Array, problems: Problems) -> Array:
    """(n,) from 0 to 1, NaN where there is none; a percentage has its sign. Others go to `problems`."""
    found = np.full(len(rows.rows), np.nan)
    for i, cell in enumerate(rows.column(column)):
        word = word_of(cell)
        if word in NONE:
            continue
        try:
            if isinstance(cell, bool | list | dict):
                raise ValueError
            value = float(word[:-1]) / 100 if word.endswith("%") else float(word)
        except ValueError:
            problems.add(
                "S203", [rows.rows[i]], f'"{word[:40]}" is not a number', column=column, help=f"{RANGE}; {SKIP}"
            )
            bad[i] = True
            continue
        if not 0 <= value <= 1:
            problems.add("S211", [rows.rows[i]], f"{word[:40]} is outside its range", column=column, help=RANGE)
            bad[i] = True
            continue
        found[i] = value
    return found
