"""How is a figure written for a reader: its digits, its direction, its place in the order, and text that is safe to show?"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from math import floor, isfinite, log10
from typing import Any, NamedTuple

from strop.records import Arm, Difference, Figure

UNDEFINED = "–"
MAIN = ("recall", "ndcg", "reo", "di", "coverage", "arp")
BIAS = {"reo", "di", "mi", "rsp", "arp", "gini", "head"}
SHARES = {"coverage", "share", "head"}
WORSE_WHEN_HIGHER = re.compile(r"\b(error|gap|cost)\b")
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Cell(NamedTuple):
    """A figure as text: its value, and its interval ("" where it has none)."""

    value: str
    interval: str


def clean(text: object) -> str:
    """The text on one line, without control characters, direction overrides or lone surrogates."""
    return "".join(
        " " if one in "\n\r\t" else "\ufffd" if one in BIDI or unicodedata.category(one) in ("Cc", "Cs", "Cn") else one
        for one in str(text)
    )


def head(name: str) -> str:
    """The measure in a figure's name: "di" of "di@20 gamma=1.0"."""
    return re.split(r"[@ ]", name, maxsplit=1)[0].lower()


def is_bias(name: str) -> bool:
    """Whether the figure measures popularity bias (lower: less of it)."""
    return head(name) in BIAS


def is_share(name: str) -> bool:
    """Whether the figure is a part of a whole, shown in percent."""
    return bool(SHARES & set(re.split(r"[@ _-]", name.lower())))


def direction(name: str) -> str:
    """Which way is good, in words."""
    if is_bias(name):
        return "lower is less bias"
    return "lower is better" if WORSE_WHEN_HIGHER.search(name.lower().replace("_", " ")) else "higher is better"


def sense(difference: Difference) -> str:
    """What a difference says: better, worse, less bias, more bias, or "cannot tell" where 0 is not ruled out."""
    figure = difference.figure
    if figure.value is None or figure.low is None or figure.high is None:
        return ""
    if figure.low <= 0 <= figure.high or (difference.p is not None and difference.p >= 0.05):
        return "cannot tell"
    good = (figure.value < 0) == direction(figure.name).startswith("lower")
    return ("less bias" if good else "more bias") if is_bias(figure.name) else ("better" if good else "worse")


def pick(names: Iterable[str], measure: str) -> str | None:
    """The first of the names that is this measure."""
    return next((name for name in names if head(name) == measure), None)


def names_of(arms: Sequence[Arm]) -> list[str]:
    """Every figure name of the arms once, the main ones first."""
    found = list(dict.fromkeys(figure.name for arm in arms for figure in arm.figures))
    main = [name for measure in MAIN if (name := pick(found, measure))]
    return main + [name for name in found if name not in main]


def figure_of(arm: Arm, name: str) -> Figure:
    """The arm's figure of that name, undefined where it has none."""
    return next((figure for figure in arm.figures if figure.name == name), Figure(name, None))


def places(values: Iterable[float | None], *, digits: int = 3) -> int:
    """How many decimals show the largest of the values with that many digits."""
    top = max((abs(value) for value in values if value is not None and isfinite(value)), default=0.0)
    return min(max(digits - 1 - floor(log10(top)), 0), 9) if top > 0 else 0


def number(value: float | None, *, decimals: int | None = None, sign: str = "-") -> str:
    """The value with three significant digits (or so many decimals), thousands apart; `sign` as in a format string."""
    if value is None or not isfinite(value):
        return UNDEFINED
    count = places([value]) if decimals is None else decimals
    if count > 6 or abs(value) >= 1e9:
        return _minus(format(value, f"{sign}.2e"))
    text = format(value, f"{sign},.{count}f")
    return _minus(text.lstrip("-+") if not re.search("[1-9]", text) else text)


def cells(figures: Sequence[Figure], *, sign: str = "-") -> list[Cell]:
    """The figures as text, all with the same number of decimals, so that digits stand under digits."""
    factor, unit = (100.0, "%") if figures and is_share(figures[0].name) else (1.0, "")
    bounds = [x for one in figures for x in (one.value, one.low, one.high) if x is not None and isfinite(x)]
    whole = all(one.low is None and (one.value is None or one.value.is_integer()) for one in figures)
    count = 0 if whole and not unit else places([factor * bound for bound in bounds])  # counts are written as counts

    def text(value: float | None) -> str:
        return number(None if value is None else factor * value, decimals=count, sign=sign)

    def interval(one: Figure) -> str:
        return "" if one.low is None or one.high is None else f"[{text(one.low)}, {text(one.high)}]"

    return [Cell(text(one.value) + (unit if one.value is not None else ""), interval(one)) for one in figures]


def cell(figure: Figure, *, sign: str = "-") -> Cell:
    """One figure as text."""
    return cells([figure], sign=sign)[0]


def measured(condition: dict[str, Any]) -> Figure:
    """The figure in a receipt's condition; what is no number there is undefined."""
    value, low, high = (
        float(one) if isinstance(one := condition.get(key), int | float) else None for key in ("value", "low", "high")
    )
    return Figure(clean(condition.get("name", "")), value, low, high)


def met(condition: dict[str, Any]) -> tuple[str, str]:
    """Whether the condition is met, as a word and a tone; "" where the condition says nothing of it."""
    if "met" not in condition:
        return "", "flat"
    answer = condition["met"]
    return ("met", "good") if answer is True else ("not met", "bad") if answer is False else ("cannot tell", "flat")


def p_value(p: float | None) -> str:
    """The p value with three decimals."""
    return UNDEFINED if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def exact(value: Any) -> str:
    """A number that somebody chose (a threshold), with the digits it was given."""
    return _minus(f"{value:.6g}") if isinstance(value, int | float) else UNDEFINED if value is None else clean(value)


def setting(value: Any) -> str:
    """A setting or a fact as text; a long list becomes its length, so that no table of names reaches a page."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return _joined([f"{key} {setting(one)}" for key, one in value.items()])
    if isinstance(value, list | tuple):
        return _joined([setting(one) for one in value])
    return clean(value)


def shorten(text: str, length: int) -> str:
    """The text, cut to that many characters with an ellipsis."""
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def _joined(parts: list[str]) -> str:
    return f"{len(parts)} entries" if len(parts) > 12 else ", ".join(parts)


def _minus(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
