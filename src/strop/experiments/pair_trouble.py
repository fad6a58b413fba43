"""What is surely wrong with these pairs, and how many clean ones are they worth: the rules by which a page claims it?"""

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from strop.experiments.pair_noise import information_left
from strop.experiments.pair_suspicion import sees
from strop.records import Figure

if TYPE_CHECKING:
    from strop.experiments.audit_pairs import Found

Array = npt.NDArray[Any]
LEAST_FLIPS = 0.05  # of labels, at the interval's lower bound, before a page says that they are wrong
WIDE = 0.15  # a trace that may be this large and this small says nothing
LEAST_BIAS = 0.05  # beyond one half, at the nearer bound, before length or place is called a bias
LEAST_SHARE, LEAST_ROWS = 0.005, 5  # of rows that contradict one another or stand twice
LEAST_RULE = 0.6  # accuracy of a rule that reads nothing, at the lower bound


def flips(found: "Found") -> bool | None:
    """Whether labels are surely wrong beyond 5 %; None where neither records nor planted flips nor the trace can tell."""
    if found.rate.low is not None:
        return found.rate.low > LEAST_FLIPS
    if found.seen is None or not sees(found.planted):
        return None
    trace = found.seen.trace
    if trace.low is None or trace.high is None:
        return None
    return trace.low >= LEAST_FLIPS or (None if trace.high > WIDE else False)


def biased(figure: Figure) -> bool:
    """Whether a share lies surely more than 5 points beyond one half."""
    if figure.low is None or figure.high is None:
        return False
    return figure.low > 0.5 + LEAST_BIAS or figure.high < 0.5 - LEAST_BIAS


def many(figure: Figure) -> bool:
    """Whether a share of the rows is worth a word: 5 rows and one in 200."""
    share = figure.value or 0.0
    return share >= LEAST_SHARE and round(share * figure.n) >= LEAST_ROWS


def clean_worth(found: "Found") -> tuple[int, bool] | None:
    """(clean pairs that these are worth, whether that is known); else at least as many; None where it cannot be said.

    By information at the rate of wrong labels that is identified; else at the highest that the fifth of the pairs allows of
    which the head is surest. Contradicted pairs and copies count nothing where there are no raters.
    """
    if found.seen is None:
        return None
    rate = found.rate.value
    if rate is None:
        if not sees(found.planted):
            return None
        rate = found.seen.against().high
    if rate is None or rate >= 0.45:
        return None
    return round(int(kept(found).sum()) * information_left(found.seen, rate)), found.rate.value is not None


def kept(found: "Found") -> Array:
    """(n,) bool: pairs that go into the cleaned file: no copies and none judged both ways; all where raters are named."""
    if "rater" in found.pairs.covariates:
        return ~found.copied.alike
    return ~(found.copied.exact | found.copied.near | found.copied.contradicted | found.copied.alike)
