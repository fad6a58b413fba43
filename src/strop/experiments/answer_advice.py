"""How is an audit of confidences told, in words, each line with its figure?"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from strop.records import Advice, Figure

if TYPE_CHECKING:
    from strop.experiments.audit_answers import Found, Gated, Measured

OFF = 0.02  # of a share, at the nearer bound, before a page says too sure or not sure enough
PARSED = 0.98
MATTERS = 0.01  # of AUROC, at the nearer bound, before one confidence is said to order better than another
ORDERS = 0.05  # how far an AUROC's interval may reach over 0.5 for "no order"
CLOSE = 0.1  # the widest half of an interval that still says "as sure as right"
SAME = 0.8  # share of answers with one and the same confidence


def number(figure: Figure, *, sign: str = "") -> str:
    """.32 [.29, .35]"""
    if figure.value is None:
        return "not defined"
    bounds = "" if figure.low is None or figure.high is None else f" [{figure.low:{sign}.2f}, {figure.high:{sign}.2f}]"
    return f"{figure.value:{sign}.2f}{bounds}"


def share(figure: Figure) -> str:
    """61 % with its interval."""
    if figure.value is None:
        return "not defined"
    bounds = "" if figure.low is None or figure.high is None else f" [{figure.low:.0%}, {figure.high:.0%}]"
    return f"{figure.value:.0%}{bounds}"


def too_sure(one: "Measured") -> bool | None:
    """True: surely too sure by OFF and more; False: too little; None: neither."""
    gap = one.told.gap
    if gap.low is None or gap.high is None:
        return None
    return True if gap.low > OFF else False if gap.high < -OFF else None


def bent(one: "Measured") -> bool:
    """Whether it is surely off though not in the mean, by both ways of binning: too sure here and too little there."""
    return all(ece.low is not None and ece.low > OFF for ece in (one.told.ece, one.by_mass))


def orders(one: "Measured") -> str:
    """right, inverted, none, alike (all the same), undefined, or open."""
    auroc = one.told.auroc
    if auroc.value is None:
        return "undefined"
    if len(np.unique(one.values[~np.isnan(one.values)])) < 2:
        return "alike"
    if auroc.low is None or auroc.high is None:
        return "open"
    if auroc.low > 0.5:
        return "right"
    if auroc.high < 0.5:
        return "inverted"
    return "none" if auroc.high - 0.5 < ORDERS and 0.5 - auroc.low < ORDERS else "open"


def rivals(found: "Found") -> tuple[list[str], list[str], list[str]]:
    """Free confidences that surely order better than the first by 0.01 of AUROC, that it so beats, and of which neither is sure.

    Each interval is widened to hold for all free ones together (Bonferroni).
    """
    better: list[str] = []
    worse: list[str] = []
    alike: list[str] = []
    if found.first.free:
        return better, worse, alike
    many = sum(one.free and one.name in found.against for one in found.measured)
    wider = float(ndtri(1 - 0.025 / max(many, 1)) / ndtri(0.975))
    for one in found.measured[1:]:
        if not one.free or one.name not in found.against:
            continue
        gap = found.against[one.name]["AUROC"][0]
        if gap.value is None or gap.low is None or gap.high is None:
            continue
        low, high = (gap.value + (bound - gap.value) * wider for bound in (gap.low, gap.high))
        (better if high < -MATTERS else worse if low > MATTERS else alike).append(one.name)
    return better, worse, alike


def verdict(found: "Found") -> str:
    """As sure as right? In order? And does a free one do as well?"""
    one, told = found.first, found.first.told
    sure = too_sure(one)
    gap = told.gap.value or 0.0
    how = f"by {number(told.gap, sign='+')}"
    if sure is not None:
        word = f"overconfident {how}" if sure else f"underconfident {how}"
    elif bent(one):
        word = f"right in the mean, but off by {number(told.ece)} where one looks (ECE)"
    elif told.gap.low is None or told.gap.high is None or told.gap.high - told.gap.low > 2 * CLOSE:
        word = f"too few answers to say whether that is too sure ({number(told.gap, sign='+')})"
    else:
        word = f"as sure as it is right, within {max(abs(told.gap.low), abs(told.gap.high), abs(gap)):.2f}"
    first = f"{one.name} says {told.mean.value:.2f} and is right {told.accuracy.value:.2f} of the time: {word}"
    auroc = number(told.auroc)
    order = {
        "right": f"it orders right before wrong, AUROC {auroc}",
        "inverted": f"the surer, the more often wrong: AUROC {auroc}",
        "none": f"it does not tell right from wrong, AUROC {auroc}",
        "open": f"whether it tells right from wrong cannot be told, AUROC {auroc}",
        "alike": "it says the same of every answer, which orders nothing",
        "undefined": f"all answers are {'right' if told.accuracy.value else 'wrong'}, so there is no order to judge",
    }[orders(one)]
    return f"{first}; {order}.{_free(found)}"


def _free(found: "Found") -> str:
    better, worse, alike = rivals(found)
    if better:
        return f" A free one orders better: {better[0]}, AUROC{_turned(found, better[0])}."
    if alike:
        return f" A free one may do as well: AUROC over {alike[0]} {_gap(found, alike[0])}."
    if worse:
        least = min(worse, key=lambda name: found.against[name]["AUROC"][0].value or 0.0)
        return f" It orders better than the free ones: AUROC over {least} {_gap(found, least)}."
    return ""


def _gap(found: "Found", name: str) -> str:
    return number(found.against[name]["AUROC"][0], sign="+")


def _turned(found: "Found", name: str) -> str:
    gap = found.against[name]["AUROC"][0]
    low, high = gap.high, gap.low
    bounds = "" if low is None or high is None else f" [{-low:+.2f}, {-high:+.2f}]"
    return f" {-(gap.value or 0.0):+.2f}{bounds}"


def advice(found: "Found") -> list[Advice]:
    """All lines: the free rival, how sure, in which order, what to keep, what was not read, when to look up."""
    one = found.first
    lines = [*_rival(found), *_sure(one), *_order(one), *_keep(one), *_read(one), *_few(one)]
    return lines + ([] if one.gated is None else _look_up(one.gated, one.name))


def _rival(found: "Found") -> list[Advice]:
    better, worse, alike = rivals(found)
    if not any(other.free for other in found.measured):
        text = "No free confidence in the file to hold it against: add a column of token probability, or several answers a question for their agreement"
        return [Advice(text, "not measured")]
    if found.first.free:
        return []
    lines = []
    for name in better:
        text = (
            f"Use {name} in place of {found.first.name} to sort and to filter: it orders better, and needs no training"
        )
        lines.append(Advice(text, f"AUROC{_turned(found, name)}", "warn"))
    for name in alike:
        text = f"Nothing here shows that {found.first.name} orders better than {name}, which is free"
        lines.append(Advice(text, f"AUROC {_gap(found, name)}"))
    for name in worse:
        lines.append(
            Advice(f"{found.first.name} orders better than {name}, which is free", f"AUROC {_gap(found, name)}", "good")
        )
    return lines


def _sure(one: "Measured") -> list[Advice]:
    told = one.told
    chance = f"ECE {number(told.ece)}; a calibrated writer would show {number(told.by_chance)}"
    sure = too_sure(one)
    if sure is None and not bent(one):
        wide = told.gap.low is None or told.gap.high is None or told.gap.high - told.gap.low > 2 * CLOSE
        text = (
            "Whether it is as sure as it is right cannot be told closely: more judged answers"
            if wide
            else "It may be shown as a probability: no more is wrong with it than chance does"
        )
        return [Advice(text, chance, "note" if wide else "good")]
    what = (
        "It is off in parts"
        if sure is None
        else "Do not show it as a probability: it is too sure"
        if sure
        else "It is less sure than it is right"
    )
    lines = [Advice(what, f"{number(told.gap, sign='+')}; {chance}", "warn")]
    if best := one.best:
        after = one.after[best].ece
        text = f"The {best} map, fitted on other questions, mends it: see what it means when it says so, and the calibrated file"
        if after.low is not None and after.low > OFF:
            text = f"The {best} map, fitted on other questions, mends only part of it: its ECE is still sure to be above {OFF}"
        if orders(one) == "inverted":
            text = "A rising map can only make it say the share right of every answer: turn it round, or use another confidence"
        lines.append(Advice(text, f"ECE {number(told.ece)} to {number(after)}", "note"))
    elif one.unfitted:
        lines.append(Advice(f"No map can be fitted to mend it: {one.unfitted}", "not fitted"))
    return lines


def _order(one: "Measured") -> list[Advice]:
    told = one.told
    auroc = f"AUROC {number(told.auroc)}"
    said = one.values[~np.isnan(one.values)]
    values, counts = np.unique(said, return_counts=True)
    text, level = {
        "right": ("It may be used to sort and to filter: right answers tend to be surer", "good"),
        "inverted": ("The surer, the more often wrong: is the column turned round? Do not filter by it", "warn"),
        "none": ("Do not filter by it: it does not tell right answers from wrong ones", "warn"),
        "open": ("Whether it tells right from wrong cannot be told from so few: more judged answers", "note"),
        "alike": ("It says the same of every answer: nothing can be sorted or filtered by it", "warn"),
        "undefined": (f"All answers are {'right' if told.accuracy.value else 'wrong'}: no order can be measured; judge {'harder' if told.accuracy.value else 'easier'} questions", "note"),
    }[orders(one)]  # fmt: skip
    lines = [Advice(text, auroc, level)]
    most = counts.max() / counts.sum()
    if len(values) > 1 and most > SAME:
        often = f"{most:.0%} of the answers have {values[counts.argmax()]:.2f}"
        lines.append(Advice("Nearly always the same is said: among those it orders nothing", often))
    return lines


def _keep(one: "Measured") -> list[Advice]:
    kept = one.keeping
    if one.told.accuracy.value is not None and one.told.accuracy.value >= kept.wanted:
        return [
            Advice(
                f"{kept.wanted:.0%} are right as it is: nothing has to be left out for that",
                share(one.told.accuracy),
                "good",
            )
        ]
    if kept.threshold is None or kept.right.value is None:
        text = f"No threshold keeps {kept.wanted:.0%} right, not with {20} answers kept"
        return [Advice(text, f"{share(one.told.accuracy)} of all are right")]
    text = f"Answer only from {kept.threshold:.2f} on, and {share(kept.right)} of the kept are right, {share(kept.covered)} are kept (on questions that the threshold was not chosen on)"
    return [Advice(text, f"threshold {kept.threshold:.2f} for {kept.wanted:.0%}")]


def _read(one: "Measured") -> list[Advice]:
    rate = one.told.parse_rate
    if rate.value is None or rate.value >= 1:
        return []
    zero = "; ".join(f"{figure.name.split(' with')[0]} {number(figure)}" for figure in one.told.as_zero[::2])
    text = "Answers without a confidence are in none of these figures; with them as 0"
    return [Advice(f"{text}: {zero}", f"{share(rate)} have one", "warn" if rate.value < PARSED else "note")]


def _few(one: "Measured") -> list[Advice]:
    chance = one.told.by_chance
    if chance.high is None or chance.high < 0.1:
        return []
    text = "So few answers show this much calibration error by chance alone, of a writer with none"
    return [Advice(text, f"ECE {number(chance)}, {chance.n:,} answers")]


def _look_up(gate: "Gated", name: str) -> list[Advice]:
    curve = gate.curve
    ends = f"{share(gate.right)} right with {gate.rate:.0%} looked up; never {curve.never:.0%}, always {curve.always:.0%}, oracle {curve.best:.0%}"
    if gate.threshold == 0:
        return [Advice("Looking things up does not pay at any threshold", ends)]
    beats = gate.over_random.low is not None and gate.over_random.low > 0
    if gate.threshold > 1:
        return [Advice("Look everything up: no threshold does better", ends)]
    text = f"Look things up where {name} is below {gate.threshold:.2f}"
    if not beats:
        text += ": no better than looking up as many at random, so far as can be told"
    figure = (
        f"{ends}; over random {number(gate.over_random, sign='+')}, over always {number(gate.over_always, sign='+')}"
    )
    return [Advice(text, figure, "good" if beats else "note")]
