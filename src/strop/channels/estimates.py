"""What can be told of a channel from checked or repeated verdicts, with an interval; and when nothing can.

All intervals are for 95 % and assume that records are independent: with several records a question or a user, too narrow.
"""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from strop.errors import StropError
from strop.records import Figure, Judgements

Array = npt.NDArray[Any]
Z = 1.959963984540054  # the normal's 97.5 % point
ASSUMES_CHECKED = "the slice was drawn at random"
ASSUMES_REPEATS = "repeats err independently, both classes at the same rate, and less often than not"
ASSUMES_RATERS = "raters err independently, each at one rate for both classes, and most of them less often than not"


@dataclass(frozen=True)
class Estimate:
    """What was estimated, from what, and what that rests on; or why nothing can be told.

    method: the kind of record it came from, empty where not identified; assumes: what must hold for it to be right.
    A figure without a value could not be told from these records.
    """

    method: str
    figures: tuple[Figure, ...]
    assumes: str = ""
    identified: bool = True
    reason: str = ""

    def value(self, name: str) -> float:
        """The figure of that name. Errors: S305 where it is not identified, S102 where there is none."""
        for figure in self.figures:
            if figure.name == name:
                if figure.value is None:
                    raise StropError("S305", f"{name} is not identified", self.reason)
                return figure.value
        raise StropError("S102", f'no figure "{name}"', "known: " + ", ".join(f.name for f in self.figures))

    def __str__(self) -> str:
        if not self.identified:
            return f"not identified: {self.reason}"
        lines = [
            f"{f.name} not identified"
            if f.value is None
            else f"{f.name} {f.value:.3f} [{f.low:.3f}, {f.high:.3f}] (n = {f.n})"
            for f in self.figures
        ]
        return "; ".join(lines) + f"; from {self.method}, if {self.assumes}"


def not_identified(reason: str, *names: str) -> Estimate:
    """An estimate without a number."""
    return Estimate("", tuple(Figure(name, None) for name in names), identified=False, reason=reason)


def checked_rows(judgements: Judgements) -> Array | None:
    """The positions whose truth is known, or None where there are none."""
    if judgements.truth is None:
        return None
    rows = np.arange(len(judgements.positive)) if judgements.checked is None else np.flatnonzero(judgements.checked)
    return rows if len(rows) else None


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's interval of a share seen in n independent draws. Paper: wilson1927"""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def share(name: str, hits: Array) -> Figure:
    """The share of true values, with Wilson's interval; None over nothing."""
    if not len(hits):
        return Figure(name, None)
    mean = float(np.mean(hits))
    return Figure(name, mean, *wilson(mean, len(hits)), len(hits))


def all_verdicts(judgements: Judgements) -> Array:
    """(n, 1 + r) bool: the verdicts and their repeats side by side."""
    columns = [np.asarray(judgements.positive, bool)]
    if judgements.repeats is not None:
        columns += list(np.asarray(judgements.repeats, bool).T)
    return np.column_stack(columns)


def agreement(verdicts: Array) -> Array:
    """(n,): the share of pairs of verdicts on each record that agree; verdicts is (n, r), r at least 2."""
    r, yes = verdicts.shape[1], verdicts.sum(1)
    pairs: Array = (yes * (yes - 1) + (r - yes) * (r - yes - 1)) / (r * (r - 1))
    return pairs


def rate_from_repeats(verdicts: Array) -> Estimate:
    """The symmetric flip rate from how often verdicts on one record agree: a = e**2 + (1 - e)**2.

    Two verdicts agree with probability a whatever the truth, so e = (1 - sqrt(2a - 1)) / 2. The interval is Wilson's on
    a, at the number of independent pairs that the records are worth, taken through the same formula.
    """
    agree = agreement(verdicts)
    n, a, spread = len(agree), float(agree.mean()), float(agree.var())
    worth = a * (1 - a) * n / spread if spread > 0 else float(n)
    low, high = wilson(a, worth)
    if high < 0.5:
        return not_identified("verdicts on the same record agree less often than chance: not repeats", "flip_rate")
    rate, least, most = ((1 - math.sqrt(max(2 * x - 1, 0.0))) / 2 for x in (a, high, low))
    return Estimate("repeated verdicts", (Figure("flip_rate", rate, least, most, n),), ASSUMES_REPEATS)


def rates_of_raters(verdicts: Array) -> Estimate:
    """Each rater's flip rate from the agreements of three raters or more; column j of verdicts (n, r) is rater j."""
    signs = np.where(verdicts, 1.0, -1.0)
    figures = tuple(_rate_of_rater(signs, i) for i in range(signs.shape[1]))
    if all(figure.value is None for figure in figures):
        return not_identified("the raters agree no more often than by chance", *[f.name for f in figures])
    return Estimate("agreements of raters", figures, ASSUMES_RATERS)


def _rate_of_rater(signs: Array, i: int) -> Figure:
    """With c = 1 - 2 e, two raters' signs multiply to m_ij = c_i c_j on average.

    So c_i**2 is the sum over pairs of others of m_ij m_ik over that of m_jk; c_i has the sign of the sum of m_ij, and
    the interval is the delta method's. Where chance made that square negative, c_i is the sum of m_ij with the others
    taken as alike. Where the others may be at chance nothing is told. Paper: parisi2014
    """
    n, r = signs.shape
    others = [j for j in range(r) if j != i]
    pairs = list(combinations(range(r - 1), 2))
    between = np.column_stack([signs[:, others[j]] * signs[:, others[k]] for j, k in pairs]).sum(1)
    agree = signs[:, [i]] * signs[:, others]
    below, m = float(between.mean()), agree.mean(0)
    reach = Z / math.sqrt(n)
    if below <= 2 * reach * between.std():
        return Figure(f"rater {i}", None)
    total, above = float(m.sum()), float(sum(m[j] * m[k] for j, k in pairs))
    if above > 0:
        c = math.copysign(math.sqrt(above / below), total)
        spread = abs(c) / 2 * float(np.std(agree @ (total - m) / above - between / below))
    else:
        alike = math.sqrt(2 * below * (r - 1) / (r - 2))
        c, spread = total / alike, float(agree.sum(1).std()) / alike
    value, low, high = ((1 - min(max(b, -1.0), 1.0)) / 2 for b in (c, c + reach * spread, c - reach * spread))
    return Figure(f"rater {i}", value, low, high, n)


def law_of_rate(x: Array, wrong: Array, everywhere: Array, *, verdicts: Literal[1, 2]) -> Estimate:
    """Intercept and slope of e(x) = s(intercept + slope x) / 2, and the mean rate, by quasi-likelihood.

    x: (n,); wrong: (n,) in [0, 1], whether one checked verdict is wrong, or the share of two (or more, pair by pair)
    that disagree; everywhere: x of all records, over which the rate is averaged.
    1 - 2e = s(-z), and two verdicts disagree with probability 2e(1 - e): both are (1 - s(-z)**k) / 2 with k verdicts.
    Intervals: Wald's with the sandwich variance (pairs of one record are not independent).
    """
    names = ("intercept", "slope", "flip_rate")
    if np.ptp(x) == 0:
        return not_identified("the covariate has one value only", *names)
    centre, scale = x.mean(), x.std()
    columns = np.column_stack([np.ones_like(x), (x - centre) / scale])
    answer, steps = np.zeros(2), 0
    while True:
        flat, s = expit(-columns @ answer), expit(columns @ answer)
        both = 1 + flat if verdicts == 2 else 1.0
        p = s * both / 2
        pull = verdicts * flat**verdicts / both / (1 - p)  # p' / (p (1 - p)), written so that p may vanish
        scores = columns * (pull * (wrong - p))[:, None]
        information = columns.T @ (columns * (pull * verdicts * flat**verdicts * s / 2)[:, None])
        if steps == 50 or np.abs(answer).max() > 15:
            return not_identified("errors are too few, or as many as by chance, to tell how they depend on it", *names)
        step = np.linalg.solve(information, scores.sum(0))
        if np.abs(step).max() < 1e-9:
            break
        answer, steps = answer + step / max(1.0, float(np.abs(step).max())), steps + 1
    back = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    inverse = back @ np.linalg.inv(information)
    figures = _figures_of_law(back @ answer, inverse @ (scores.T @ scores) @ inverse.T, everywhere, len(x))
    return (
        Estimate("a checked slice", figures, ASSUMES_CHECKED)
        if verdicts == 1
        else Estimate("repeated verdicts", figures, ASSUMES_REPEATS)
    )


def _figures_of_law(answer: Array, variance: Array, everywhere: Array, n: int) -> tuple[Figure, ...]:
    """Intercept, slope, and the mean rate, whose interval is made on the scale of z so that it stays in (0, 1/2)."""
    half = Z * np.sqrt(np.diag(variance))
    intercept, slope = (
        Figure(name, float(v), float(v - h), float(v + h), n)
        for name, v, h in zip(("intercept", "slope"), answer, half)
    )
    s = expit(answer[0] + answer[1] * everywhere)
    toward = np.array([np.mean(s * (1 - s)), np.mean(s * (1 - s) * everywhere)]) / 2
    rate = float(s.mean() / 2)
    middle = math.log(2 * rate / (1 - 2 * rate))
    reach = Z * math.sqrt(toward @ variance @ toward) / (rate * (1 - 2 * rate))
    low, high = (float(expit(middle + side * reach) / 2) for side in (-1, 1))
    return intercept, slope, Figure("flip_rate", rate, low, high, n)
