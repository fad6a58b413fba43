"""Is a stated confidence as high as its answers are right, does it order right before wrong, and what would mend it?"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from strop.audits import sureness
from strop.audits.intervals import moved, two_sided_p, wider
from strop.audits.pairs import clustered_share
from strop.audits.recalibration import Map as Map
from strop.audits.recalibration import cross_fitted as cross_fitted
from strop.audits.recalibration import isotonic_map as isotonic_map
from strop.audits.recalibration import temperature_map as temperature_map
from strop.audits.sureness import Counted, checked_answers, counted, from_zero, resampled_bounds
from strop.errors import StropError
from strop.records import Figure

Array = npt.NDArray[Any]
Scheme = Literal["width", "mass"]
CHANCE_DRAWS = 200
DEFINITIONS: dict[str, str] = {
    "ECE": "Expected calibration error: answers in bins by confidence; the distance between a bin's mean confidence and its share right, in the mean over answers. 0 stands in the first bin. It is above 0 by chance alone: hold it against what a calibrated writer would get.",
    "MCE": "The largest such distance of a bin; of small bins it is mostly chance.",
    "Brier": "Mean of (confidence - right)**2. It is miscalibration - discrimination + uncertainty: what the best rising map would take off, what ordering earns, and what always saying the share right would cost.",
    "AUROC": "How often a right answer is surer than a wrong one, a tie a half: 0.5 is no order. It minds order alone; no increasing map changes it.",
    "AURC": "Answers from the surest down: the share wrong among the k surest, in the mean over k. Lower is better; it falls with accuracy too.",
    "gap": "Mean confidence minus the share right: above 0 it says more than it holds.",
    "parse rate": "Answers with a confidence that could be read, of all judged ones.",
}  # fmt: skip


@dataclass(frozen=True)
class Bin:
    """Answers of about one confidence: their mean confidence and how often they are right, clustered by question. Ours: a record."""

    says: float
    right: Figure


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far a confidence can be trusted. Ours: a record.

    The figures are of the judged answers with a confidence; as_zero: ECE, Brier, AUROC and AURC again with those without one
    as 0, empty where there are none; by_chance: the ECE of a writer who is calibrated to the letter and says the same, mean
    and middle 95 %; parts: miscalibration, discrimination, uncertainty; notes: what to know before reading on.
    """

    ece: Figure
    mce: Figure
    brier: Figure
    auroc: Figure
    aurc: Figure
    gap: Figure
    mean: Figure
    accuracy: Figure
    parse_rate: Figure
    by_chance: Figure
    parts: tuple[Figure, ...]
    as_zero: tuple[Figure, ...]
    bins: tuple[Bin, ...]
    notes: tuple[str, ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        """All of them, the main ones first."""
        first = (self.gap, self.ece, self.by_chance, self.auroc, self.brier, *self.parts, self.aurc, self.mce)
        return (*first, self.mean, self.accuracy, self.parse_rate, *self.as_zero)


def calibration(
    confidence: Array,
    right: Array,
    *,
    bins: int = 10,
    scheme: Scheme = "width",
    clusters: Array | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Calibration:
    """ECE, MCE, Brier, AUROC, AURC and the bins of a reliability diagram; intervals by whole clusters drawn again.

    confidence: (n,) in [0, 1], NaN where none could be read; right: (n,) 1, 0, NaN where not judged: such answers are left out;
    scheme: bins of equal width, (lo, hi] and 0 in the first, or of equal mass; clusters: (n,) labels of questions.
    ECE is biased upwards: its interval is that of the draws less the bias that drawing adds (the lower end less twice it), and
    reaches down to 0 where a calibrated writer would show as much. AUROC is None where all are right or all wrong. Errors: S202 nothing judged that has
    a confidence, S211 out of range, S214 lengths, S301 bins.
    Not for: fewer than some 50 questions (the intervals are then too narrow). Paper: ece2015; nixon2019; corp2021; aurc2017
    """
    c, y, groups = checked_answers(confidence, right, clusters)
    known = ~np.isnan(c)
    if not known.any():
        raise StropError("S202", "no judged answer has a confidence", "a column of confidences, from 0 to 1")
    table = counted(c[known], y[known], from_zero(groups[known]), bins=bins, scheme=scheme)
    told = _figures(table, draws=draws, seed=seed)
    n, mass = int(known.sum()), np.asarray(table.answers.sum(1)).astype(np.int64)
    chance = sureness.ece_by_chance(table.values, mass, table.bins, draws=CHANCE_DRAWS, seed=seed)
    low, high = np.quantile(chance, [0.025, 0.975])
    accuracy = clustered_share(sureness.RIGHT, y[known], groups[known])
    same: dict[str, Any] = {"bins": bins, "scheme": scheme, "draws": draws, "seed": seed}
    return Calibration(
        _not_by_chance(told["ECE, error"], chance),
        told["MCE, error"],
        told["Brier, error"],
        told["AUROC"],
        told["AURC, error"],
        _gap(told[sureness.GAP], told[sureness.SAYS], accuracy),
        told[sureness.SAYS],
        accuracy,
        clustered_share("parse rate, share", known.astype(float), groups),
        Figure("ECE of a calibrated writer, error", float(chance.mean()), float(low), float(high), n),
        _parts(table),
        () if known.all() else _as_zero(np.nan_to_num(c), y, groups, **same),
        _bins(c[known], y[known], groups[known], table),
        tuple(_notes(n, int((~known).sum()), bins, scheme, table)),
    )


def _figures(table: Counted, *, draws: int, seed: int) -> dict[str, Figure]:
    """Each of sureness.FIGURES with its interval; none for a single question."""
    n, values = int(table.answers.sum()), table.found()
    several = table.answers.shape[1] > 1
    drawn = table.resampled(draws=draws, seed=seed) if several else {}
    found = {}
    for name, value in values.items():
        if not np.isfinite(value):
            found[name] = Figure(name, None, n=n)
            continue
        of = drawn.get(name, np.full(2, value))
        low, high = resampled_bounds(of)
        if low is not None and high is not None and name.startswith(("ECE", "MCE")):
            # Drawing again adds as much to these as the drawing of the answers did: the lower end is rid of both, the upper of one.
            added = float(of.mean()) - value
            low, high = min(max(low - 2 * added, 0.0), value), max(high - added, value)
        found[name] = Figure(name, value, low, high, n)
    return found


def _not_by_chance(ece: Figure, chance: Array) -> Figure:
    """The interval down to 0 where a calibrated writer would show as much."""
    by_chance = ece.value is not None and ece.value <= np.quantile(chance, 0.95)
    return replace(ece, low=0.0) if by_chance and ece.low is not None else ece


def _gap(gap: Figure, mean: Figure, accuracy: Figure) -> Figure:
    """With the interval of the share right where that is 0 or 1 and drawing again says nothing of it."""
    if accuracy.value not in (0.0, 1.0) or mean.value is None or accuracy.low is None or accuracy.high is None:
        return gap
    own = (mean.value - accuracy.high, mean.value - accuracy.low)
    low, high = own if gap.low is None or gap.high is None else wider((gap.low, gap.high), own)
    return replace(gap, low=low, high=high)


def _parts(table: Counted) -> tuple[Figure, ...]:
    """Brier = miscalibration - discrimination + uncertainty, by the best rising map of these very answers. Paper: corp2021"""
    sizes, hits = (np.asarray(of.sum(1)) for of in (table.answers, table.right))
    n, c = sizes.sum(), table.values
    fitted = isotonic_regression(hits / sizes, weights=sizes).x
    base = hits.sum() / n

    def brier(p: Array) -> float:
        return float((sizes * p**2 + (1 - 2 * p) * hits).sum() / n)

    least, always = brier(fitted), float(base * (1 - base))
    named = ("miscalibration, error", brier(c) - least), ("discrimination", always - least), ("uncertainty", always)
    return tuple(Figure(f"Brier's {name}", value if value > 1e-12 else 0.0, n=int(n)) for name, value in named)


def _as_zero(c: Array, y: Array, groups: Array, *, bins: int, scheme: str, draws: int, seed: int) -> tuple[Figure, ...]:
    told = _figures(counted(c, y, groups, bins=bins, scheme=scheme), draws=draws, seed=seed)
    names = ("ECE, error", "Brier, error", "AUROC", "AURC, error")
    return tuple(
        replace(told[name], name=name.replace(", error", "") + " with unread as 0" + ", error" * ("error" in name))
        for name in names
    )


def _bins(c: Array, y: Array, groups: Array, table: Counted) -> tuple[Bin, ...]:
    where = table.bins[np.searchsorted(table.values, c)]
    return tuple(
        Bin(float(c[of].mean()), clustered_share("right, share", y[of], groups[of]))
        for of in (where == one for one in np.unique(where))
    )


def _notes(n: int, unread: int, bins: int, scheme: str, table: Counted) -> list[str]:
    notes, questions = [], table.answers.shape[1]
    if unread:
        notes.append(
            f"{unread:,} answers without a confidence are left out of the figures, but for those with them as 0"
        )
    if n < bins:
        notes.append(f"{n} answers in {bins} bins: most are empty, and ECE is chance")
    elif scheme == "mass" and (full := len(np.unique(table.bins))) < bins:
        notes.append(f"{full} bins in place of {bins}: equal confidences stay together")
    if questions < 50:
        notes.append(f"{questions} questions: the intervals are too narrow, if there are any")
    return notes


def compared(
    first: Array, second: Array, right: Array, *, clusters: Array | None = None, draws: int = 2000, seed: int = 0
) -> dict[str, tuple[Figure, float | None]]:
    """First minus second in ECE, Brier, AUROC and AURC, with p of "no difference": the same answers, the same draws of questions.

    first, second, right: (n,), NaN where there is none: answers that have all three. Errors: as `calibration`. Not for: two
    confidences of different files. Paper: efron1993
    """
    both = np.isnan(first) | np.isnan(second)
    tables = []
    for one in (first, second):
        c, y, groups = checked_answers(np.where(both, np.nan, one), right, clusters)
        known = ~np.isnan(c)
        if not known.any():
            raise StropError("S202", "no judged answer has both confidences")
        tables.append(counted(c[known], y[known], from_zero(groups[known]), bins=10, scheme="width"))
    n, several = int(known.sum()), tables[0].answers.shape[1] > 1
    values = [table.found() for table in tables]
    drawn = [table.resampled(draws=draws, seed=seed) for table in tables] if several else []
    found: dict[str, tuple[Figure, float | None]] = {}
    for name in ("ECE, error", "Brier, error", "AUROC", "AURC, error"):
        value = values[0][name] - values[1][name]
        if not np.isfinite(value):
            found[name] = Figure(name, None, n=n), None
            continue
        gaps = drawn[0][name] - drawn[1][name] if drawn else np.full(2, value)
        if name.startswith("ECE"):  # which drawing again raises, of one confidence more than of the other
            gaps = moved(value, gaps)
        low, high = resampled_bounds(gaps)
        found[name] = Figure(name, value, low, high, n), None if low is None else two_sided_p(gaps)
    return found
