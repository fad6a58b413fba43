"""How much of the trouble that we plant in a copy of a log is found again, and what is an hour of checking worth?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import bootstrap_mean
from strop.experiments.suspicion import Suspicion, examine
from strop.records import Clicks, Figure

Array = npt.NDArray[Any]
FALSE_SHARE, BOTS, BOT_CLICKS = 0.05, 20, 100  # what is planted: random clicks, and accounts that click at random
PUSHED = 10  # how many times as often as before a pushed item is clicked, by anybody
LEAST_PLANTED = 20  # fewer false clicks than this say nothing about how many would be found
TOLD_APART = "a planted false click is doubted more than another click, share of pairs"
LEAST_APART = 0.65  # a coin tells apart one half
FIRST = 100  # records that somebody checks in an hour or so


@dataclass(frozen=True)
class Planted:
    """A log with trouble that we put there, and where it is."""

    clicks: Clicks
    false: Array  # (n,) bool of the planted log's clicks
    bots: Array  # (n_users,) bool of the planted log's users


def plant(clicks: Clicks, *, seed: int, false_share: float = FALSE_SHARE, bots: int = BOTS) -> Planted:
    """Adds random clicks (a share of the clicks) and `bots` new users of random clicks. Ours: a test of the instrument."""
    generator = np.random.default_rng([seed, 11])
    known = clicks.users.astype(np.int64) * clicks.n_items + clicks.items
    wanted = round(false_share * len(clicks))
    users = clicks.users[generator.integers(0, len(clicks), 3 * wanted)].astype(np.int64)  # as active as real ones
    drawn = np.unique(users * clicks.n_items + generator.integers(0, clicks.n_items, 3 * wanted))
    fresh = generator.permutation(drawn[~np.isin(drawn, known)])[:wanted]
    size = min(BOT_CLICKS, clicks.n_items // 2)
    own = np.concatenate(
        [
            clicks.n_items * np.int64(clicks.n_users + b) + generator.permutation(clicks.n_items)[:size]
            for b in range(bots)
        ]
        or [np.empty(0, np.int64)]
    )
    keys = np.concatenate([known, fresh, own])
    order = np.argsort(keys)
    planted = np.repeat([False, True, False], [len(known), len(fresh), len(own)])[order]
    names = np.concatenate([np.arange(clicks.n_users), -1 - np.arange(bots)])
    table = Clicks(keys[order] // clicks.n_items, keys[order] % clicks.n_items, names, clicks.item_ids)
    return Planted(table, planted, np.arange(len(names)) >= clicks.n_users)


def pushed(clicks: Clicks, item: int, *, seed: int, times: int = PUSHED) -> Clicks:
    """The item clicked `times` as often, by users drawn as active as they are: shown to anybody. Ours: a test as `plant`."""
    generator = np.random.default_rng([seed, 19])
    chances = np.diff(clicks.indptr).astype(float)
    chances[clicks.users[clicks.items == item]] = 0
    size = min(int(clicks.popularity[item]) * (times - 1), int((chances > 0).sum()))
    users = generator.choice(clicks.n_users, size=size, replace=False, p=chances / chances.sum())
    both = np.concatenate([clicks.users, users]), np.concatenate([clicks.items, np.full(size, item)])
    return Clicks(*both, clicks.user_ids, clicks.item_ids, name=clicks.name)


def found_again(clicks: Clicks, *, seed: int) -> tuple[Figure, ...]:
    """How much of what was planted is found among as many most suspicious clicks, and users, as were planted.

    Beside it what looking at the rarest items first would find, and chance; and how many of the first 100 looked at are
    false. Intervals: bootstrap over what was looked at. Errors: S502 as `examine`.
    """
    planted = plant(clicks, seed=seed)
    seen, log = examine(planted.clicks, seed=seed), planted.clicks
    real = ~planted.bots[log.users]  # false clicks are looked for among people's
    wanted = int(planted.false.sum())
    rarity = -log.popularity[log.items].astype(float)
    figures = []
    for name, by, accounts in (
        ("most suspicious first", seen.doubt, seen.account_doubt),
        ("rarest items first", rarity, _mean_by_user(rarity, log)),
    ):
        rows = np.flatnonzero(real)[np.argsort(-by[real], kind="stable")[:wanted]]
        users = np.argsort(-accounts, kind="stable")[:BOTS]
        hits = {"false clicks": planted.false[rows], "bots": planted.bots[users]}
        if len(rows) >= FIRST:
            hits[f"false clicks in the first {FIRST}"] = planted.false[rows[:FIRST]]
        for what, found in hits.items():
            figures.append(Figure(f"{what} found, {name}", *bootstrap_mean(found.astype(float), seed=seed), len(found)))
    chance = (wanted / real.sum(), BOTS / log.n_users)
    above = np.searchsorted(np.sort(seen.doubt[real & ~planted.false]), seen.doubt[planted.false & real])
    told_apart = bootstrap_mean(above / (real & ~planted.false).sum(), seed=seed)
    return (
        *figures,
        Figure(TOLD_APART, *told_apart, wanted),
        *(Figure(f"{n} found by chance", float(v)) for n, v in zip(("false clicks", "bots"), chance, strict=True)),
    )


def _mean_by_user(values: Array, clicks: Clicks) -> Array:
    mean: Array = np.bincount(clicks.users, values, minlength=clicks.n_users) / np.maximum(np.diff(clicks.indptr), 1)
    return mean


def sees(planted: tuple[Figure, ...], what: str) -> bool:
    """Whether trouble of this kind would be seen: false clicks told apart from others, bots found beyond chance, surely.

    False clicks are not asked to be rarer than what is wrong already: a log full of them hides none.
    """
    by_name = {figure.name: figure for figure in planted}
    if what == "false clicks":
        found, least = by_name.get(TOLD_APART), LEAST_APART
    else:
        found = by_name.get(f"{what} found, most suspicious first")
        least = 2 * (by_name[f"{what} found by chance"].value or 0.0) if found else 0.0
    return found is not None and found.low is not None and found.low > least


@dataclass(frozen=True)
class Trouble:
    """What was found in the log itself, by the rules below; None where the instrument is blind here."""

    random: bool | None
    accounts: Array
    items: Array


LEAST_RANDOM = 0.2  # of clicks that may be random, at most: below it tastes that nobody shares are as likely
LEAST_ACCOUNTS, ACCOUNT_SHARE = 5, 0.005


def trouble(seen: Suspicion, at_most: Figure, planted: tuple[Figure, ...]) -> Trouble:
    """Random clicks: a fifth and more may be random, with doubts that end flat, where planted ones are seen.

    Accounts: five and one in 200 at least that click no better than at random; items: as Suspicion.items. Ours: the bounds
    were set on ML-100K, LastFM and a planted world, clean and with planted trouble (docs/log.md).
    """
    random = None
    if sees(planted, "false clicks") and at_most.value is not None:
        random = at_most.value >= LEAST_RANDOM and 0.5 <= seen.flat <= 1
    enough = len(seen.accounts) >= max(LEAST_ACCOUNTS, ACCOUNT_SHARE * seen.clicks.n_users)
    return Trouble(random, seen.accounts if enough else seen.accounts[:0], seen.items)
