"""What do flip rates become when clicks are drawn more often than the rest, and what do checked ones tell of them?

A recommender learns from all clicks and from about as many of the far more numerous pairs without one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from strop.channels.estimates import Estimate, checked_rows, not_identified, share
from strop.errors import StropError
from strop.records import Figure, Judgements

Array = npt.NDArray[Any]
ASSUMES = "within the clicks, and within the rest, the slice was drawn at random"


def sampled_rates(
    missed: Array | float, invented: Array | float, *, ratio: Array | float
) -> tuple[Array, Array, Array]:
    """(missed, invented, shift) of the labels that are drawn, where clicks are drawn `ratio` times as often as the rest.

    missed: a = P(no click | like); invented: b = P(click | no like), tiny: over all pairs; in [0, 1), a + b below 1.
    ratio: k above 0. With m pairs drawn beside each of a user's n clicks, from the N not clicked: k = N / (n m).
    All broadcast. With p = P(like), P(click) = (1 - a) p + b (1 - p), and among what is drawn, Bayes in each class gives
        A = k (1 - a) + a and B = k b + 1 - b: how often a like, and another pair, is drawn;
        a' = a / A, b' = k b / B: how often its label is then wrong; p' / (1 - p') = A / B * p / (1 - p);
        P(click | drawn) = (1 - a') p' + b' (1 - p').
    So drawing turns a channel into a channel, and a' + b' < 1 where a + b < 1. But p' orders items as p does only where
    A / B is the same for all items. Without flips logit p' = logit p + log k, a constant of the user; so let a model's
    score stand for logit p + log k, and correct the margin of score + shift, shift = log(A / B) - log k, by (a', b').
    A like is rarely among the drawn rest: a' is about a / k and does nearly nothing, and what undoes missed likes is
    the shift, about log(1 - a), the same idea as an inverse propensity. Of the clicks a share d is false where
    k b = d / m, nearly: b' = d / (m + d).
    Errors: S301. Not for: a learner that visits all pairs (ratio 1 changes nothing); rates that were guessed.
    Ours: Bayes' rule, as in case-control studies.
    """
    a, b, k = (np.asarray(x, float) for x in (missed, invented, ratio))
    if not ((a >= 0).all() and (b >= 0).all() and (a + b < 1).all()):
        raise StropError("S301", "rates are below 0, or sum to 1 or more", "else a label says nothing, or its opposite")
    if not ((k > 0) & np.isfinite(k)).all():
        raise StropError("S301", "the ratio is not above 0", "not clicked / (clicked x drawn beside each click)")
    likes, others = k * (1 - a) + a, k * b + 1 - b
    return a / likes, k * b / others, np.log(likes / others / k)


def estimated_rates(judgements: Judgements, *, clicks: int, others: int) -> Estimate:
    """missed, invented, the false share of clicks and the liked share of the rest, from a checked slice of both.

    judgements: positive where there was a click; truth and checked: which of them were asked about. The slice may hold
    clicks and the rest in any proportion; clicks, others: how many there are of each, above 0.
    With d the false share and w the liked one: missed / (1 - missed) = w others / ((1 - d) clicks), and
    invented / (1 - invented) = d clicks / ((1 - w) others): the two intervals are those of ratios of independent shares
    (Wilson's, combined). From checked clicks alone only the false share is told, and from unchecked ones nothing.
    Errors: S301 counts. Not for: rates that differ by item or user (these are averages); fewer than about 5 likes found
    among the rest, where the interval of missed says nearly nothing. Paper: wilson1927; newcombe2016
    """
    if clicks < 1 or others < 1:
        raise StropError("S301", f"clicks {clicks}, others {others}", "both are counts above 0")
    names = ("missed", "invented", "false share of clicks", "liked share of the rest")
    rows = checked_rows(judgements)
    if rows is None:
        return not_identified(
            "clicks alone do not say which were meant, nor which likes are missing: check some", *names
        )
    truth, seen = (np.asarray(a, bool)[rows] for a in (judgements.truth, judgements.positive))
    false, liked = share(names[2], ~truth[seen]), share(names[3], truth[~seen])
    n = len(rows)
    figures = (
        _rate(names[0], liked, false, scale=others / clicks, n=n),
        _rate(names[1], false, liked, scale=clicks / others, n=n),
        false,
        liked,
    )
    reason = "" if figures[0].value is not None else "both clicks and pairs without one must be among the checked"
    return Estimate("a checked slice", figures, ASSUMES, reason=reason)


def _rate(name: str, top: Figure, other: Figure, *, scale: float, n: int) -> Figure:
    """odds / (1 + odds) with odds = scale * top / (1 - other), with the interval of a ratio. Paper: newcombe2016"""
    if top.value is None or other.value is None or other.value == 1:
        return Figure(name, None)
    x, low, high = top.value, top.low or 0.0, top.high or 0.0
    y, least, most = 1 - other.value, 1 - (other.high or 0.0), 1 - (other.low or 0.0)
    below, above = most * (2 * y - most), least * (2 * y - least)
    down = max((x * y) ** 2 - low * (2 * x - low) * below, 0.0)
    up = max((x * y) ** 2 - high * (2 * x - high) * above, 0.0)
    odds = (scale * x / y, scale * (x * y - down**0.5) / below, scale * (x * y + up**0.5) / above)
    value, lower, upper = (o / (1 + o) for o in odds)
    return Figure(name, value, max(0.0, lower), upper, n)
