"""What do turned labels cost here: accuracy as they are planted, for plain and robust heads, and what is left in clean pairs?"""

import logging
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from strop.audits.intervals import bootstrap_mean
from strop.experiments.pair_head import FOLDS, PLAIN, ROBUST, Head, accuracy, fit
from strop.experiments.pair_suspicion import Doubts
from strop.records import DoseCurve, Figure

log = logging.getLogger("strop.audit")
Array = npt.NDArray[Any]
DOSES = (0.1, 0.2, 0.3, 0.4)  # labels turned in training, as a share
CHOSEN_AT = 0.2  # the dose at which validation chooses the robust loss
LEAST_FEW = 20  # pairs: fewer teach nothing, whatever their information
LEAST_ABOVE = 0.1  # above chance, at the lower bound: without a signal there is nothing to lose


@dataclass(frozen=True, eq=False)
class PairNoise:
    """Margins of held-out pairs, labels as they are, by heads whose training labels were turned more and more.

    margins: "plain" or "robust" -> dose -> (n,); robust: the loss that validation chose most often; few: (n,), margins of
    plain heads that saw as many pairs as `information_left` says that a dose of CHOSEN_AT leaves, labels as they are.
    """

    margins: dict[str, dict[float, Array]]
    clusters: Array
    robust: str
    few: Array
    few_share: float

    def accuracy(self, method: str, dose: float) -> Figure:
        """Of held-out pairs, clustered by question."""
        return accuracy(self.margins[method][dose], self.clusters)

    def curve(self) -> DoseCurve:
        """The drawing's lines."""
        names = {PLAIN: PLAIN, "robust": self.robust}
        lines = {
            names[method]: tuple((dose, self.accuracy(method, dose)) for dose in by_dose)
            for method, by_dose in self.margins.items()
        }
        note = "Labels are turned in training only; held-out pairs are as they were. Bars: 95 % over questions."
        return DoseCurve("What turned labels cost", "labels turned, share", lines, note)

    def gained(self, dose: float) -> Figure:
        """Accuracy of the robust head minus the plain one's at this dose, on the same pairs."""
        return _paired("robust minus plain", self.margins["robust"][dose], self.margins[PLAIN][dose], self.clusters)

    def check(self) -> Figure:
        """Accuracy from all pairs with CHOSEN_AT of them turned, minus that from as few clean ones as information says."""
        name = f"accuracy with {CHOSEN_AT:.0%} turned minus that from {self.few_share:.0%} of the pairs as they are"
        return _paired(name, self.margins[PLAIN][CHOSEN_AT], self.few, self.clusters)

    def break_even(self, free: float) -> float | None:
        """The dose at which the plain head is no better than `free`, the accuracy of a rule; None where it always is."""
        doses = list(self.margins[PLAIN])
        values = [(self.accuracy(PLAIN, dose).value or 0.0) - free for dose in doses]
        for (x, y), (u, v) in zip(zip(doses, values), zip(doses[1:], values[1:])):
            if y > 0 >= v:
                return x + (u - x) * y / (y - v)
        return 0.0 if values[0] <= 0 else None

    @cached_property
    def lost_by_one(self) -> float:
        """Accuracy lost by one turned label, on average up to CHOSEN_AT."""
        clean, noisy = (self.accuracy(PLAIN, dose).value or 0.0 for dose in (0.0, CHOSEN_AT))
        return (clean - noisy) / (CHOSEN_AT * len(self.clusters))


def _paired(name: str, a: Array, b: Array, clusters: Array) -> Figure:
    gap = (np.sign(a) - np.sign(b)) / 2
    return Figure(name, *bootstrap_mean(gap, clusters=clusters), len(gap))


def information_left(doubted: Doubts, rate: float) -> float:
    """What of a clean label's Fisher information is left in one that is turned at this rate, averaged over the pairs.

    With the calibrated margin h a clean label tells s(h) s(-h) of it; a turned one (1 - 2e)**2 (s(h) s(-h))**2 / (P (1 - P))
    with P = (1 - e) s(h) + e s(-h): (1 - 2e)**2 where h is near 0, and far less where the clean answer was sure. In [0, 1].
    """
    sure = expit(doubted.slope * doubted.margins)
    clean = sure * (1 - sure)
    seen = (1 - rate) * sure + rate * (1 - sure)
    left = ((1 - 2 * rate) * clean) ** 2 / np.maximum(seen * (1 - seen), 1e-300)
    return float(left.sum() / max(clean.sum(), 1e-300)) if rate else 1.0


def pair_noise(head: Head, doubted: Doubts, *, balanced: Array | None, seed: int) -> PairNoise | None:
    """Heads at each dose, plain and robust; None where the clean accuracy is not surely 10 points above chance.

    balanced: (n,) the pairs on which that is asked, where authors beat each other equally often; None: all.

    The ridge is chosen anew at each dose, for the plain head; the robust one takes it over. For each part of the questions
    the robust loss is the one with the best accuracy, at a dose of 20 %, on the part behind it, turned labels included.
    """
    asked = np.ones(len(head.parts), bool) if balanced is None else balanced
    if (accuracy(head.margins[asked], head.clusters[asked]).low or 0.0) < 0.5 + LEAST_ABOVE:
        return None
    drawn = np.random.default_rng([seed, 43]).random(len(head.parts))
    heads = {dose: head.turned(np.where(drawn < dose, -1.0, 1.0)) for dose in DOSES}
    chosen = [_robust(heads[CHOSEN_AT], part) for part in range(FOLDS)]
    margins: dict[str, dict[float, Array]] = {PLAIN: {}, "robust": {}}
    for dose, plain in ({0.0: head} | heads).items():
        margins[PLAIN][dose] = plain.margins
        by_name = {name: plain.by(ROBUST[name]) for name in sorted(set(chosen))}
        margins["robust"][dose] = np.choose(head.parts, [by_name[name] for name in chosen])
        log.info("noise curve: %.0f %%", 100 * dose, extra={"share": dose / DOSES[-1]})
    before = doubted.trace.value or 0.0
    both = before + CHOSEN_AT - 2 * before * CHOSEN_AT
    share = information_left(doubted, both) / information_left(doubted, before)
    count = max(round(share * len(head.parts)), LEAST_FEW)
    kept = np.random.default_rng([seed, 47]).permutation(len(head.parts)) < count
    most = Counter(chosen).most_common(1)[0][0]
    return PairNoise(margins, head.clusters, most, head.only(kept).margins, float(kept.mean()))


def _robust(head: Head, part: int) -> str:
    """The robust loss that agrees most often with the labels of the next part, learned without it and without this one."""
    judged = head.parts == (part + 1) % FOLDS
    rest = ~judged & (head.parts != part)
    right = {}
    for name, loss in ROBUST.items():
        plain = head.weights[part]
        w = fit(head.x[rest], signs=head.signs[rest], strength=head.strength, loss=loss, start=plain)
        right[name] = float(np.sign(head.signs[judged] * (head.x[judged] @ w)).mean())
    return max(right, key=lambda name: right[name])
