"""What do random clicks cost here: accuracy as they are added, for a plain and a robust model, and what is left in clean clicks?"""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.attacks.labels import dropped_positives, random_positives
from strop.audits.intervals import middle
from strop.audits.measure import Measured, paired
from strop.audits.outcome import measured
from strop.errors import StropError
from strop.experiments.running import train
from strop.records import DoseCurve, Figure, Split

log = logging.getLogger("strop.audit")
Array = npt.NDArray[Any]
PLAIN, ROBUST = "bpo", ("tce", "rce")
DOSES = (0.05, 0.1, 0.2, 0.5)  # random clicks added, as a share of the clicks that were there
CHOSEN_AT = 0.2  # the dose at which validation chooses the robust method
MOST = 100_000  # train clicks that the curve is drawn from; of a larger log, those of users drawn at random
KEPT = (0.2, 0.4, 0.6, 0.8)  # shares of the clicks that the learning curve is drawn from
RECALL = "recall@20"


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """Measured on the same users: methods with more and more random clicks, and the plain one with fewer and fewer clicks.

    noisy: method -> dose -> measured, dose 0 the log as it is; fewer: share kept -> measured, of the plain method;
    clicks, users: of the whole train part, and how many users the curve was drawn from.
    """

    robust: str
    noisy: dict[str, dict[float, Measured]]
    fewer: dict[float, Measured]
    clicks: int
    users: int
    draws: int
    seed: int

    def curve(self) -> DoseCurve:
        """The drawing's lines: recall@20 by dose, intervals over users."""
        lines = {
            name: tuple((dose, _figure(found, self.draws, self.seed)) for dose, found in by_dose.items())
            for name, by_dose in self.noisy.items()
        }
        note = f"{self.users:,} users; random clicks are added to train only, the test part is as it was. Bars: 95 % over users."
        return DoseCurve("What random clicks cost", "random clicks added, share", lines, note)

    @cached_property
    def _learning(self) -> tuple[Array, Array, Array]:
        """Shares kept, and recall there: observed, and in each draw; made never to fall with more clicks."""
        shares = np.array([*sorted(self.fewer), 1.0])
        found = [self.fewer[s] for s in shares[:-1]] + [self.noisy[PLAIN][0.0]]
        observed = np.maximum.accumulate([one.values[RECALL] for one in found])
        drawn = np.maximum.accumulate([one.resampled(self.draws, self.seed)[RECALL] for one in found], axis=0)
        return shares, observed, drawn

    def worth(self, method: str, dose: float) -> Figure:
        """How many clean clicks, as a share of those that were there, teach the plain method as much as with this dose.

        Where the learning curve reaches the dosed model's recall; at most 1, and at least the smallest share that was
        tried. Interval: bootstrap over users of the whole reading.
        """
        shares, observed, drawn = self._learning
        found = self.noisy[method][dose]
        value = float(np.interp(found.values[RECALL], observed, shares))
        noisy = found.resampled(self.draws, self.seed)[RECALL]
        read = np.array([np.interp(noisy[i], drawn[:, i], shares) for i in range(self.draws)])
        bounds = middle(read) or (value, value)
        return Figure(
            f"worth of 100 clicks with {dose:.0%} random ones added, {method}", value, *bounds, len(found.users)
        )

    def worth_at(self, method: str, dose: float) -> float | None:
        """`worth` at any dose, linear between those that were tried; None beyond the largest."""
        known = sorted(self.noisy[method])
        if dose > known[-1]:
            return None
        return float(np.interp(dose, known, [1.0, *(self.worth(method, d).value or 0.0 for d in known[1:])]))

    def gained(self, dose: float) -> Figure:
        """recall@20 of the robust method minus the plain one's at this dose, on the same users."""
        return paired(self.noisy[self.robust][dose], self.noisy[PLAIN][dose], names=[RECALL], draws=self.draws)[0]

    def lost_by_one(self) -> float:
        """recall@20 lost by one false click of the whole train part, on average up to the dose at which methods are chosen."""
        clean, noisy = (self.noisy[PLAIN][d].values[RECALL] for d in (0.0, CHOSEN_AT))
        return float((clean - noisy) / (CHOSEN_AT * self.clicks))


def _figure(found: Measured, draws: int, seed: int) -> Figure:
    bounds = middle(found.resampled(draws, seed)[RECALL]) or (None, None)
    return Figure(RECALL, found.values[RECALL], *bounds, len(found.users))


def noise_curve(data: Split, *, seed: int, draws: int = 2000) -> NoiseCurve:
    """Trains the plain method and the robust ones with their defaults at each dose, and the plain one on fewer clicks.

    The robust method that is drawn is the one with the best NDCG@20 on validation at a dose of 20 %.
    """
    clicks, data = len(data.train), _sampled(data, seed)
    dosed = {dose: random_positives(data, share=dose, seed=seed).data for dose in DOSES}
    robust = max(ROBUST, key=lambda name: _trained(name, dosed[CHOSEN_AT].without_test(), seed).values["ndcg@20"])
    steps = [(name, dose) for name in (PLAIN, robust) for dose in (0.0, *DOSES)]
    noisy: dict[str, dict[float, Measured]] = {PLAIN: {}, robust: {}}
    for number, (name, dose) in enumerate(steps):
        noisy[name][dose] = _trained(name, dosed.get(dose, data), seed)
        log.info("noise curve: %s at %.0f %%", name, 100 * dose, extra={"share": (number + 1) / len(steps)})
    users = int((np.diff(data.train.indptr) > 0).sum())
    return NoiseCurve(robust, noisy, _fewer(data, seed), clicks, users, draws, seed)


def _sampled(data: Split, seed: int) -> Split:
    """The split with the clicks of users drawn at random, as many as MOST train clicks allow; all where they do."""
    counts = np.diff(data.train.indptr)
    order = np.random.default_rng([seed, 43]).permutation(data.train.n_users)
    kept = np.zeros(data.train.n_users, bool)
    kept[order[np.cumsum(counts[order]) <= MOST]] = True
    parts = [part and part.take(kept[part.users]) for part in (data.train, data.validation, data.test)]
    return data if kept.all() else replace(data, train=parts[0], validation=parts[1], test=parts[2])


def _trained(name: str, data: Split, seed: int) -> Measured:
    return measured(train(name, data, seed=seed, settings={})[0].scorer, data)


def _fewer(data: Split, seed: int) -> dict[float, Measured]:
    """The plain method on shares of the clicks; a share at which users would lose their last click is left out."""
    found = {}
    for share in KEPT:
        try:
            thinned = dropped_positives(data, share=1 - share, seed=seed).data
        except StropError as error:
            if error.code != "S209":
                raise
            continue
        found[share] = _trained(PLAIN, thinned, seed)
    return found
