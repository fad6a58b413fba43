"""Which verdicts were turned round, and how to learn from them all the same.

In `forward` and `backward` the margin is the model's, above 0 where it agrees with the verdict that was seen.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor

from strop.channels.estimates import (
    ASSUMES_CHECKED,
    Estimate,
    agreement,
    all_verdicts,
    checked_rows,
    law_of_rate,
    not_identified,
    rate_from_repeats,
    rates_of_raters,
    share,
)
from strop.errors import StropError
from strop.losses.pairwise import forward_flip, logistic
from strop.records import Judgements

Array = npt.NDArray[Any]


def covariate(judgements: Judgements, name: str) -> Array:
    """The covariate of that name. Errors: S301 where the judgements have none."""
    if name not in judgements.covariates:
        known = ", ".join(judgements.covariates) or "none"
        raise StropError("S301", f'the channel depends on the covariate "{name}"', f"given: {known}")
    return np.asarray(judgements.covariates[name])


def check_rates(name: str, rates: float | Array) -> None:
    """S301 for a rate outside [0, 1]."""
    values = np.asarray(rates, float)
    if not ((values >= 0) & (values <= 1)).all():
        raise StropError("S301", f"{name} has a value outside [0, 1]", "a rate is a share, such as 0.2")


class Channel(ABC):
    """A way in which true verdicts become the ones we see; one record is independent of the next."""

    @abstractmethod
    def rates(self, judgements: Judgements) -> tuple[Array, Array]:
        """Two (n,) arrays: P(seen negative | truly positive) and P(seen positive | truly negative)."""

    def corrupt(self, judgements: Judgements, *, seed: int | np.random.Generator) -> Judgements:
        """The verdicts as seen through the channel, each repeat through it anew; `positive` is taken for the truth."""
        missed, invented = self.rates(judgements)
        generator = np.random.default_rng(seed)
        truth = all_verdicts(judgements)
        chance = np.where(truth, missed[:, None], invented[:, None])
        seen = truth ^ (generator.random(truth.shape) < chance)
        return replace(judgements, positive=seen[:, 0], repeats=None if judgements.repeats is None else seen[:, 1:])

    def rates_toward(self, judgements: Judgements) -> tuple[Array, Array]:
        """Two (n,) arrays: how often records of the class that was seen are flipped, and those of the other class."""
        missed, invented = self.rates(judgements)
        positive = np.asarray(judgements.positive, bool)
        return np.where(positive, missed, invented), np.where(positive, invented, missed)

    def forward(self, margin: Tensor, judgements: Judgements) -> Tensor:
        """-log P(what was seen): the channel is put into the likelihood. (n,) in, (n,) out."""
        own, other = (torch.as_tensor(r, dtype=margin.dtype) for r in self.rates_toward(judgements))
        return forward_flip(margin, flip_rate=own.to(margin.device), other_rate=other.to(margin.device))

    def backward(
        self, margin: Tensor, judgements: Judgements, *, loss: Callable[[Tensor], Tensor] = logistic
    ) -> Tensor:
        """[(1 - q) loss(h) - r loss(-h)] / (1 - r - q): its mean over the channel's draws is the clean loss.

        r, q: rates_toward. Unbiased, and unbounded below where r > 0. Errors: S301 where r + q reaches 1.
        With the logistic loss it is `logistic` with the slope that `slope_of_unflipping(r, q)` gives.
        """
        own, other = (torch.as_tensor(r, dtype=margin.dtype) for r in self.rates_toward(judgements))
        own, other = own.to(margin.device), other.to(margin.device)
        if not bool((own + other < 1 - 1e-9).all()):
            raise StropError("S301", "the two flip rates sum to 1 or more", "such verdicts cannot be undone: drop them")
        return ((1 - other) * loss(margin) - own * loss(-margin)) / (1 - own - other)


@dataclass(frozen=True)
class ConstantFlips(Channel):
    """Every verdict is turned round at one rate a class; both the same: symmetric flips.

    P(seen negative | positive) = false_negative_rate, P(seen positive | negative) = false_positive_rate.
    A verifier: its false fails and false passes. Symmetric flips keep the best ranking: expect little from undoing them.
    Not for: close calls, long texts, tired raters, popular items: where the rate varies, so does the answer.
    Paper: natarajan2013; patrini2017; wilson1927 (intervals)
    """

    false_negative_rate: float
    false_positive_rate: float

    def __post_init__(self) -> None:
        check_rates("false_negative_rate", self.false_negative_rate)
        check_rates("false_positive_rate", self.false_positive_rate)

    def rates(self, judgements: Judgements) -> tuple[Array, Array]:
        """See Channel."""
        n = len(judgements.positive)
        return np.full(n, self.false_negative_rate), np.full(n, self.false_positive_rate)

    @classmethod
    def estimate(cls, judgements: Judgements) -> Estimate:
        """flip_rate and the rate of each class from a checked slice; else flip_rate from repeats; else nothing."""
        rows = checked_rows(judgements)
        names = ("flip_rate", "false_negative_rate", "false_positive_rate")
        if rows is not None:
            truth = np.asarray(judgements.truth, bool)[rows]
            wrong = np.asarray(judgements.positive, bool)[rows] != truth
            figures = tuple(share(n, w) for n, w in zip(names, (wrong, wrong[truth], wrong[~truth])))
            return Estimate("a checked slice", figures, ASSUMES_CHECKED)
        verdicts = all_verdicts(judgements)
        if verdicts.shape[1] > 1 and len(verdicts):
            return rate_from_repeats(verdicts)
        return not_identified("single verdicts: check some of them, or have some judged twice", *names)


@dataclass(frozen=True, eq=False)
class GroupFlips(Channel):
    """Every group of records has rates of its own: raters, sources, or single records whose rates are given.

    by: the covariate that holds each record's group, counted from 0; the rates: (groups,), as in ConstantFlips.
    A rate a record: by "record". A propensity t a record: false_negative_rates 1 - t, false_positive_rates 0.
    Not for: groups with few checked records, whose estimated rates are mostly chance; raters who copy one another.
    Paper: dawid1979; natarajan2013; parisi2014 (rates from agreements)
    """

    by: str
    false_negative_rates: Array
    false_positive_rates: Array

    def __post_init__(self) -> None:
        check_rates("false_negative_rates", self.false_negative_rates)
        check_rates("false_positive_rates", self.false_positive_rates)
        if np.shape(self.false_negative_rates) != np.shape(self.false_positive_rates):
            raise StropError("S214", "the two arrays of rates differ in length")

    def rates(self, judgements: Judgements) -> tuple[Array, Array]:
        """See Channel."""
        groups, n = covariate(judgements, self.by), len(self.false_negative_rates)
        if len(groups) and (groups.min() < 0 or groups.max() >= n):
            raise StropError("S211", f"a group is outside [0, {n})", "groups count from 0", column=self.by)
        return np.asarray(self.false_negative_rates)[groups], np.asarray(self.false_positive_rates)[groups]

    @classmethod
    def estimate(cls, judgements: Judgements, *, by: str = "rater") -> Estimate:
        """Each group's flip rate from a checked slice; or, by rater, from three columns of verdicts, a rater each.

        The figures are named "rater 0", "rater 1" and so on.
        """
        if by == "record":
            return not_identified("a record's own rate cannot be told from a few verdicts on it")
        rows = checked_rows(judgements)
        if rows is not None:
            groups = covariate(judgements, by)
            wrong = np.asarray(judgements.positive, bool)[rows] != np.asarray(judgements.truth, bool)[rows]
            figures = tuple(share(f"{by} {g}", wrong[groups[rows] == g]) for g in range(int(groups.max()) + 1))
            return Estimate("a checked slice", figures, f"within each {by} the slice was drawn at random")
        verdicts = all_verdicts(judgements)
        if by == "rater" and verdicts.shape[1] > 2 and len(verdicts):
            return rates_of_raters(verdicts)
        return not_identified(f"no checked slice; without one, three raters must judge the same records (by: {by})")


@dataclass(frozen=True)
class CovariateFlips(Channel):
    """Flips at the rate e(x) = s(intercept + slope x) / 2, the same for both classes.

    by: "margin" (x = its size: close calls are flipped most), "length" or "popularity" (x = log: both span decades).
    e stays below 1/2, so that 1 - 2e = s(-(intercept + slope x)) > 0 and the correction exists for every record; the
    covariate "margin" is the one the judge saw (a reward gap, a rating gap), not the model's.
    Not for: judges who are worse than chance; rates that rise and fall again along the covariate.
    Ours: near the stochastic teacher of bpref2021, who turns a margin h round at the rate s(-beta |h|).
    """

    by: Literal["margin", "length", "popularity"]
    intercept: float
    slope: float

    def __post_init__(self) -> None:
        if self.by not in ("margin", "length", "popularity"):
            raise StropError("S301", f'by is "{self.by}"', "allowed: margin, length, popularity")
        if not np.isfinite([self.intercept, self.slope]).all():
            raise StropError("S301", "intercept and slope must be finite")

    @staticmethod
    def scale(judgements: Judgements, by: str) -> Array:
        """x: the size of the margin, the log of a length or a popularity. Errors: S211 below or at 0."""
        values: Array = covariate(judgements, by).astype(float)
        if by != "margin" and not (values > 0).all():
            raise StropError("S211", "a value is not above 0", "its logarithm is needed", column=by)
        scaled: Array = np.abs(values) if by == "margin" else np.log(values)
        return scaled

    def rates(self, judgements: Judgements) -> tuple[Array, Array]:
        """See Channel."""
        x = self.scale(judgements, self.by)
        rate = expit(self.intercept + self.slope * x) / 2
        return rate, rate

    @classmethod
    def estimate(cls, judgements: Judgements, *, by: Literal["margin", "length", "popularity"]) -> Estimate:
        """intercept, slope and the mean flip_rate, from a checked slice or from repeats."""
        x, rows, verdicts = cls.scale(judgements, by), checked_rows(judgements), all_verdicts(judgements)
        if rows is not None:
            wrong = verdicts[rows, 0] != np.asarray(judgements.truth, bool)[rows]
            return law_of_rate(x[rows], wrong.astype(float), x, verdicts=1)
        if verdicts.shape[1] > 1 and len(verdicts):
            return law_of_rate(x, 1 - agreement(verdicts), x, verdicts=2)
        reason = "single verdicts: check some of them, or have some judged twice"
        return not_identified(reason, "intercept", "slope", "flip_rate")
