"""Which questions with a known answer does a file hold, and which of them are learned from?"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from strop.errors import StropError, suggestion
from strop.feedback import text_rows
from strop.feedback.conversations import turns
from strop.feedback.pair_splits import SHARES, drawn_parts, sizes_of
from strop.feedback.pairs import place, problems_of, spoken, usual
from strop.feedback.problems import SKIP
from strop.feedback.text_rows import Rows
from strop.feedback.writers import replacing
from strop.records import Questions, QuestionSplit
from strop.records.pairs import Text, plain
from strop.records.questions import MADE

# Names as they are usual, without case and punctuation; those of an earlier tier are preferred to those behind it.
COLUMNS = {
    "prompt": ("prompt", "question problem", "messages", "query instruction input"),
    "answer": ("finalanswer", "answer", "groundtruth gold", "reference target", "solution"),
}
SOLUTION = ("solution", "trace rationale reasoning", "cot")  # a way to the answer, where the file has one beside it
CUT = "end in an answer of the assistant, which is left out of the question"


@dataclass(frozen=True, eq=False)
class QuestionsReading:
    """Questions with all that a reader should know of how they were come by, a sentence each in `notes`."""

    questions: Questions
    format: str
    columns: dict[str, str]
    notes: tuple[str, ...]


def read_questions(
    source: Any, *, format: str | None = None, bad_rows: Literal["refuse", "skip"] = "refuse"
) -> QuestionsReading:
    """Questions with their answers, of a csv, tsv, json, jsonl or Parquet file, a table in memory, or a list of dicts.

    Columns by their usual names: prompt, question, problem or messages; final_answer, answer, ground_truth, gold or solution: a
    whole solution may stand there, of which a verifier takes the result. A solution, trace or rationale beside the answer is
    kept as the covariate "solution". Those of reasoning-gym (task, size, seed, index) are kept, and need no answer. bad_rows: refuse raises on the first bad row, skip drops and counts them.
    Errors: S101, S102 arguments; S201, S202, S204 to S208 the file; S211 a row without a question or an answer.
    """
    file, name = place(source)
    problems = problems_of(file, bad_rows)
    rows = text_rows.load(source, format=format, separator=None, encoding="utf-8", problems=problems)
    columns = _find(rows.names, file)
    prompts: list[Text] = []
    references, kept, cut = [], [], 0
    answers = rows.column(columns["answer"]) if "answer" in columns else [None] * len(rows.rows)
    for i, (asked, answer) in enumerate(zip(rows.column(columns["prompt"]), answers, strict=True)):
        try:
            prompt, shortened = _prompt(asked)
            reference = _reference(answer, needed="task" not in columns)
            if prompts and isinstance(prompt, str) is not isinstance(prompts[0], str):
                raise StropError("S211", "plain text and conversations are mixed", "one form for the whole file")
        except StropError as error:
            column = columns.get(error.column, "")
            told, mend = error.message, error.help or SKIP
            problems.add(error.code, [rows.rows[i]], told, column=column, help=mend, kind=told[:12])
            continue
        prompts.append(prompt)
        references.append(reference)
        kept.append(i)
        cut += shortened
    dropped = problems.finish()
    if not kept:
        raise StropError("S202", "every row is bad", dropped[0], file)
    covariates = _made(rows, columns, kept, file) | _solutions(rows, columns, kept)
    questions = Questions(prompts, references, covariates, rows.rows[kept], name if file else "questions")
    notes = [*spoken(rows, columns), *dropped, *([f"{cut:,} conversations {CUT}"] if cut else ())]
    return QuestionsReading(questions, rows.format, columns, tuple(notes))


def _find(names: list[str], file: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for role, tiers in COLUMNS.items():
        name = usual(names, role, tiers, set(found.values()), file)
        if name is not None:
            found[role] = name
    solution = usual(names, "solution", SOLUTION, set(found.values()), file)
    if solution is not None and "answer" in found:
        found["solution"] = solution
    if set(MADE) <= set(names):
        found |= {name: name for name in MADE}
    missing = [role for role in COLUMNS if role not in found and not (role == "answer" and "task" in found)]
    if missing:
        near = next(filter(None, (suggestion(role, names) for role in missing)), "")
        there = "the columns are: " + ", ".join(name[:40] for name in names[:20])
        what = {"prompt": "the question", "answer": "its right answer"}
        raise StropError(
            "S204",
            f"no column looks like {' or '.join(what[role] for role in missing)}{near}",
            f"call them prompt and answer; {there}",
            file,
        )
    return found


def _prompt(cell: Any) -> tuple[Text, bool]:
    """A text, or a conversation up to the last turn that is not the assistant's; whether one was left out. Errors: S211."""
    if isinstance(cell, str) and cell.strip():
        return cell, False
    if cell is None or isinstance(cell, str):
        raise StropError("S211", "the question is empty or white space", SKIP, column="prompt")
    talk = turns(cell, "prompt")
    last = max((i for i, turn in enumerate(talk) if turn.role != "assistant"), default=-1)
    asked = talk[: last + 1]
    if not plain(asked).strip():
        raise StropError("S211", "nobody asks anything in this conversation", SKIP, column="prompt")
    return asked, len(asked) < len(talk)


def _reference(cell: Any, *, needed: bool) -> str:
    """The right answer as text. Errors: S211 none where one is needed, or neither text nor a number."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        if needed:
            raise StropError(
                "S211", "no right answer", "mend the row, or leave it out: --bad-rows skip", column="answer"
            )
        return ""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise StropError("S211", f"the answer is {cell!r:.40}", "text or a number", column="answer")
    return str(cell)


def _made(rows: Rows, columns: dict[str, str], kept: list[int], file: str) -> dict[str, Any]:
    """What reasoning-gym's scorer needs of each question. Errors: S203 where it is no whole number."""
    found: dict[str, Any] = {}
    for name in MADE if "task" in columns else ():
        values = rows.column(name)
        if name == "task":
            found[name] = np.array([str(values[i]) for i in kept], object)
            continue
        try:
            found[name] = np.array([int(values[i]) for i in kept], np.int64)
        except (TypeError, ValueError):
            raise StropError(
                "S203", "not a whole number in every row", "as strop wrote it", file, column=name
            ) from None
    return found


def _solutions(rows: Rows, columns: dict[str, str], kept: list[int]) -> dict[str, Any]:
    """The solutions that stand beside the answers, "" where a cell holds no text."""
    if "solution" not in columns:
        return {}
    cells = rows.column(columns["solution"])
    return {"solution": np.array([cells[i] if isinstance(cells[i], str) else "" for i in kept], object)}


def write_questions(questions: Questions, path: Path) -> None:
    """One JSON object a line, as `read_questions` reads them. Errors: S501, S503."""
    with replacing(path) as temporary, temporary.open("wb") as lines:
        for i, (prompt, reference) in enumerate(zip(questions.prompts, questions.references, strict=True)):
            told = {"prompt": prompt if isinstance(prompt, str) else [turn._asdict() for turn in prompt]}
            told |= {"answer": reference}
            if "solution" in questions.covariates:
                told |= {"solution": str(questions.covariates["solution"][i])}
            lines.write(msgspec.json.encode(told | (questions.made(i) or {})) + b"\n")


def question_keys(questions: Questions) -> list[str]:
    """(n,) what one question is told by: its words, without case and white space."""
    return [" ".join(plain(prompt).casefold().split()) for prompt in questions.prompts]


def question_numbers(questions: Questions) -> npt.NDArray[np.int64]:
    """(n,): rows of one question have one number, from 0."""
    return np.unique(question_keys(questions), return_inverse=True)[1].astype(np.int64)


def split_questions(
    questions: Questions, *, seed: int = 0, shares: tuple[float, float, float] = SHARES
) -> QuestionSplit:
    """Questions drawn into parts of about these shares; rows of one question stay together, and are counted.

    Errors: S209 fewer than three questions, S301 shares that do not sum to 1.
    """
    keys = question_keys(questions)
    part, many = drawn_parts(keys, seed=seed, shares=shares)
    notes = [f"{many:,} questions, each in one part: {sizes_of(part)}"]
    if many < len(keys):
        again = sum(count > 1 for count in Counter(keys).values())
        apart = Counter(key for key, _ in {(key, ref) for key, ref in zip(keys, questions.references, strict=True)})
        other = sum(count > 1 for count in apart.values())
        notes.append(
            f"{again:,} questions stand in more than one row, {len(keys) - many:,} rows in all, and stay in one part"
            + (f"; {other:,} of them with different answers" if other else "")
        )
    train, validation, test = (questions.take(part == n) for n in range(3))
    return QuestionSplit(train, validation, test, tuple(notes))
