"""What do clicks that were not meant cost, and does mistrusting the badly fitted ones help? What two receipts share.

Train is every rating, liked or not (natural noise), as it is and with random clicks added; validation and test are
held-out likes. In a row an arm stands under its name with random clicks, and as "NAME, natural" without.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from strop.attacks.labels import Poisoned, random_positives
from strop.audits.measure import Measured, paired
from strop.audits.outcome import measured
from strop.catalogue import parameters
from strop.experiments.compare import Trial, candidates, chosen
from strop.experiments.running import train
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.models.recommend.points import PointDraws, PointwiseLearner
from strop.protocols import Scorer
from strop.records import Clicks, Ratings, Split

FIGURES = ("recall@20", "ndcg@20", "arp@20", "coverage@20")
DRAWS = 2000
FALSE = "share of random clicks among the clicks passed over, over their share of all"
DISLIKED = "share of low ratings among the clicks passed over, over their share of all"
WEIGHT = "mean weight of random clicks, over that of the others"


def split_of(about: dict[str, Any], seed: int) -> tuple[Split, Ratings]:
    """All ratings are clicks, split as the rule says; of validation and test only the likes are kept."""
    found = datasets.load(about["name"], k_core=about["k_core"])
    ratings = found.ratings
    assert ratings is not None
    whole = split(found.clicks, seed=seed, shares=tuple(about["shares"]))
    assert whole.test is not None
    likes = [part.take(values_of(ratings, part) >= about["liked"]) for part in (whole.validation, whole.test)]
    return replace(whole, validation=likes[0], test=likes[1]), ratings


def values_of(ratings: Ratings, clicks: Clicks) -> Any:
    """(n,): what the clicks were rated, by name, for the tables may differ; NaN for pairs that were not rated."""
    names = zip(ratings.user_ids[ratings.users].tolist(), ratings.item_ids[ratings.items].tolist(), strict=True)
    rated = dict(zip(names, ratings.values.tolist(), strict=True))
    pairs = zip(clicks.user_ids[clicks.users].tolist(), clicks.item_ids[clicks.items].tolist(), strict=True)
    return np.array([rated.get(pair, np.nan) for pair in pairs])


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Every arm chosen on validation and measured on the test part, with and without random clicks: a row."""
    about = rule["data"][data_name]
    data, ratings = split_of(about, seed)
    worlds = {"": random_positives(data, share=about["random clicks"], seed=seed)}
    worlds[", natural"] = random_positives(data, share=0.0, seed=seed)
    settings: dict[str, Any] = {}
    figures: dict[str, dict[str, float | None]] = {}
    halves: dict[str, dict[str, float]] = {}
    for suffix, world in worlds.items():
        found: dict[str, Measured] = {}
        for arm, search in rule["arms"].items():
            scorer, settings[arm + suffix] = tuned(arm, search, world.data, trials=rule["trials"], seed=seed)
            found[arm] = measured(scorer, world.data)
            figures[arm + suffix] = levels(found[arm], data.train)
            figures[arm + suffix] |= mistrusted(arm, scorer, settings[arm + suffix], world, ratings, seed=seed)
        for name in rule["anchors"]:
            scorer = train(name, world.data, seed=seed, settings={})[0].scorer
            figures[name + suffix] = levels(measured(scorer, world.data), data.train)
        for arm in [a for a in rule["arms"] if a != "bpo"]:
            widths = paired(found[arm], found["bpo"], names=("recall@20", "ndcg@20"), draws=DRAWS)
            halves[f"{arm}{suffix} - bpo{suffix}"] = {
                f.name: (f.high - f.low) / 2 for f in widths if f.low is not None and f.high is not None
            }
    for name in [n for n in figures if f"{n}, natural" in figures]:
        for figure in ("recall@20", "ndcg@20"):
            figures[name][f"robustness drop of {figure}"] = drop(
                figures[f"{name}, natural"][figure], figures[name][figure]
            )
    checksum = data.train.checksum
    return {"data": data_name, "seed": seed, "checksum": checksum, "settings": settings, "figures": figures, "half widths": halves}  # fmt: skip


def drop(clean: float | None, dirty: float | None) -> float | None:
    """(M0 - M1) / M0; None where M0 is 0 or either is undefined."""
    return None if not clean or dirty is None else (clean - dirty) / clean


def tuned(arm: str, search: dict[str, Any], data: Split, *, trials: int, seed: int) -> tuple[Scorer, dict[str, Any]]:
    """The trial of best validation NDCG@20, already trained; the test part is out of reach."""
    tried, kept = [], {}
    for one in candidates(search, trials=trials, seed=seed):
        scorer = train(arm, data, seed=seed, settings=one)[0].scorer
        values = measured(scorer, data.without_test()).values
        tried.append(Trial(one, *(float(values[f]) for f in ("recall@20", "ndcg@20", "reo@20"))))
        kept[repr(one)] = scorer
    best = chosen(tried, None).settings
    return kept[repr(best)], best


def levels(found: Measured, clean: Clicks) -> dict[str, float | None]:
    """Figures of the whole, and Recall@20 by thirds of the users: of the fewest, of middling, of the most true train clicks."""
    out = {name: found.value(name) for name in FIGURES}
    order = np.argsort(np.diff(clean.indptr)[found.users], kind="stable")
    for name, third in zip(("least", "middling", "most"), np.array_split(order, 3), strict=True):
        out[f"recall@20 of the {name} active third"] = float(found.per_user["recall"][third].mean())
    return out


def mistrusted(
    arm: str, scorer: Scorer, settings: dict[str, Any], world: Poisoned, ratings: Ratings, *, seed: int
) -> dict[str, float | None]:
    """What the chosen model mistrusts: which clicks T-CE would pass over, or how much R-CE lets random ones count."""
    train_ = world.data.train
    if arm == "rce" and world.planted.any():
        scores = np.concatenate(
            [scorer.score(np.array([u])).numpy()[0, train_.items_of(u)] for u in np.unique(train_.users)]
        )
        weights = (1 / (1 + np.exp(-scores.astype(float)))) ** settings["exponent"]
        return {WEIGHT: float(weights[world.planted].mean() / weights[~world.planted].mean())}
    if arm != "tce":
        return {}
    gone = passed_over(scorer, train_, drop=settings["drop"], seed=seed)
    values = values_of(ratings, train_)
    disliked = values < 3  # a random click was not rated: NaN is not below 3
    out: dict[str, float | None] = {DISLIKED: float(disliked[gone].mean() / disliked.mean())}
    return out | ({FALSE: float(world.planted[gone].mean() / world.planted.mean())} if world.planted.any() else {})


def passed_over(scorer: Scorer, clicks: Clicks, *, drop: float, seed: int) -> Any:
    """(n,) bool: the clicks that T-CE passes over in one epoch of batches, at its whole share, with these vectors."""
    batch = next(p.default for p in parameters("tce") if p.name == "batch")
    vectors = scorer.state()
    dimensions = vectors["left"].shape[1]
    learner = PointwiseLearner(
        clicks, drop=drop, batch=batch, dimensions=dimensions, draws=PointDraws(clicks, seed=seed), seed=seed
    )
    learner.load(learner.state() | vectors)
    keys = clicks.users.astype(np.int64) * clicks.n_items + clicks.items
    gone = np.zeros(len(clicks), bool)
    for drawn in learner.draws.blocks(0, batch, (learner.left, learner.right)):
        rows = learner.dropped(drawn, 0.0) == 1
        gone[np.searchsorted(keys, drawn[0][rows].astype(np.int64) * clicks.n_items + drawn[1][rows])] = True
    return gone


def identical(arm: str, nothing: dict[str, Any]) -> bool:
    """Whether an arm without its effect gives, bit for bit, what bpo gives."""
    data = planted_likes(seed=0, users=200, items=100).without_test()
    same = {"epochs": 10, "patience": 0, "l2": 0.02}
    ours, plain = (
        train(name, data, seed=3, settings=s)[0].scorer.state() for name, s in ((arm, nothing | same), ("bpo", same))
    )
    return all(np.array_equal(a, plain[name]) for name, a in ours.items())
