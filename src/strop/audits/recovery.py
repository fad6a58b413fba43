"""How much of a gap did a method close, and is the gap there at all?"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import middle, resampled_means, with_middle
from strop.errors import StropError

Array = npt.NDArray[Any]


class Recovery(NamedTuple):
    """The share of the gap that was closed, with its interval over problems; None, with the reason in words, where there is none.

    gained: (mean, low, high) of ours - base; gap: the same of reference - base; n: problems that all three have a verdict on.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str
    gained: tuple[float, float, float] | None
    gap: tuple[float, float, float] | None
    n: int


def rgr(
    base: Array, ours: Array, reference: Array, *, clusters: Array | None = None, draws: int = 2000, seed: int
) -> Recovery:
    """Reasoning gap recovered: (mean ours - mean base) / (mean reference - mean base), paired over the same problems.

    base, ours, reference: (n,) 1 right, 0 wrong, NaN without a verdict (left out of all three): the student before, after
    learning from weak traces, and after what it is measured against. clusters: (n,) labels of what is resampled together
    (questions, seeds); None: every problem. Above 1: more than the reference gained; below 0: lost. The interval: the middle 95 % of the
    ratio over resamples. None unless the gap's own 95 % interval lies above 0: with a gap that may be none, garbage has a
    ratio too. Errors: S214 lengths. Not for: a base asked without the prompt that the others had: the prompt's own gain
    would count as recovered. Paper: w2sr2025; weak_to_strong2023
    """
    rows = [np.asarray(one, np.float64) for one in (base, ours, reference)]
    if len({len(one) for one in rows} | ({len(clusters)} if clusters is not None else set())) > 1:
        raise StropError("S214", f"{', '.join(str(len(one)) for one in rows)} verdicts", "the same problems for all")
    known = ~np.isnan(np.sum(rows, axis=0))
    n, groups = int(known.sum()), np.arange(len(known)) if clusters is None else np.asarray(clusters)
    groups = np.unique(groups[known], return_inverse=True)[1] if n else np.zeros(0, int)
    if n < 2 or groups.max() < 1:
        return Recovery(None, None, None, f"{n} problems have a verdict from all three: too few", None, None, n)
    gains, gaps = rows[1][known] - rows[0][known], rows[2][known] - rows[0][known]
    same: dict[str, Any] = {"draws": draws, "seed": seed, "clusters": groups}
    drawn = [resampled_means(one, **same) for one in (gains, gaps)]
    gained, gap = (with_middle(one, of) for one, of in zip((gains, gaps), drawn, strict=True))
    said = f"the reference's gain is {100 * gap[0]:+.1f} points [{100 * gap[1]:+.1f}, {100 * gap[2]:+.1f}]"
    if not gap[1] > 0:
        what = "it lost" if gap[2] < 0 else "none cannot be ruled out"
        return Recovery(None, None, None, f"{said}: {what}, so there is no gap to recover", gained, gap, n)
    ratios = np.divide(drawn[0], drawn[1], out=np.full(draws, np.nan), where=drawn[1] > 0)
    value = gained[0] / gap[0]
    low, high = middle(ratios) or (None, None)
    return Recovery(value, low, high, said, gained, gap, n)
