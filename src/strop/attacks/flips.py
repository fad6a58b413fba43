"""What if some likes were never clicked and some clicks were never meant? Clicks seen through a channel that we know."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from strop.channels import CovariateFlips, GroupFlips
from strop.errors import StropError
from strop.models.recommend import ease
from strop.records import Clicks, Judgements, Split

Array = npt.NDArray[Any]
MOST_PAIRS = 50_000_000  # every pair is drawn for: some 40 bytes each
NEWTON_STEPS = 50
LIMIT = 0.98  # of the sum of a pair's two rates: beyond 1 a label says its opposite


@dataclass(frozen=True, eq=False)
class Flipped:
    """A split whose train part was seen through a channel. Validation and test are as they were. Ours: a record.

    planted: (n_train,) bool, which clicks of data.train are false; hidden: true clicks of train that are not seen.
    missed, invented: (n_users, n_items) float32, P(no click | like) and P(click | no like) by the channel's law, for
    every pair: pairs of validation and test too, of which none was flipped, so that the tables do not give them away.
    """

    data: Split
    planted: Array
    hidden: Clicks
    missed: Array
    invented: Array


def flipped(
    data: Split,
    *,
    missed: float,
    invented: float,
    by: Literal["constant", "popularity", "margin"],
    strength: float,
    seed: int,
) -> Flipped:
    """Train's clicks are taken for the likes: a share `missed` is not seen, and `invented` of what is seen is false.

    missed: in [0, 1), below 1/2 unless constant: the mean over train's clicks; invented: in [0, 1): a share of the clicks
    that are seen, expected for each user, so that false clicks come in proportion to a user's clicks, as slips do.
    constant: one rate for all items of a user. popularity: what is clicked less is missed more, and what is clicked more
    is clicked by mistake more. margin: close calls are flipped more, in both classes (`close_calls`).
    strength: of the law s(intercept + slope x) / 2, the size of its slope, above 0; 0 for constant. The intercept of
    likes gives their mean; each user has one of their own for false clicks.
    Pairs of validation and test are never touched. missed = invented = 0 is the split.
    Errors: S301 settings, or a law so steep that a pair's rates sum to 0.98 or more; S502 over 50 million pairs.
    Ours: the channels of strop.channels, put on a log.
    """
    train = data.train
    _check(missed, invented, by, strength, train)
    shape = (train.n_users, train.n_items)
    if not missed and not invented:
        nothing = np.zeros(shape, np.float32)
        return Flipped(data, np.zeros(len(train), bool), train.take(np.empty(0, np.int64)), nothing, nothing)
    free = np.ones(shape, bool)
    for part in (train, data.validation, data.test):
        if part is not None:
            free[part.users, part.items] = False
    covariate = _covariate(train, by)
    unseen = np.broadcast_to(_missed(train, missed, by, strength, covariate), shape).astype(np.float32)
    kept = np.bincount(train.users, 1 - unseen[train.users, train.items], train.n_users)
    false = _invented(free, kept * invented / (1 - invented), by, strength, covariate)
    if (unseen + false).max() >= LIMIT:
        raise StropError("S301", "the two rates of a pair sum to 0.98 or more", "a smaller strength, or smaller shares")
    return _seen(data, free, unseen, false, seed)


def close_calls(train: Clicks) -> Array:
    """(n_users, n_items) float32: how far EASE's score, fitted on train, lies above the user's cut, in sd of all scores.

    The cut lies between the n-th and the next score of a user with n clicks: a reference judge who shows n items.
    Ours: a reference margin. Errors: as ease.fit.
    """
    scores = ease.fit(train).score(np.arange(train.n_users)).numpy()
    ordered = -np.sort(-scores, axis=1)
    last = np.clip(np.diff(train.indptr), 1, train.n_items - 1)
    cut = (np.take_along_axis(ordered, last[:, None] - 1, 1) + np.take_along_axis(ordered, last[:, None], 1)) / 2
    margins: Array = (scores - cut) / max(float(scores.std()), 1e-12)
    return margins


def _check(missed: float, invented: float, by: str, strength: float, train: Clicks) -> None:
    most = 1.0 if by == "constant" else 0.5
    if not 0 <= missed < most:
        raise StropError("S301", f"missed is {missed}", f"allowed by {by}: [0, {most:g})")
    if not 0 <= invented < 1:
        raise StropError("S301", f"invented is {invented}", "a share of the clicks that are seen: [0, 1)")
    if by not in ("constant", "popularity", "margin"):
        raise StropError("S301", f'by is "{by}"', "allowed: constant, popularity, margin")
    if not (strength == 0 if by == "constant" else 0 < strength < np.inf):
        raise StropError("S301", f"strength is {strength}", "above 0; of constant flips 0")
    if train.n_users * train.n_items > MOST_PAIRS:
        message = f"{train.n_users * train.n_items:,} pairs of user and item, at most {MOST_PAIRS:,} are drawn for"
        raise StropError("S502", message, "fewer users or items (k-core)")


def _covariate(train: Clicks, by: str) -> Array:
    """What the rates depend on: (1, n_items) popularity, counted from 1, or (n_users, n_items) margins."""
    return close_calls(train) if by == "margin" else (1.0 + train.popularity)[None, :]


def _law(covariate: Array, by: str, intercept: float, slope: float) -> Array:
    """CovariateFlips's rate of every entry of a table."""
    assert by != "constant"
    channel = CovariateFlips("margin" if by == "margin" else "popularity", intercept, slope)
    values = covariate.ravel()
    return channel.rates(Judgements(np.ones(len(values), bool), {by: values}))[0].reshape(covariate.shape)


def _missed(train: Clicks, mean: float, by: str, strength: float, covariate: Array) -> Array:
    """The rates of likes, with this mean over train's clicks: the intercept is what gives it."""
    if by == "constant" or not mean:
        return np.full((1, 1), mean)
    own = np.broadcast_to(covariate, (train.n_users, train.n_items))[train.users, train.items]
    intercept = brentq(lambda c: float(_law(own, by, c, -strength).mean()) - mean, -1e3, 1e3)
    return _law(covariate, by, float(intercept), -strength)


def _invented(free: Array, wanted: Array, by: str, strength: float, covariate: Array) -> Array:
    """(n_users, n_items): the rates of the others, which sum to `wanted`, (n_users,), over each user's free pairs."""
    count = free.sum(1)
    share = np.divide(wanted, count, out=np.zeros(len(count)), where=wanted > 0)
    if not (share < (1.0 if by == "constant" else 0.5)).all():
        raise StropError("S301", "a user has too few pairs left for so many false clicks", "a smaller share invented")
    if by == "constant":
        return np.broadcast_to(share[:, None], free.shape).astype(np.float32)
    x = strength * np.log(covariate) if by == "popularity" else -strength * np.abs(covariate)
    with np.errstate(divide="ignore"):
        intercept, goal = np.log(share) - x.max(), np.log(wanted)
    some = np.flatnonzero(wanted > 0)
    for _ in range(NEWTON_STEPS):  # on the log of the sum, which bends down: from below it does not overshoot
        law = expit(intercept[some, None] + np.broadcast_to(x, free.shape)[some])
        law *= free[some]
        total = law.sum(1)
        step = (goal[some] - np.log(total / 2)) * total / (law * (1 - law)).sum(1)
        intercept[some] += step
        if np.abs(step).max() < 1e-9:
            break
    rates: Array = (expit(intercept[:, None] + x) / 2).astype(np.float32)
    return rates


def _seen(data: Split, free: Array, missed: Array, invented: Array, seed: int) -> Flipped:
    """Draws what is seen of every like and every free pair."""
    train, generator = data.train, np.random.default_rng([seed, 23])
    likes, others = train.users.astype(np.int64) * train.n_items + train.items, np.flatnonzero(free)
    keys = np.concatenate([likes, others])
    channel = GroupFlips("record", missed.ravel(), invented.ravel())
    truth = np.arange(len(keys)) < len(likes)
    seen = channel.corrupt(Judgements(truth, {"record": keys}), seed=generator).positive
    rows, false = np.flatnonzero(seen[: len(likes)]), others[seen[len(likes) :]]
    if not len(rows):
        raise StropError("S209", "no true click is left", "a smaller share of missed likes")
    every = np.concatenate([likes[rows], false])
    order = np.argsort(every)
    times = None
    if train.times is not None:
        users = false // train.n_items  # a false click has the time of one of its user's clicks
        picked = train.indptr[users] + generator.integers(0, np.diff(train.indptr)[users])
        times = np.concatenate([train.times[rows], train.times[picked]])[order]
    users, items = np.divmod(every[order], train.n_items)
    dirty = replace(train, users=users, items=items, times=times)
    hidden = train.take(np.flatnonzero(~seen[: len(likes)]))
    lost = int(((np.diff(train.indptr) > 0) & (np.diff(dirty.indptr) == 0)).sum())
    note = f"{len(hidden):,} clicks of train were taken out, {len(false):,} false ones put in"
    note += f"; {lost} users have none left" if lost else ""
    flipped_data = replace(data, train=dirty, notes=(*data.notes, note))
    return Flipped(flipped_data, order >= len(rows), hidden, missed, invented)
