"""What was found: plain values only, so that a result can be written, read and drawn without numpy."""

from dataclasses import dataclass, field
from typing import Any

from strop.errors import StropError


@dataclass(frozen=True)
class Figure:
    """One number with its interval and what it was counted over; None where it is undefined."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Arm:
    """One method of a comparison: its figures on the test part (validation where there is no test), and what it took.

    settings: the recipe's keywords; curve: (epoch, loss, NDCG@20 on validation or None) a row;
    unit: what the first of these counts;
    points: per popularity group of items, (mean popularity, share of clicks, of recommendations, of likes, of hits).
    """

    name: str
    figures: tuple[Figure, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    curve: tuple[tuple[float | None, ...], ...] = ()
    points: tuple[tuple[float | None, ...], ...] = ()
    cost: dict[str, float] = field(default_factory=dict)
    trials: int = 0
    note: str = ""
    unit: str = "epoch"

    def figure(self, name: str) -> Figure:
        """The figure of that name; S102 where there is none."""
        for one in self.figures:
            if one.name == name:
                return one
        raise StropError(
            "S102", f'no figure "{name}" in arm "{self.name}"', "known: " + ", ".join(f.name for f in self.figures)
        )


@dataclass(frozen=True)
class Difference:
    """Arm minus baseline in one figure, paired over the same users or seeds; p is adjusted (Holm) within its family."""

    arm: str
    baseline: str
    figure: Figure
    p: float | None = None


@dataclass(frozen=True)
class Advice:
    """One line a person can act on, with the figure it rests on."""

    text: str
    figure: str = ""
    level: str = "note"  # good, note, warn


@dataclass(frozen=True)
class Table:
    """Rows that a person can act on (records to check, accounts to look at); the note says how they were chosen."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Recovered:
    """How much of each reference's gain over the base (0) every arm has (1: all of it); panels: reference -> a figure an arm.

    notes: reference -> why it has no figures, where it has none.
    """

    title: str
    panels: dict[str, tuple[Figure, ...]]
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DoseCurve:
    """A figure as a corruption grows: (dose, figure) points for each method; dose: a share of the records, from 0.

    up: what the upright axis says, where it is neither better nor worse to be high; then `title` heads the drawing too.
    form: "" as said; "reliability": a panel a line, confidence against share right; "shares": both axes are shares from 0 to 1.
    """

    title: str
    dose: str
    lines: dict[str, tuple[tuple[float, Figure], ...]]
    note: str = ""
    up: str = ""
    form: str = ""


@dataclass(frozen=True)
class Result:
    """What a run, an audit or a comparison found: plain values only, so that it can be written, read and drawn again.

    verdict: one sentence in words, with its figure; command: what makes it again.
    data: name, checksum, counts; versions: of strop, python, torch and the thread count.
    """

    kind: str  # run, audit, comparison, check
    title: str
    verdict: str
    command: str = ""
    arms: tuple[Arm, ...] = ()
    differences: tuple[Difference, ...] = ()
    figures: tuple[Figure, ...] = ()
    advice: tuple[Advice, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[DoseCurve, ...] = ()
    definitions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Receipt:
    """The outcome of a claim's experiment under its rule (EVIDENCE: evidence/METHOD/result.json)."""

    method: str
    paper: str
    claim: str
    scope: str  # mechanism, small, paper
    verdict: str  # holds, in part, not here, cannot tell; mechanism shown, not shown
    sentence: str
    data: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]
    baselines: tuple[str, ...]
    rule_commit: str
    designs_tried: tuple[str, ...]
    figures: tuple[Figure, ...]
    conditions: tuple[dict[str, Any], ...]
    cost: dict[str, float]
    command: str
    versions: dict[str, str]
