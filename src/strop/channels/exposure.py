"""Which likes were never seen, because the thing was never shown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.channels.estimates import Estimate, Z, checked_rows, not_identified
from strop.channels.flips import Channel, covariate
from strop.errors import StropError
from strop.records import Clicks, Figure, Judgements

Array = npt.NDArray[Any]


def power_propensity(popularity: Array, *, power: float, most: float) -> Array:
    """(popularity / most)**power, in (0, 1]: the chance of being shown, if it follows popularity.

    Errors: S211 for a popularity outside (0, most], S301 for a negative power. Paper: relmf2020
    """
    values = np.asarray(popularity, float)
    if not ((values > 0) & (values <= most)).all():
        raise StropError(
            "S211", f"a popularity is outside (0, {most:g}]", "leave out what was never seen: it has no propensity"
        )
    if not 0 <= power < np.inf:
        raise StropError("S301", f"power is {power}", "allowed: 0 (all alike) and above; 0.5 is usual")
    return (values / most) ** power


def item_propensity(clicks: Clicks, *, power: float) -> Array:
    """(n_items,): each item's chance of being shown, (clicks / largest)**power; 0 for an item without a click.

    It assumes that exposure follows popularity alone and that the most popular item is shown to all.
    Errors: S209 no click, S301 power.
    Not for: popularity that is liking; clicks whose exposure was logged.
    Paper: relmf2020
    """
    if not len(clicks):
        raise StropError("S209", "there is no click to tell exposure from")
    popularity, found = clicks.popularity, np.zeros(clicks.n_items)
    seen = popularity > 0
    found[seen] = power_propensity(popularity[seen], power=power, most=float(popularity.max()))
    return found


@dataclass(frozen=True)
class Exposure(Channel):
    """A positive verdict is seen only where the thing was shown: t = (popularity / most)**power; negatives stay.

    most: the popularity of the most popular thing; power: 0 all alike, 0.5 usual, 1 in proportion.
    Flip rates (1 - t, 0). Backward is Rel-MF: l(h) - (1 - t)/t h on what was seen, l(h) on the rest.
    Forward is ESMM's product: -log(t s) on what was seen, -log(1 - t s) on the rest, s being P(positive).
    The power is an assumption unless some records were shown at random and checked: report results at several values.
    For propensities that are given, use GroupFlips by "record".
    Not for: clicks on things shown by mistake (false positives); a recommender whose own log of what it showed exists.
    Paper: relmf2020; esmm2018
    """

    most: float
    power: float = 0.5

    def __post_init__(self) -> None:
        power_propensity(np.array([self.most]), power=self.power, most=self.most)

    def rates(self, judgements: Judgements) -> tuple[Array, Array]:
        """See Channel."""
        shown = power_propensity(covariate(judgements, "popularity"), power=self.power, most=self.most)
        return 1 - shown, np.zeros_like(shown)

    @classmethod
    def estimate(cls, judgements: Judgements, *, most: float) -> Estimate:
        """The power at which as many checked likes would be seen as were seen; its interval inverts the same test.

        Needs a slice whose truth is known whether it was shown or not; from clicks alone liked-but-not-shown and
        not-liked look the same.
        """
        from scipy.optimize import brentq  # slow to import, and needed here only

        rows = checked_rows(judgements)
        if rows is None:
            return not_identified("clicks alone: not shown and not liked look the same; declare a power", "power")
        rows = rows[np.asarray(judgements.truth, bool)[rows]]
        share = power_propensity(covariate(judgements, "popularity")[rows], power=1.0, most=most)
        rows, share = rows[share < 1], share[share < 1]
        seen = int(np.asarray(judgements.positive, bool)[rows].sum())
        if not seen:
            return not_identified("no checked like, below the most popular thing, was seen", "power")

        def surplus(power: float, bound: float) -> float:
            expected = share**power
            return float(seen - expected.sum() - bound * np.sqrt((expected * (1 - expected)).sum()))

        def solve(bound: float) -> float:
            return 0.0 if surplus(1e-9, bound) >= 0 else float(brentq(surplus, 1e-9, 1e4, args=(bound,), xtol=1e-10))

        value, low, high = (solve(bound) for bound in (0.0, -Z, Z))
        assumes = "the slice was drawn at random, and the most popular thing is shown to all"
        return Estimate("a checked slice", (Figure("power", value, low, high, len(rows)),), assumes)
