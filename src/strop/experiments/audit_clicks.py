"""What can this log teach, what is wrong with it, and what is it worth? One page about one log."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from strop.audits import log as logs
from strop.audits.measure import Measured, definitions
from strop.channels import estimates
from strop.errors import StropError
from strop.experiments import audit_advice, audit_files
from strop.experiments.compare import about, outside, recall_of
from strop.experiments.forgetting import quote
from strop.experiments.found_again import BOTS, FALSE_SHARE, LEAST_PLANTED, Trouble, found_again, trouble
from strop.experiments.noise_curve import DOSES, NoiseCurve, noise_curve
from strop.experiments.running import anchors, peak_megabytes, run_arm, versions
from strop.experiments.suspicion import Suspicion, examine
from strop.records import Arm, Clicks, Figure, Ratings, Result, Split, Table, Trained
from strop.weights.effective import effective_sample_size
from strop.weights.propensity import inverse_popularity

log = logging.getLogger("strop.audit")
POPULARITY_SHARE = "popularity's share of the best recall@20"
POWERS = (0.25, 0.5, 1.0)  # how exposure may grow with popularity; nobody knows from clicks alone
ROWS = 10  # of a table on the page; the written files hold all


@dataclass
class Found:
    """What an audit gathers, part by part; what could not be done says so in `left_out`."""

    arms: dict[str, Arm] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    trained: dict[str, Trained] = field(default_factory=dict)
    planted: tuple[Figure, ...] = ()
    seen: Suspicion | None = None
    at_most: Figure | None = None
    trouble: Trouble | None = None
    noise: NoiseCurve | None = None
    alike: list[Any] = field(default_factory=list)
    clock: tuple[Figure, ...] = ()
    checked: Figure | None = None
    quote: tuple[Figure, ...] = ()
    left_out: list[str] = field(default_factory=list)

    @property
    def best(self) -> str:
        """The arm with the best recall@20, chance and popularity left aside."""
        return max((n for n in self.arms if n not in ("chance", "popular")), key=lambda n: self.recall(n))

    def recall(self, name: str) -> float:
        """An arm's recall@20."""
        return self.measured[name].values["recall@20"]

    @property
    def random_share(self) -> float | None:
        """The share of random clicks: of those that were checked, else the most that it can be."""
        return (self.checked or self.at_most or Figure("", None)).value

    @property
    def explained(self) -> float:
        """Popularity's share of the best recall."""
        return self.recall("popular") / self.recall(self.best)


def whole(data: Split) -> Clicks:
    """All parts of a split as one log."""
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    times = None if any(p.times is None for p in parts) else np.concatenate([p.times for p in parts])
    users, items = (np.concatenate([getattr(p, side) for p in parts]) for side in ("users", "items"))
    return Clicks(users, items, data.train.user_ids, data.train.item_ids, times, data.train.name)


def gather(data: Split, *, seed: int, draws: int) -> Found:
    """Everything the page is made of. Errors: as the recipes; what does not fit into its memory is left out and said."""
    found, clicks = Found(), whole(data)
    for name in ("chance", "popular", "bpr", "ials", "ease"):
        try:
            found.arms[name], found.measured[name], found.trained[name] = run_arm(
                name, data, seed=seed, settings={}, draws=draws
            )
        except StropError as error:
            if error.code != "S502":
                raise
            found.left_out.append(error.message)
        log.info("trained %s", name)
    found.alike, found.clock = logs.accounts_alike(clicks), logs.clock(clicks)
    if len(data.train) * FALSE_SHARE < LEAST_PLANTED:
        found.left_out.append("the log is too small to plant trouble in and find it again")
        return found
    try:
        found.planted = found_again(data.train, seed=seed)
        found.seen = examine(clicks, seed=seed)
        found.at_most = found.seen.at_most(draws=max(draws, 200), seed=seed)
        found.trouble = trouble(found.seen, found.at_most, found.planted)
        bpr = found.trained["bpr"].scorer, found.arms["bpr"].cost["cpu_seconds"]
        found.quote = quote(data, seed=seed, bpr=bpr)
    except StropError as error:
        if error.code != "S502":
            raise
        found.left_out.append(f"suspicious clicks, and what forgetting costs: {error.message}")
    log.info("examined every click")
    found.noise = noise_curve(data, seed=seed, draws=max(draws, 200))
    return found


def audit_clicks(
    data: Split,
    *,
    seed: int = 0,
    draws: int = 2000,
    notes: tuple[str, ...] = (),
    titles: dict[str, str] | None = None,
    checked: Ratings | None = None,
    files: Path | None = None,
    suffix: Literal["csv", "tsv", "parquet"] = "csv",
) -> Result:
    """Measures what popularity alone explains, what looks wrong, what random clicks cost, and where to look first.

    Trains popularity, chance, BPR, EASE and iALS with their defaults on the split, and a noise curve. titles: item name ->
    title, for the tables; checked: clicks drawn at random that somebody looked at, 1 for a false one and 0 for a meant
    one; files: a folder for what is to be checked, weights and cleaned clicks, as `suffix`.
    Errors: as the recipes; S211, S216 checked; S501, S503, S502 files.
    """
    share = None if checked is None else share_false(checked, whole(data))
    found = gather(data, seed=seed, draws=draws)
    found.checked = share
    written = () if files is None else audit_files.write(files, found, suffix=suffix, seed=seed)
    return result_of(found, data, seed=seed, draws=draws, notes=(*notes, *written), titles=titles or {})


def share_false(checked: Ratings, clicks: Clicks) -> Figure:
    """The share of false ones among checked clicks, with Wilson's interval. Errors: S211 not 0 or 1, S216 not in the log."""
    if not np.isin(checked.values, (0, 1)).all():
        raise StropError("S211", "a checked click is neither 0 nor 1", "1: false, 0: meant", checked.name)
    places = []
    for side in ("user", "item"):
        ids = {str(name): place for place, name in enumerate(getattr(clicks, f"{side}_ids").tolist())}
        names = getattr(checked, f"{side}_ids").tolist()
        places.append(np.array([ids.get(str(n), -1) for n in names], np.int64)[getattr(checked, f"{side}s")])
    users, items = places
    known = np.isin(users * clicks.n_items + items, clicks.users.astype(np.int64) * clicks.n_items + clicks.items)
    bad = np.flatnonzero(~known | (users < 0) | (items < 0))
    if len(bad):
        pair = f"user {checked.user_ids[checked.users[bad[0]]]} and item {checked.item_ids[checked.items[bad[0]]]}"
        raise StropError("S216", f"{pair}: no such click in this log", "check clicks of this very log", checked.name)
    return estimates.share("false clicks, by those checked, share", checked.values == 1)


def result_of(
    found: Found, data: Split, *, seed: int, draws: int, notes: tuple[str, ...], titles: dict[str, str]
) -> Result:
    """The page: verdict, advice, tables, curve, and every figure."""
    return Result(
        "audit",
        f"audit of {data.train.name}",
        audit_advice.verdict(found, data),
        arms=tuple(found.arms.values()),
        figures=figures_of(found, data),
        advice=tuple(audit_advice.advice(found, data)),
        tables=tuple(tables_of(found, titles)),
        curves=(found.noise.curve(),) if found.noise else (),
        definitions=definitions() | audit_advice.DEFINITIONS,
        settings={
            "split": data.kind,
            "draws": draws,
            "planted": f"{FALSE_SHARE:.0%} false clicks, {BOTS} bots",
            "doses": list(DOSES),
        },
        data=about(data),
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(*notes, *data.notes, *found.left_out),
        seed=seed,
    )


def figures_of(found: Found, data: Split) -> tuple[Figure, ...]:
    """What stands under the verdict first, then the rest."""
    first = [Figure(POPULARITY_SHARE, found.explained, n=len(found.measured[found.best].users))]
    if found.at_most:
        first.append(found.at_most)
    if found.checked:
        first.append(found.checked)
    if found.trouble and found.seen:
        first.append(
            Figure(
                "accounts that click no better than at random",
                float(len(found.trouble.accounts)),
                n=found.seen.clicks.n_users,
            )
        )
        first.append(Figure("items clicked by anybody", float(len(found.trouble.items)), n=found.seen.clicks.n_items))
    if found.noise:
        for name in found.noise.noisy:
            first += [found.noise.worth(name, dose) for dose in DOSES]
    return (
        *first,
        *logs.shape(data.train),
        *found.clock,
        logs.older_than_train(data),
        Figure(
            "users in groups of accounts with the same list", float(sum(map(len, found.alike))), n=data.train.n_users
        ),
        Figure("how exposure grows with popularity (power)", None),
        *(_left_by_weights(data.train, power) for power in POWERS),
        *found.planted,
        *found.quote,
    )


def _left_by_weights(clicks: Clicks, power: float) -> Figure:
    """How many equally weighted clicks are left if exposure grew with this power of popularity and were undone."""
    weights = inverse_popularity(clicks.popularity[clicks.items], power=power, clip=np.inf)
    name = f"clicks left after undoing exposure, power {power}, share"
    return Figure(name, effective_sample_size(weights) / len(clicks), n=len(clicks))


def tables_of(found: Found, titles: dict[str, str]) -> list[Table]:
    """Clicks to check first, accounts and items that look wrong, accounts that are alike."""
    if found.seen is None or found.trouble is None:
        return []
    clicks, seen = found.seen.clicks, found.seen
    users, items = clicks.user_ids.tolist(), clicks.item_ids.tolist()
    tables = []

    def titled(item: int) -> tuple[str, ...]:
        return (str(items[item]), titles.get(str(items[item]), "")) if titles else (str(items[item]),)

    item_columns = ("item", "title") if titles else ("item",)
    if len(found.trouble.accounts):
        rows = tuple(
            (str(users[u]), f"{clicks.indptr[u + 1] - clicks.indptr[u]:,}", f"{seen.account_doubt[u]:.2f}")
            for u in found.trouble.accounts[:ROWS]
        )
        note = "Half of all items fit them better than those they clicked, as if they clicked at random."
        tables.append(Table("Accounts that look like bots", ("user", "clicks", "mean doubt"), rows, note))
    if len(found.trouble.items):
        rows = tuple(
            (*titled(i), f"{clicks.popularity[i]:,}", f"{seen.item_fit[i]:.2f}") for i in found.trouble.items[:ROWS]
        )
        note = "Those who clicked it like nothing else that goes with it: shown to anybody, or pushed."
        tables.append(Table("Items clicked by anybody", (*item_columns, "clicks", "fit"), rows, note))
    order = seen.check_first[:ROWS]
    rows = tuple((str(users[clicks.users[r]]), *titled(clicks.items[r]), f"{seen.doubt[r]:.3f}") for r in order)
    tables.append(
        Table("Clicks to check first", ("user", *item_columns, "doubt"), rows, audit_advice.first_hundred(found))
    )
    if found.alike:
        rows = tuple(
            (", ".join(str(users[u]) for u in g[:6]) + (" ..." if len(g) > 6 else ""), str(len(g)))
            for g in found.alike[:ROWS]
        )
        tables.append(Table("Accounts with the same list", ("users", "accounts"), rows))
    return tables


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
