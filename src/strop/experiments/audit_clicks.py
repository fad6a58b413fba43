"""What can this log teach, and what can it not? Popularity's share, who is served, and planted trouble found again."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from strop.audits.intervals import bootstrap_mean
from strop.audits.measure import Measured, definitions
from strop.errors import StropError
from strop.experiments.compare import about, outside, recall_of
from strop.experiments.running import anchors, peak_megabytes, run_arm, versions
from strop.models.recommend import ease
from strop.records import Advice, Arm, Clicks, Figure, Result, Split

log = logging.getLogger("strop.audit")
POPULARITY_SHARE = "popularity's share of the best recall@20"
FALSE_SHARE, BOTS, BOT_CLICKS = 0.05, 20, 100  # what is planted: random clicks, and accounts that click at random
LEAST_PLANTED = 20  # fewer false clicks than this say nothing about how many would be found


@dataclass(frozen=True)
class Planted:
    """Train with trouble that we put there, and where it is."""

    clicks: Clicks
    false: Any  # (n,) bool of the planted log's clicks
    bots: Any  # (n_users,) bool of the planted log's users


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


def suspicion(clicks: Clicks, *, seed: int) -> Any:
    """(n,) in [0, 1]: the share of items that fit the click's user better than the clicked one does.

    Fit is the score of an EASE model learned from the other half of the users: a model that saw the click would defend
    it, most of all on a rare item.
    """
    half = np.random.default_rng([seed, 13]).permutation(clicks.n_users) % 2
    doubt = np.empty(len(clicks), np.float32)
    for side in (0, 1):
        other = ease.fit(clicks.take(half[clicks.users] != side))
        model = ease.Ease(clicks.matrix(), other.weights.numpy())
        members = np.flatnonzero(half == side)
        for start in range(0, len(members), 512):
            users = members[start : start + 512]
            ordered, scores = (x.numpy() for x in _ordered(model, users))
            for row, user in enumerate(users):
                low, high = clicks.indptr[user], clicks.indptr[user + 1]
                place = np.searchsorted(ordered[row], scores[row, clicks.items[low:high]], side="left")
                doubt[low:high] = 1 - place / clicks.n_items
    return doubt


def _ordered(model: ease.Ease, users: Any) -> tuple[Any, Any]:
    scores = model.score(users)
    return scores.sort(dim=1).values, scores


def found_again(data: Split, *, seed: int) -> tuple[Figure, ...]:
    """How much of what was planted is found among as many most suspicious clicks, and users, as were planted.

    Beside it what looking at the rarest items first would find, and chance. Intervals: bootstrap over what was looked at.
    """
    planted = plant(data.train, seed=seed)
    clicks = planted.clicks
    real = ~planted.bots[clicks.users]  # false clicks are looked for among people's
    wanted = int(planted.false.sum())
    doubt, rarity = suspicion(clicks, seed=seed), -clicks.popularity[clicks.items].astype(float)
    figures = []
    for name, by in (("most suspicious first", doubt), ("rarest items first", rarity)):
        rows = np.flatnonzero(real)[np.argsort(-by[real], kind="stable")[:wanted]]
        mean = np.bincount(clicks.users, by, minlength=clicks.n_users) / np.maximum(np.diff(clicks.indptr), 1)
        users = np.argsort(-mean, kind="stable")[:BOTS]
        for what, hits in (("false clicks", planted.false[rows]), ("bots", planted.bots[users])):
            figures.append(Figure(f"{what} found, {name}", *bootstrap_mean(hits.astype(float), seed=seed), len(hits)))
    chance = (wanted / real.sum(), BOTS / clicks.n_users)
    return (
        *figures,
        *(Figure(f"{n} found by chance", float(v)) for n, v in zip(("false clicks", "bots"), chance, strict=True)),
    )


def shape(clicks: Clicks) -> tuple[Figure, ...]:
    """The log's own figures, before anything is trained."""
    popularity = np.sort(clicks.popularity)[::-1]
    head = popularity[: max(1, clicks.n_items // 10)].sum() / len(clicks)
    active = np.diff(clicks.indptr)
    return (
        Figure("density", len(clicks) / (clicks.n_users * clicks.n_items), n=len(clicks)),
        Figure("share of clicks on the top tenth of items", float(head), n=len(clicks)),
        Figure("median clicks a user", float(np.median(active)), n=clicks.n_users),
        Figure("items with fewer than 5 clicks, share", float((clicks.popularity < 5).mean()), n=clicks.n_items),
    )


def audit_clicks(data: Split, *, seed: int = 0, draws: int = 2000, notes: tuple[str, ...] = ()) -> Result:
    """Measures what popularity alone explains, who is recommended and who likes it, and how well trouble would be seen.

    Trains popularity, chance, BPR, EASE and iALS with their defaults on the split. Errors: as the recipes.
    """
    arms: dict[str, Arm] = {}
    found: dict[str, Measured] = {}
    left_out = []
    for name in ("chance", "popular", "bpr", "ials", "ease"):
        try:
            arms[name], found[name], _ = run_arm(name, data, seed=seed, settings={}, draws=draws)
        except StropError as error:
            if error.code != "S502":
                raise
            left_out.append(error.message)
        log.info("trained %s", name)
    figures = list(shape(data.train))
    planted: tuple[Figure, ...] = ()
    try:
        if len(data.train) * FALSE_SHARE >= LEAST_PLANTED:
            planted = found_again(data, seed=seed)
        else:
            left_out.append("the log is too small to plant trouble in and find it again")
    except StropError as error:
        if error.code != "S502":
            raise
        left_out.append(f"planted trouble: {error.message}")
    best = max((n for n in arms if n not in ("chance", "popular")), key=lambda n: found[n].values["recall@20"])
    explained = found["popular"].values["recall@20"] / found[best].values["recall@20"]
    figures += [Figure(POPULARITY_SHARE, explained, n=len(found[best].users)), *planted]
    return Result(
        "audit",
        f"audit of {data.train.name}",
        _verdict(arms, best, explained),
        arms=tuple(arms.values()),
        figures=tuple(figures),
        advice=tuple(_advice(data, arms, best, explained, planted)),
        definitions=definitions(),
        settings={"split": data.kind, "draws": draws, "planted": f"{FALSE_SHARE:.0%} false clicks, {BOTS} bots"},
        data=about(data),
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(*notes, *data.notes, *left_out),
        seed=seed,
    )


def _verdict(arms: dict[str, Arm], best: str, explained: float) -> str:
    top, chance = (recall_of(arms[name]) for name in (best, "chance"))
    if (top.low or 0) <= (chance.high or 0):
        return f"Nothing in this log is learned beyond chance: recall@20 {top.value:.3f}, chance {chance.value:.3f}."
    return (
        f"This log teaches taste: {best} finds {top.value:.1%} of held-out clicks in 20 places [{top.low:.1%}, {top.high:.1%}], "
        f"and popularity alone finds {explained:.0%} of that. "
        "What it cannot say is whether popular items are liked more or only shown more: it holds no record of what was shown."
    )


def _advice(
    data: Split, arms: dict[str, Arm], best: str, explained: float, planted: tuple[Figure, ...]
) -> list[Advice]:
    lines = []
    level = "warn" if explained > 0.7 else "note"
    lines.append(
        Advice(
            "Hold every model against popularity: it is the free baseline here",
            f"{explained:.0%} of the best recall",
            level,
        )
    )
    points = arms[best].points
    least, most = [row for row in points[: len(points) // 2] if row], points[-1]
    shown, liked = (sum(row[i] or 0.0 for row in least) for i in (2, 3))
    if liked > 0:
        text = f"{best} gives the less popular half of the items this share of places, against their share of held-out likes"
        lines.append(Advice(text, f"{shown:.1%} against {liked:.1%}", "warn" if shown < 0.5 * liked else "note"))
    lines.append(
        Advice(
            f"The top tenth of items takes most places of {best}",
            f"{most[2] or 0:.0%} of places, {most[3] or 0:.0%} of likes",
        )
    )
    if "bpr" in arms and "ease" in arms and (recall_of(arms["bpr"]).high or 0) < (recall_of(arms["ease"]).value or 0):
        figures = (recall_of(arms[name]).value or 0 for name in ("bpr", "ease"))
        lines.append(
            Advice(
                "BPR is below EASE here: prefer EASE or iALS unless you need vectors",
                "{:.3f} against {:.3f}".format(*figures),
                "warn",
            )
        )
    by_name = {figure.name: figure for figure in planted}
    for what in ("false clicks", "bots") if planted else ():
        ours, rare = (by_name[f"{what} found, {how} first"] for how in ("most suspicious", "rarest items"))
        chance = by_name[f"{what} found by chance"].value or 0.0
        seen = (ours.low or 0) > 2 * chance
        text = f"{what.capitalize()} that click at random {'would be' if seen else 'would hardly be'} seen: of those planted, found by suspicion, by rarity alone, by chance"
        lines.append(Advice(text, f"{ours.value:.0%}, {rare.value:.0%}, {chance:.1%}", "good" if seen else "warn"))
    if data.train.times is None:
        lines.append(
            Advice("Without times no split by time is possible: figures from random splits flatter", level="note")
        )
    return lines


def audit_lists(lists: dict[str, Any], data: Split, *, draws: int = 2000) -> Result:
    """Audits the lists of any tools beside popularity and EASE, in the same way as our own. lists: name -> (n_users, k)."""
    arms = [outside(name, top, data, draws)[0] for name, top in lists.items()]
    found, notes = anchors(data, seed=0, skip=("ials",), draws=draws)
    beside = [made for made, _ in found]
    strongest = max((recall_of(arm) for arm in beside), key=lambda figure: figure.value or 0.0)
    said = []
    for arm in arms:
        mine = recall_of(arm)
        below = mine.high is not None and strongest.value is not None and mine.high < strongest.value
        standing = "below" if below else "beside"
        said.append(
            f"{arm.name} finds {mine.value or 0:.1%} of held-out clicks in 20 places, {standing} the {strongest.value:.1%} of the best simple model."
        )
    return Result(
        "audit",
        f"lists of {', '.join(lists)}",
        " ".join(said),
        arms=(*arms, *beside),
        definitions=definitions(),
        data=about(data),
        versions=versions(),
        notes=(*data.notes, *notes),
    )
