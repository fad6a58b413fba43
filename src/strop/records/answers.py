"""What was answered to which question, was it right, and how sure was it said to be?"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError

Array = npt.NDArray[Any]
FINISHED = ("end", "length", "")  # by itself, cut off, not known


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to questions, with what was found about each.

    questions: (n,) whole numbers: answers with one number answer one question; texts: n, "" where they are not known; right: (n,)
    1, 0, or NaN where there is no verdict; results: n, what alone is judged, None where an answer holds none; finished: n of
    FINISHED; tokens: (n,), 0 where not known; confidences: by name, (n,) from 0 to 1, NaN where none was said. rows: (n,) the
    file's row of each, from 1, or None; writer: who answered. results, finished and tokens may be left out.
    Errors: S202 no answer, S214 lengths, S211 a value outside its range.
    """

    questions: Array
    texts: Sequence[str]
    right: Array
    results: Sequence[str | None] = ()
    finished: Sequence[str] = ()
    tokens: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    confidences: dict[str, Array] = field(default_factory=dict)
    rows: Array | None = None
    writer: str = ""
    name: str = "answers"

    def __post_init__(self) -> None:
        n = len(self.texts)
        if not n:
            raise StropError("S202", "no answer", file=self.name)
        for name, empty in (("results", [None] * n), ("finished", [""] * n), ("tokens", np.zeros(n, np.int64))):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, empty)
        columns = {
            name: getattr(self, name) for name in ("questions", "right", "results", "finished", "tokens", "rows")
        }
        for name, values in {**columns, **self.confidences}.items():
            if values is not None and len(values) != n:
                raise StropError("S214", f"{name} has {len(values)} rows, the answers {n}", file=self.name)
        right = np.asarray(self.right, np.float64)
        object.__setattr__(self, "right", right)
        self._check("right", ~(np.isnan(right) | (right == 0) | (right == 1)), "1, 0, or none at all")
        self._check("questions", np.asarray(self.questions) < 0, "0 and above")
        self._check("tokens", np.asarray(self.tokens) < 0, "0 and above")
        self._check("finished", np.array([one not in FINISHED for one in self.finished]), "end, length, or nothing")
        for name, values in self.confidences.items():
            self._check(name, ~(np.isnan(values) | ((values >= 0) & (values <= 1))), "from 0 to 1, or none at all")

    def _check(self, column: str, bad: Array, allowed: str) -> None:
        if bad.any():
            place = int(np.argmax(bad))
            row = place + 1 if self.rows is None else int(self.rows[place])
            told = {**self.confidences, "right": self.right}.get(column, getattr(self, column, ()))[place]
            raise StropError("S211", f"{told} is outside its range", f"allowed: {allowed}", self.name, row, column)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, which: Array) -> "Answers":
        """The answers at these positions, or where a mask is true. Errors: S202 none."""
        places = np.flatnonzero(which) if np.asarray(which).dtype == bool else np.asarray(which)
        texts, results, finished = ([of[i] for i in places] for of in (self.texts, self.results, self.finished))
        if not len(places):
            raise StropError("S202", "no answer", file=self.name)
        return replace(
            self,
            questions=self.questions[places],
            texts=texts,
            right=self.right[places],
            results=results,
            finished=finished,
            tokens=self.tokens[places],
            confidences={name: values[places] for name, values in self.confidences.items()},
            rows=None if self.rows is None else self.rows[places],
        )

    def with_confidence(self, name: str, values: Array) -> "Answers":
        """The same answers with one more confidence, or another of that name. Errors: S214, S211."""
        return replace(self, confidences={**self.confidences, name: np.asarray(values, np.float64)})
