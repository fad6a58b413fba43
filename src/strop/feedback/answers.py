"""Which answers does a file hold, which of them are right, and how sure does each say that it is?"""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.feedback import confidence, text_rows
from strop.feedback.answer_cells import (
    COLUMNS,
    confidences_of,
    counts_of,
    find,
    is_sure,
    some_number,
    text_of,
    verdicts,
)
from strop.feedback.columns import plain
from strop.feedback.confidence import LINE, split_confidence
from strop.feedback.pairs import place, problems_of, spoken
from strop.feedback.results import Marked, check_judge
from strop.feedback.text_rows import Rows
from strop.feedback.writers import replacing
from strop.records import Answers, Questions
from strop.sandbox.verifiers import Verifier

Array = npt.NDArray[Any]
ENDS = {"end": "end", "stop": "end", "eos": "end", "length": "length", "max_tokens": "length"}
STATED, AGREEMENT = "stated", "agreement"


@dataclass(frozen=True, eq=False)
class AnswersReading:
    """Answers with all that a reader should know of how they were come by, a sentence each in `notes`.

    prompts: the question of each answer as text, "" where the file has none; retrieved: (n,) whether the answer with
    retrieval is right, NaN unknown, None where there is no such column.
    """

    answers: Answers
    prompts: list[str]
    retrieved: Array | None
    format: str
    columns: dict[str, str]
    notes: tuple[str, ...]


def read_answers(
    source: Any,
    *,
    format: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    bad_rows: Literal["refuse", "skip"] = "refuse",
    verifier: Verifier | None = None,
) -> AnswersReading:
    """Answers of a csv, tsv, json, jsonl or Parquet file, a table in memory, or a list of dicts.

    Columns by usual names: question, prompt or id; answer, response or completion; right, correct or verdict (true, 1, yes, right;
    false, 0, no, wrong; empty: not judged), or a reference that `verifier` judges by; every column whose name speaks of a
    confidence, probability, agreement, certainty or p_true; an answer's own line `### Confidence: 0.7`, as "stated". Several
    answers to a question make one more, "agreement": the share of the others with the same result. A confidence is a number from
    0 to 1, or a percentage with its sign. bad_rows: refuse raises on the first bad row, skip drops and counts them.
    Errors: S101, S102 arguments; S201, S202, S204 to S208 the file; S203, S211 a cell; S301 a verifier that accepts everything.
    """
    file, name = place(source)
    problems = problems_of(file, bad_rows)
    rows = text_rows.load(source, format=format, separator=separator, encoding=encoding, problems=problems)
    columns, sure = find(rows, file, judged=verifier is not None)
    n, bad = len(rows.rows), np.zeros(len(rows.rows), bool)
    texts = [text_of(cell) for cell in rows.column(columns["answer"])] if "answer" in columns else [""] * n
    right = np.full(n, np.nan)
    if "right" in columns:
        right = verdicts(rows, columns["right"], bad, problems)
    retrieved = verdicts(rows, columns["retrieved"], bad, problems) if "retrieved" in columns else None
    notes: list[str] = []
    lines = any(LINE.search(text) for text in texts)
    numeric = [column for column in sure if some_number(rows.column(column))]
    if numeric or lines:  # else the words that stand there are told of as no numbers
        notes += [f"{column} is not used: it holds no number" for column in sure if column not in numeric]
        sure = numeric
    tokens = counts_of(rows, columns["tokens"], bad, problems) if "tokens" in columns else np.zeros(n, np.int64)
    confidences = {column: confidences_of(rows, column, bad, problems) for column in sure}
    if lines:
        read = [split_confidence(text) for text in texts]
        notes += confidence.told_of(confidence.counts_of([stated for _, stated in read]))
        value = [np.nan if stated.value is None else stated.value for _, stated in read]
        confidences = {STATED: np.array(value), **{k: v for k, v in confidences.items() if k != STATED}}
        texts = [text for text, _ in read]
    keys = _keys(rows, columns)
    dropped = problems.finish()
    kept = np.flatnonzero(~bad)
    if not len(kept):
        raise StropError("S202", "every row is bad", dropped[0], file)
    numbers: dict[Hashable, int] = {}
    questions = np.array([numbers.setdefault(keys[i], len(numbers)) for i in kept], np.int64)
    results = (
        [None if one is None else str(one) for one in rows.column(columns["result"])] if "result" in columns else ()
    )
    answers = Answers(
        questions,
        [texts[i] for i in kept],
        right[kept],
        [results[i] for i in kept] if results else (),
        [ENDS.get(str(one), "") for one in _taken(rows, columns, "finished", kept)],
        tokens[kept],
        {name: values[kept] for name, values in confidences.items()},
        rows.rows[kept],
        name=name if file else "answers",
    )  # fmt: skip
    prompts = [text_of(cell) for cell in _taken(rows, columns, "question", kept)] or [""] * len(kept)
    if verifier is not None:
        references = [text_of(cell) for cell in _taken(rows, columns, "reference", kept)]
        answers, more = _judged(answers, prompts, references, verifier)
        notes += more
    answers, more = _agreeing(answers)
    notes += more
    if "question" not in columns:
        notes.append("no column of questions: every row is taken for a question of its own")
    if not answers.confidences:
        raise StropError("S204", "no confidence", f"a column `confidence`, or `### Confidence: 0.7` behind the answers; the columns are: {', '.join(rows.names[:20])}", file)  # fmt: skip
    shown = columns | ({"confidence": ", ".join(sure)} if sure else {})
    told = spoken(rows, columns | {one: one for one in sure})
    told = (told[0], "columns: " + ", ".join(f"{role} {name}" for role, name in shown.items()), *told[2:])
    return AnswersReading(
        answers,
        prompts,
        None if retrieved is None else retrieved[kept],
        rows.format,
        shown,
        (*told, *dropped, *notes),
    )


def has_answers(path: str | Path, *, encoding: str = "utf-8") -> bool:
    """Whether a file's columns are answers with a confidence or a verdict, by its first lines; not where those cannot be read."""
    try:
        there = text_rows.first_names(Path(path), encoding=encoding)
    except StropError:  # its reader says what is wrong with it
        return False
    names = {plain(name) for name in there}

    def some(role: str, *, tiers: int) -> bool:
        return bool(names & set(" ".join(COLUMNS[role][:tiers]).split()))

    judged, answered = some("right", tiers=2), some("answer", tiers=3)
    if any(is_sure(name) for name in there):
        return judged or (answered and (some("reference", tiers=2) or some("question", tiers=3)))
    return answered and (judged or some("reference", tiers=2)) and some("question", tiers=3)


def _taken(rows: Rows, columns: dict[str, str], role: str, kept: Array) -> list[Any]:
    if role not in columns:
        return []
    values = rows.column(columns[role])
    return [values[i] for i in kept]


def _keys(rows: Rows, columns: dict[str, str]) -> list[Hashable]:
    """What says that two rows have one question: its text without case and white space; else the row itself."""
    if "question" not in columns:
        return list(range(len(rows.rows)))
    words = [" ".join(text_of(cell).casefold().split()) for cell in rows.column(columns["question"])]
    return [word or place for place, word in enumerate(words)]


def _judged(
    answers: Answers, prompts: list[str], references: list[str], verifier: Verifier
) -> tuple[Answers, list[str]]:
    """With the verifier's verdicts and results; a column of verdicts is held against them and counted."""
    judge = Marked(verifier)
    asked = Questions([prompt or "?" for prompt in prompts], references, rows=answers.rows, name=answers.name)
    notes = list(check_judge(judge, asked))
    verdicts = [judge.judge(text, reference) for text, reference in zip(answers.texts, references, strict=True)]
    right = np.array([one.reward for one in verdicts])
    if len(none := [one for one in verdicts if one.outcome == "unscored"]):
        notes.append(
            f"{len(none):,} answers are not scored ({none[0].reason}), and count neither as right nor as wrong"
        )
    told = ~np.isnan(answers.right)
    if told.any():
        other = int((told & ~np.isnan(right) & (answers.right != right)).sum())
        notes.append(
            f"{verifier.kind} judges; it differs from the file's own verdict in {other:,} of {int(told.sum()):,} rows"
        )
    results = [found[-1] if (found := judge.results(text)) else None for text in answers.texts]
    parts = (answers.questions, answers.texts, right, results, answers.finished, answers.tokens, answers.confidences)
    return Answers(*parts, answers.rows, name=answers.name), notes


def _agreeing(answers: Answers) -> tuple[Answers, list[str]]:
    """With the share of a question's other answers that have the same result, where questions have several answers."""
    sizes = np.bincount(answers.questions)[answers.questions]
    if AGREEMENT in answers.confidences or (sizes > 1).mean() < 0.5:
        return answers, []
    found = list(answers.results)
    by_result = any(one is not None for one in found)
    if not by_result:
        found = [" ".join(text.casefold().split()).removesuffix(".") or None for text in answers.texts]
    counts: dict[Hashable, int] = {}
    for key in zip(answers.questions.tolist(), found, strict=True):
        counts[key] = counts.get(key, 0) + 1
    same = np.array(
        [0 if key[1] is None else counts[key] - 1 for key in zip(answers.questions.tolist(), found, strict=True)]
    )
    if not same.any():
        return answers, [
            "several answers a question, and no two alike: no agreement to tell (--verifier reads results)"
        ]
    share = np.where(sizes > 1, same / np.maximum(sizes - 1, 1), np.nan)
    how = "result" if by_result else "text"
    note = f"agreement: the share of a question's other answers with the same {how}"
    return answers.with_confidence(AGREEMENT, share), [note]


def write_answers(answers: Answers, path: str | Path, *, prompts: list[str] | None = None) -> None:
    """One JSON object a line, as `read_answers` reads them: question, answer, right, what else is known, each confidence, row.

    prompts: n texts in place of the questions' numbers. Errors: S501, S503.
    """
    rows = np.arange(1, len(answers) + 1) if answers.rows is None else answers.rows
    with replacing(Path(path)) as temporary, temporary.open("wb") as lines:
        for i, text in enumerate(answers.texts):
            asked = prompts[i] if prompts is not None and prompts[i] else int(answers.questions[i])
            right = answers.right[i]
            told: dict[str, Any] = {
                "question": asked,
                "answer": text,
                "right": None if np.isnan(right) else bool(right),
            }
            if answers.results[i] is not None:
                told["result"] = answers.results[i]
            if answers.finished[i]:
                told["finished"] = answers.finished[i]
            if answers.tokens[i]:
                told["tokens"] = int(answers.tokens[i])
            for name, values in answers.confidences.items():
                told[name if is_sure(name) else f"{name}_confidence"] = (
                    None if np.isnan(values[i]) else float(values[i])
                )
            lines.write(msgspec.json.encode(told | {"row": int(rows[i])}) + b"\n")
