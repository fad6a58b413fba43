"""What do the rows of IPL's receipt say, under its rule?"""

from typing import Any

import numpy as np

from strop.audits import intervals
from strop.audits.measure import measure
from strop.experiments.claims.ipl import change, gradient_error, identical_at_zero
from strop.experiments.running import versions
from strop.records import Clicks, Figure, Receipt

RECALL, REO, DI = "recall@20", "reo@20", "di@20 gamma=1.0"
Row = dict[str, Any]


def worked_case() -> bool:
    """Condition 1: four users, four items, lists of two, every hit count worked on paper.

    Train: u0 {0}, u1 {0, 3}, u2 {1}, u3 {2}. Held out: u0 {1, 3}, u1 {1}, u2 {0, 2}, u3 {0}. Lists: u0 [1, 2], u1 [2, 1],
    u2 [0, 3], u3 [1, 0]. Hits: item 0 by u2 and u3, item 1 by u0 and u1: C = (2, 2, 0, 0); likes q = (2, 2, 1, 1), so
    r = (1, 1, 0, 0), mean 1/2, deviation (over n) 1/2: DI = 1. Recall = (1/2 + 1 + 1/2 + 1) / 4.
    ARP: popularity (2, 1, 1, 1): lists (1 + 1)/2, (1 + 1)/2, (2 + 1)/2, (1 + 2)/2: mean 1.25.
    """
    names = (np.arange(4), np.arange(4))
    train = Clicks(np.array([0, 1, 1, 2, 3]), np.array([0, 0, 3, 1, 2]), *names)
    truth = Clicks(np.array([0, 0, 1, 2, 2, 3]), np.array([1, 3, 1, 0, 2, 0]), *names)
    lists = np.array([[1, 2], [2, 1], [0, 3], [1, 0]], np.int32)
    found = measure(lists, train=train, truth=truth, k=2).values
    expected = {"recall@2": 0.75, "di@2 gamma=1.0": 1.0, "arp@2": 1.25}
    perfect = np.array([[1, 3], [1, -1], [0, 2], [0, -1]], np.int32)
    fair = measure(perfect, train=train, truth=truth, k=2).values["di@2 gamma=1.0"]
    return all(abs(found[name] - value) < 1e-12 for name, value in expected.items()) and abs(fair) < 1e-12


def _condition(name: str, text: str, figure: Figure, threshold: float | None, met: bool | None, p: float | None) -> Row:
    return {
        "name": name,
        "text": text,
        "threshold": threshold,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "met": met,
        "p": p,
    }


def _fall(rows: list[Row], arm: str, *, name: str, fall: float, margin: float, figures: list[Figure]) -> list[Row]:
    """The conditions that REO (and DI, for a mild fall) is surely lower by `fall`, and recall not lower by `margin`."""
    out, wanted = [], (REO, DI) if fall < 0.2 else (REO,)
    for measured_name in (*wanted, RECALL):
        mean, low, high, p = change(rows, arm, measured_name)
        figure = Figure(f"{rows[0]['data']}: {arm}, change of {measured_name}", mean, low, high, len(rows))
        figures.append(figure)
        if measured_name == RECALL:
            text, met, bound = _kept(low, high, margin), low > -margin, -margin
        else:
            text, met, bound = f"falls by {fall:.0%} or more, surely", mean <= -fall and high < 0, -fall
        out.append(_condition(f"{name}: {measured_name}, {rows[0]['data']}", text, figure, bound, met, p))
    return out


def _kept(low: float, high: float, margin: float) -> str:
    """What is asked of recall, and how small a loss this many seeds and users could have shown."""
    least = intervals.minimum_detectable(low, high)
    return f"lower bound above {-margin:.1%}; smallest loss seen 8 times in 10: {least or 0:.1%}"


def _matched(rows: list[Row], figures: list[Figure]) -> list[Row]:
    """IPL's REO minus log-popularity's at a matched recall, over the seeds in which both paths reach it."""
    pairs = [(row["matched"]["ipl"], row["matched"]["log_popularity"]) for row in rows]
    gaps = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    name = f"4: REO at matched recall, {rows[0]['data']}"
    if len(gaps) < 3:
        empty = Figure(name, None, n=len(gaps))
        return [_condition(name, f"only {len(gaps)} of {len(rows)} seeds reach it", empty, 0.0, None, None)]
    mean, low, high, p = intervals.paired_t(gaps)
    figure = Figure(
        f"{rows[0]['data']}: REO of IPL minus log-popularity's at 98 % of recall", mean, low, high, len(gaps)
    )
    figures.append(figure)
    return [_condition(name, "upper bound below 0", figure, 0.0, high is not None and high < 0, p)]


def receipt(rule: dict[str, Any], rows: list[Row], *, commit: str, cost: dict[str, float], command: str) -> Receipt:
    """The receipt: every condition with its figures, then the verdict that the rule makes of them."""
    by_data = {name: [r for r in rows if r["data"] == name] for name in rule["data"]}
    margins, figures = rule["margins"], list(_levels(by_data))
    exact = [
        _condition(
            "1: metrics on the worked case", "equal to 1e-12", Figure("worked case", 1.0), None, worked_case(), None
        ),
        _condition(
            "2: strength 0 is BPR continued",
            "the same bytes",
            Figure("same bytes", 1.0),
            None,
            identical_at_zero(),
            None,
        ),
    ]
    error = gradient_error()
    exact.append(
        _condition(
            "5: gradient of the penalty", "relative error below 1e-4", Figure("error", error), 1e-4, error < 1e-4, None
        )
    )
    mild = {"fall": margins["fall mild"], "margin": margins["mild"], "figures": figures}
    tested = [
        *_fall(by_data["ml-100k"], "ipl mild", name="3a", **mild),
        *_fall(
            by_data["ml-100k"],
            "ipl strong",
            name="3b",
            fall=margins["fall strong"],
            margin=margins["strong"],
            figures=figures,
        ),
        *_fall(by_data["lastfm"], "ipl mild", name="3c", **mild),
        *_matched(by_data["ml-100k"], figures),
        *_matched(by_data["lastfm"], figures),
    ]
    for name in ("planted likes", "coat"):
        tested += _uniform(by_data[name], margins["mild"], figures)
    adjusted = intervals.holm([c["p"] for c in tested])
    for one, p in zip(tested, adjusted, strict=True):
        one["p, Holm"] = None if np.isnan(p) else float(p)
        if one["met"] and not one["name"].endswith(tuple(f"{RECALL}, {d}" for d in by_data)):
            one["met"] = bool(p < 0.05)  # a fall counts only if it survives the adjustment
    beaten = _beaten(by_data, figures)
    verdict = _verdict(exact, tested)
    return Receipt(
        rule["method"],
        rule["paper"],
        rule["claim"],
        rule["scope"],
        verdict,
        _sentence(verdict, tested, beaten),
        tuple(
            {"name": name, "seeds": len(r), "checksums of train": [x["checksum"][:12] for x in r]}
            for name, r in by_data.items()
        ),
        tuple(sorted({r["seed"] for r in rows})),
        tuple(name for name in rows[0]["figures"] if not name.startswith("ipl ")),
        commit,
        tuple(rule["designs tried"]),
        tuple(figures),
        (*exact, *tested),
        cost,
        command,
        versions(),
    )


def _uniform(rows: list[Row], margin: float, figures: list[Figure]) -> list[Row]:
    """Condition 6: DI on a test part without the log's bias."""
    out = []
    for name in (DI, RECALL):
        mean, low, high, p = change(rows, "ipl mild", name)
        figure = Figure(f"{rows[0]['data']}: ipl mild, change of {name}", mean, low, high, len(rows))
        figures.append(figure)
        met = high < 0 if name == DI else low > -margin
        text = "upper bound below 0" if name == DI else _kept(low, high, margin)
        out.append(_condition(f"6: {name}, {rows[0]['data']}", text, figure, 0.0 if name == DI else -margin, met, p))
    return out


def _levels(by_data: dict[str, list[Row]]) -> list[Figure]:
    """The mean of every figure of every arm, with a t interval over seeds."""
    out = []
    for data, rows in by_data.items():
        for arm in rows[0]["figures"]:
            for name in rows[0]["figures"][arm]:
                values = [r["figures"][arm][name] for r in rows if r["figures"][arm][name] is not None]
                if len(values) > 1:
                    mean, low, high, _ = intervals.paired_t(values)
                    out.append(Figure(f"{data}: {arm}, {name}", mean, low, high, len(values)))
    return out


def _beaten(by_data: dict[str, list[Row]], figures: list[Figure]) -> list[str]:
    """Other arms whose REO is surely below IPL's under the same selection."""
    found = []
    for data in ("ml-100k", "lastfm"):
        for arm in by_data[data][0]["against ipl"]:
            mean, low, high, _ = intervals.paired_t([r["against ipl"][arm] for r in by_data[data]])
            figures.append(Figure(f"{data}: REO of {arm} minus IPL's", mean, low, high, len(by_data[data])))
            if high is not None and high < 0:
                found.append(f"{arm} on {data} ({mean:+.3f})")
    return found


def _met(conditions: list[Row], start: str, data: str = "") -> bool:
    chosen = [c for c in conditions if c["name"].startswith(start) and c["name"].endswith(data)]
    return bool(chosen) and all(c["met"] is True for c in chosen)


def _verdict(exact: list[Row], tested: list[Row]) -> str:
    """As rule.json's "verdict" says."""
    if not all(c["met"] for c in exact):
        return "cannot tell"
    parts = [
        _met(tested, "3a"),
        _met(tested, "3b"),
        _met(tested, "3c"),
        _met(tested, "4", "ml-100k") and _met(tested, "4", "lastfm"),
    ]
    if parts[0] and parts[2] and parts[3]:
        return "holds"
    if any(parts):
        return "in part"
    falls = [
        c["high"] is not None and c["high"] < 0 for c in tested if REO in c["name"] and c["name"][:2] in ("3a", "3c")
    ]
    return "cannot tell" if any(falls) else "not here"


def _sentence(verdict: str, tested: list[Row], beaten: list[str]) -> str:
    changes = {c["name"]: c["value"] for c in tested}
    told = [
        f"on {data} the mild setting changes REO by {changes[f'{which}: {REO}, {data}']:+.1%}, DI by "
        f"{changes[f'{which}: {DI}, {data}']:+.1%} and Recall@20 by {changes[f'{which}: {RECALL}, {data}']:+.1%}"
        for which, data in (("3a", "ml-100k"), ("3c", "lastfm"))
    ]
    words = f"A small run: {'; '.join(told)}, against BPR trained as long."
    if beaten:
        words = f"Under the same selection these have a lower REO than IPL: {', '.join(beaten)}. " + words
    missed = [c["name"] for c in tested if c["met"] is not True]
    return f"{words} Verdict: {verdict}." + (f" Not met: {'; '.join(missed)}." if missed else "")
