"""What of an audit of confidences can be looked at, and taken home: the surest that are wrong, the map, the calibrated file?"""

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from strop.audits.kept import kept_curve
from strop.feedback.answers import write_answers
from strop.records import DoseCurve, Figure, Table

if TYPE_CHECKING:
    from strop.experiments.audit_answers import Found, Measured

Array = npt.NDArray[Any]
ROWS, LETTERS = 10, 72
PANELS, LINES = 6, 5  # confidences that are drawn
POINTS = 40  # of a threshold curve
CALIBRATED = "calibrated.jsonl"


def tables(found: "Found") -> list[Table]:
    """The surest that are wrong, and what a stated confidence is worth by the map."""
    made, first, answers = [], found.first, found.answers
    wrong = np.flatnonzero((answers.right == 0) & ~np.isnan(first.values))
    order = wrong[np.argsort(-first.values[wrong], kind="stable")][:ROWS]
    if len(order) and any(answers.texts):
        rows = answers.rows if answers.rows is not None else np.arange(1, len(answers) + 1)
        shown = tuple(
            (
                f"{rows[i]:,}",
                shorten(found.prompts[i], LETTERS, placeholder="…"),
                shorten(answers.texts[i], LETTERS, placeholder="…"),
                f"{first.values[i]:.2f}",
            )
            for i in order
        )
        made.append(Table("Surest, and wrong", ("row", "question", "answer", first.name), shown, "A person should look at these first: the answer is wrong, or the verdict is."))  # fmt: skip
    if first.maps:
        made.append(_meaning(first))
    return made


def _meaning(one: "Measured") -> Table:
    """What a confidence is worth: a row for each bin that has answers."""
    rows = []
    for part in one.told.bins:
        means = [float(one.maps[how](np.array([part.says]))[0]) for how in ("isotonic", "temperature")]
        right = part.right
        bounds = "" if right.low is None or right.high is None else f"{right.low:.0%} to {right.high:.0%}"
        rows.append((f"{part.says:.2f}", f"{right.n:,}", f"{right.value:.0%}", bounds, *(f"{m:.2f}" for m in means)))
    columns = ("it says", "answers", "right", "95 % interval", "isotonic", "temperature")
    note = f"Tenths of {one.name} that have answers; what the two maps, fitted on all answers, make of each."
    return Table("What it means when it says so", columns, tuple(rows), note)


def curves(found: "Found") -> tuple[DoseCurve, ...]:
    """The reliability diagram, risk and coverage, and the threshold curve of retrieval."""
    told = found.measured[:PANELS]
    lines = {one.name: tuple((part.says, part.right) for part in one.told.bins) for one in told}
    note = "A point for each tenth that has answers, with its 95 % interval; on the line it is as sure as it is right, below it too sure. The columns are the share of the answers in each tenth."
    made = [DoseCurve("As sure as it is right?", "it says", lines, note, up="right", form="reliability")]
    answers = found.answers
    kept = {one.name: kept_curve(one.values, answers.right, clusters=answers.questions) for one in told[:LINES]}
    note = "The surest answers kept, from few on the left to all on the right: the higher and the flatter, the better it orders."
    made.append(
        DoseCurve(
            "How many can be kept", "kept, share of all answers", kept, note, up="right among the kept", form="shares"
        )
    )
    gates = [one for one in told[:2] if one.gated is not None]
    if gates:
        made.append(_gates(gates))
    return tuple(made)


def _gates(gates: list["Measured"]) -> DoseCurve:
    lines: dict[str, tuple[tuple[float, Figure], ...]] = {}
    for one in gates:
        assert one.gated is not None
        curve = one.gated.curve
        lines[one.name] = _line(curve.rate, curve.accuracy)
    assert gates[0].gated is not None
    curve = gates[0].gated.curve
    lines["at random"] = ((0.0, Figure("", curve.never)), (1.0, Figure("", curve.always)))
    lines["where it helps most"] = _line(curve.rate, curve.oracle)
    note = "Below the threshold the answer with retrieval counts: none looked up on the left, all on the right. Where a line is above the one at random, the confidence says where to look up."
    return DoseCurve(
        "When to look things up", "looked up, share of all answers", lines, note, up="right", form="shares"
    )


def _line(rate: Array, right: Array) -> tuple[tuple[float, Figure], ...]:
    """At most POINTS points, the ends among them."""
    places = np.unique(np.linspace(0, len(rate) - 1, POINTS).round().astype(int))
    return tuple((float(rate[i]), Figure("", float(right[i]))) for i in places)


def write(folder: Path, found: "Found") -> tuple[str, ...]:
    """The answers, each confidence beside it calibrated by the other half of the questions. Errors: S501, S503."""
    answers = found.answers
    made = [one for one in found.measured if one.crossed]
    for one in made:
        answers = answers.with_confidence(f"{one.name}_calibrated", one.crossed[one.best])
    if not made:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    write_answers(answers, folder / CALIBRATED, prompts=found.prompts)
    return (
        f"{CALIBRATED}: the answers, each confidence calibrated by an isotonic map of the other half of the questions",
    )
