"""Which of a rule's conditions do the rows of its splits meet, and what verdict follows? The same arithmetic for every receipt.

A rule's condition: {"name", "text", "data", "arm", "against", "figure", "kind", "relative", "margin", "part of the
verdict"}. A row: {"data", "seed", "checksum", "settings", "figures": {arm: {figure: value}}, "half widths":
{"ARM - BASE": {figure: half width of the user bootstrap of the difference}}}.
"""

from math import erfc, sqrt
from typing import Any

from strop.audits import intervals
from strop.experiments.running import ANCHORS, versions
from strop.records import Figure, Receipt

Row = dict[str, Any]
LEAST_SEEDS = 3
SAID = 3  # figures, and missed conditions, in the sentence
VERDICT = (
    "exact checks not met: cannot tell. Holds: every condition that is part of the verdict is met; in part: some are; "
    "not here: none is, and for one at least the interval rules the claimed effect out; cannot tell: otherwise. "
    "For scope mechanism: mechanism shown (all met), in part (some), not shown (none, one ruled out)."
)
KINDS = {
    "gain": "mean at least the margin, and above 0 after Holm",
    "kept": "lower bound above minus the margin",
    "below": "upper bound below the margin",
}


def difference(rows: list[Row], condition: Row) -> tuple[Figure, float | None]:
    """(arm - against) over the seeds in the condition's figure, with the wider of the t interval and the users'; its p.

    relative: divided by what it is held against, seed by seed. Without an `against` the arm's own value, whose p is that
    of a mean of 0. None over fewer than three seeds in which both are defined.
    """
    arm, against, name = condition["arm"], condition.get("against", ""), condition["figure"]
    steps, halves = [], []
    for row in (r for r in rows if r["data"] == condition["data"]):
        ours, base = row["figures"][arm][name], row["figures"][against][name] if against else 0.0
        scale = base if condition.get("relative") else 1.0
        if ours is None or base is None or scale == 0:
            continue
        steps.append((ours - base) / scale)
        half = _half_width(row.get("half widths", {}), arm, against, name)
        halves += [half / abs(scale)] if half is not None else []
    title = f"{condition['data']}: {_title(condition)}"
    if len(steps) < LEAST_SEEDS:
        return Figure(title, None, n=len(steps)), None
    mean, low, high, p = intervals.paired_t(steps)
    if halves and low is not None and high is not None and p is not None:
        half = sum(halves) / len(halves)
        low, high = intervals.wider((low, high), (mean - half, mean + half))
        p = max(p, erfc(abs(mean) / half * 1.959963984540054 / sqrt(2))) if half > 0 else p
    return Figure(title, mean, low, high, len(steps)), p


def _title(condition: Row) -> str:
    arm, against, name = condition["arm"], condition.get("against", ""), condition["figure"]
    if not against:
        return f"{name} of {arm}"
    return (
        f"{arm}, change of {name} against {against}"
        if condition.get("relative")
        else f"{name} of {arm} minus {against}"
    )


def _half_width(found: dict[str, dict[str, float]], arm: str, against: str, name: str) -> float | None:
    for key in (f"{arm} - {against}", f"{against} - {arm}") if against else (arm,):
        if key in found:
            return found[key].get(name)
    return None


def _met(condition: Row, figure: Figure, adjusted: float | None) -> bool | None:
    value, low, high = figure.value, figure.low, figure.high
    if value is None or low is None or high is None:
        return None
    if condition["kind"] == "kept":
        return low > -float(condition["margin"])
    if condition["kind"] == "below":
        return high < float(condition["margin"])
    return value >= float(condition["margin"]) and low > 0 and adjusted is not None and adjusted < 0.05


def _ruled_out(condition: Row, figure: Figure) -> bool:
    """Whether the interval leaves no room for what is claimed."""
    if figure.low is None or figure.high is None:
        return False
    margin = float(condition["margin"])
    return {"gain": figure.high < margin, "kept": figure.high < -margin, "below": figure.low > margin}[
        condition["kind"]
    ]


def judge(
    rule: Row, rows: list[Row], exact: list[Row], *, commit: str, cost: dict[str, float], command: str
) -> Receipt:
    """The receipt: exact checks, every condition with its figure, all levels, and the verdict of VERDICT.

    exact: {"name", "text", "value", "met"} a check, as the claim's own `exact` gives them.
    """
    found = [difference(rows, one) for one in rule["conditions"]]
    gains = [p if one["kind"] == "gain" else None for one, (_, p) in zip(rule["conditions"], found, strict=True)]
    adjusted = [None if p != p else float(p) for p in intervals.holm(gains)]
    tested = []
    for one, (figure, _), p in zip(rule["conditions"], found, adjusted, strict=True):
        told: Row = {
            "name": f"{one['name']}: {one['text']}",
            "text": f"{KINDS[one['kind']]}{_least(figure)}",
            "threshold": -one["margin"] if one["kind"] == "kept" else one["margin"],
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "met": _met(one, figure, p),
            "p, Holm": p,
            "part of the verdict": one["part of the verdict"],
        }
        tested.append(told | {"ruled out": _ruled_out(one, figure)})
    verdict = verdict_of(exact, tested, mechanism=rule["scope"] == "mechanism")
    figures = tuple({f.name: f for f, _ in found}.values()) + levels(rows)
    checks = tuple({"threshold": None, "low": None, "high": None} | check for check in exact)
    by_data = {name: [r for r in rows if r["data"] == name] for name in rule["data"]}
    return Receipt(
        rule["method"],
        rule["paper"],
        rule["claim"],
        rule["scope"],
        verdict,
        _sentence(rule, rows, verdict, found, (*checks, *tested)),
        tuple(
            {"name": name, "seeds": len(r), "checksums of train": [x["checksum"][:12] for x in r]}
            for name, r in by_data.items()
        ),
        tuple(sorted({r["seed"] for r in rows})),
        tuple(sorted({arm for r in rows for arm in r["figures"]} - {c["arm"] for c in rule["conditions"]})),
        commit,
        tuple(rule["designs tried"]),
        figures,
        (*checks, *tested),
        cost,
        command,
        versions(),
    )


def _least(figure: Figure) -> str:
    least = intervals.minimum_detectable(figure.low, figure.high)
    return "" if least is None else f"; smallest difference seen 8 times in 10: {least:.3g}"


def verdict_of(exact: list[Row], tested: list[Row], *, mechanism: bool) -> str:
    """As VERDICT says, of checks and conditions with "met", "ruled out" and "part of the verdict"."""
    asked = [c for c in tested if c["part of the verdict"]]
    if not asked or not all(c["met"] for c in exact):
        return "cannot tell"
    met = [c["met"] is True for c in asked]
    if all(met):
        return "mechanism shown" if mechanism else "holds"
    if any(met):
        return "in part"
    if any(c["ruled out"] for c in asked):
        return "not shown" if mechanism else "not here"
    return "cannot tell"


def levels(rows: list[Row]) -> tuple[Figure, ...]:
    """The mean of every figure of every arm over the seeds, with its t interval."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for arm, figures in row["figures"].items():
            for name, value in figures.items():
                if value is not None:
                    values.setdefault(f"{row['data']}: {arm}, {name}", []).append(value)
    return tuple(Figure(name, *intervals.paired_t(v)[:3], len(v)) for name, v in values.items())


def _beaten(rule: Row, rows: list[Row]) -> list[str]:
    """Free anchors that are surely better than the arm of a gain, on its data and in its figure."""
    found = {}
    for one in rule["conditions"]:
        if one["kind"] != "gain" or not one["part of the verdict"]:
            continue
        for anchor in rule.get("free anchors", ANCHORS):
            if any(anchor not in r["figures"] for r in rows if r["data"] == one["data"]):
                continue
            gap, _ = difference(rows, {**one, "arm": anchor, "against": one["arm"], "relative": False})
            if gap.low is not None and gap.low > 0:
                found[f"{anchor} is better than {one['arm']} on {one['data']} ({one['figure']} {gap.value:+.3f})"] = 0
    return list(found)


def _sentence(
    rule: Row, rows: list[Row], verdict: str, found: list[tuple[Figure, float | None]], all_: tuple[Row, ...]
) -> str:
    words = "; ".join(_beaten(rule, rows))
    words = f"{words[0].upper()}{words[1:]}. " if words else ""
    told = {}
    for one, (figure, _) in zip(rule["conditions"], found, strict=True):
        if one["part of the verdict"]:
            share = ".1%" if one.get("relative") else ".3f"
            told[f"{figure.name} {'undefined' if figure.value is None else format(figure.value, '+' + share)}"] = 0
    missed = [c["name"] for c in all_ if c["met"] is not True and c.get("part of the verdict", True)]
    kind = {"mechanism": "A mechanism run", "paper": "At the paper's scale"}.get(rule["scope"], "A small run")
    return f"{words}{kind}: {_first(list(told))}. Verdict: {verdict}." + (
        f" Not met: {_first(missed)}." if missed else ""
    )


def _first(told: list[str]) -> str:
    """As many as a sentence carries; the conditions hold all."""
    return "; ".join(told[:SAID] + ([f"and {len(told) - SAID} more"] if len(told) > SAID else []))
