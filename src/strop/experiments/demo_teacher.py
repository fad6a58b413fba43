"""Which two models show what a weak teacher is good for? A student that knows every step and not the way, a teacher that errs on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from strop.experiments.claims.weak_lab import WeakLab
from strop.feedback.questions import write_questions
from strop.models.language.opening import keep_model
from strop.records import Questions

ABOUT: dict[str, Any] = {
    "family": "chained_addition",
    "settings": {"terms": 4, "modulus": 7},
    "sizes": {"lessons": 500, "train": 600, "validation": 100, "problems": 1000},  # none in two
    "student": {"hidden": 64, "layers": 2},
}
BASE = {"batch": 64, "rate": 0.003, "every": 50, "steps": 3000, "until": 0.985}
TEACHER = {
    "models": [{"hidden": 32, "layers": 2}],
    "batch": 32,
    "rate": 0.002,
    "every": 5,
    "steps": 2000,
    "until": 0.38,
}


def make(folder: Path, *, tell: Callable[[str], None]) -> None:
    """Writes folder/student, folder/teacher and folder/problems.jsonl; each step is told. As the receipt `w2sr` makes them; ours."""
    lab = WeakLab(ABOUT, seed=0)
    student = lab.base(BASE)
    keep_model(student.reader.model, lab.lab.tokenizer, folder / "student")
    problems = lab.parts["problems"]
    once = lab.write(student.reader, problems).right.mean()
    tell(
        f"student: knows {student.reached:.0%} of all single steps, and is right on {once:.0%} of the sums, where chance is {1 / 7:.0%} ({student.seconds:.0f} CPU s)"
    )
    teacher = lab.teacher(TEACHER)
    keep_model(teacher.reader.model, lab.lab.tokenizer, folder / "teacher")
    tell(
        f"teacher: a quarter of its size; {teacher.reached:.0%} of the traces it draws are right ({teacher.seconds:.0f} CPU s)"
    )
    ways = {"solution": np.array([p.solution for p in problems], object)}
    questions = Questions([p.question for p in problems], [p.answer for p in problems], ways)
    write_questions(questions, folder / "problems.jsonl")
    tell(f"problems: {len(problems):,} sums of four numbers modulo 7")
