"""Are planted false clicks found by doubt, beside cleanlab's ranking, rarity and chance? One split of the receipt."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.attacks.labels import random_positives
from strop.audits import intervals
from strop.audits.measure import Measured, paired
from strop.audits.outcome import measured
from strop.errors import StropError
from strop.experiments.running import train
from strop.experiments.suspicion import examine
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.models.recommend import ease
from strop.records import Clicks, Split

Array = npt.NDArray[Any]
FIRST, DRAWS = 100, 2000
RECALL = "recall@20"


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Plants false clicks in train, ranks all of train in each way, and retrains without as many as were planted."""
    about = rule["data"][data_name]
    clean = split(datasets.load(about["set"], k_core=about["k_core"]).clicks, seed=seed)
    planted, false = dirty(clean, share=about["share"], items=about["items"], seed=seed)
    ranks = rankings(planted.train, seed=seed)
    wanted, models = int(false.sum()), {"as it is": _retrained(planted, clean, np.ones(len(false), bool), seed)}
    figures: dict[str, dict[str, float | None]] = {}
    hits = {}
    for name, order in ranks.items():
        kept = np.ones(len(false), bool)
        kept[order[:wanted]] = False
        models[name] = _retrained(planted, clean, kept, seed)
        hits[name] = {
            "precision": false & ~kept,
            f"precision of {FIRST}": false & np.isin(np.arange(len(false)), order[:FIRST]),
        }
        sizes = {"precision": wanted, f"precision of {FIRST}": FIRST}
        figures[name] = {what: float(found.sum() / sizes[what]) for what, found in hits[name].items()}
    figures["as it is"] = {}
    for name, found in models.items():
        figures[name][RECALL] = found.values[RECALL]
    users = planted.train.users
    return {
        "data": data_name,
        "seed": seed,
        "checksum": planted.train.checksum,
        "settings": {},
        "figures": figures,
        "half widths": {
            f"doubt - {name}": _half_widths(hits, name, wanted, users, planted.train.n_users) | _recalls(models, name)
            for name in ranks
            if name != "doubt"
        }
        | {"doubt - as it is": _recalls(models, "as it is")},
    }


def dirty(clean: Split, *, share: float, items: str, seed: int) -> tuple[Split, Array]:
    """The split with false clicks in train, and which they are; items: uniform, or as often as they are clicked."""
    if items == "uniform":
        found = random_positives(clean, share=share, seed=seed)
        return found.data, found.planted
    train, generator = clean.train, np.random.default_rng([seed, 31])
    parts = [part for part in (train, clean.validation, clean.test) if part is not None]
    taken = np.concatenate([p.users.astype(np.int64) * p.n_items + p.items for p in parts])
    wanted = round(share * len(train))
    rows = generator.integers(0, len(train), (2, 6 * wanted))
    drawn = train.users[rows[0]].astype(np.int64) * train.n_items + train.items[rows[1]]
    _, first = np.unique(drawn, return_index=True)
    drawn = drawn[np.sort(first)]
    keys = np.concatenate(
        [train.users.astype(np.int64) * train.n_items + train.items, drawn[~np.isin(drawn, taken)][:wanted]]
    )
    order = np.argsort(keys)
    users, places = np.divmod(keys[order], train.n_items)
    return replace(clean, train=replace(train, users=users, items=places, times=None)), order >= len(train)


def rankings(clicks: Clicks, *, seed: int) -> dict[str, Array]:
    """Rows of the clicks in the order in which each way would look at them."""
    generator = np.random.default_rng([seed, 37])
    rarity = clicks.popularity[clicks.items]
    return {
        "doubt": np.argsort(-examine(clicks, seed=seed).doubt, kind="stable"),
        "cleanlab": _by_cleanlab(clicks, seed=seed),
        "rarest": np.argsort(rarity + generator.random(len(clicks)), kind="stable"),
        "random": generator.permutation(len(clicks)),
    }


def _by_cleanlab(clicks: Clicks, *, seed: int) -> Array:
    """cleanlab's ranking of label quality over clicks and as many unclicked pairs, from cross-fitted probabilities.

    The probabilities are a logistic regression's, on what the doubts are made of too: the score of EASE learned from the
    other half of the users, that score against the user's own mean and spread, and the logarithm of the item's popularity.
    """
    try:
        from cleanlab.rank import get_label_quality_scores
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise StropError("S401", "this receipt is held against cleanlab", 'pip install "strop[evidence]"') from None
    generator = np.random.default_rng([seed, 41])
    users = np.concatenate([clicks.users, clicks.users])
    items = np.concatenate([clicks.items, generator.integers(0, clicks.n_items, len(clicks))])
    labels = np.repeat([1, 0], len(clicks))
    features = _features(clicks, users.astype(np.int64), items.astype(np.int64), seed)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    chances = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
    quality = get_label_quality_scores(labels, chances, method="self_confidence")
    return np.argsort(quality[: len(clicks)], kind="stable")


def _features(clicks: Clicks, users: Array, items: Array, seed: int) -> Array:
    half = np.random.default_rng([seed, 13]).permutation(clicks.n_users) % 2
    found = np.empty((len(users), 3))
    for side in (0, 1):
        model = ease.Ease(clicks.matrix(), ease.fit(clicks.take(half[clicks.users] != side)).weights.numpy())
        members = np.flatnonzero(half == side)
        scores = model.score(members).numpy()
        rows = np.flatnonzero(half[users] == side)
        own = np.searchsorted(members, users[rows])
        value = scores[own, items[rows]]
        found[rows, 0] = value
        found[rows, 1] = (value - scores.mean(1)[own]) / (scores.std(1)[own] + 1e-9)
    found[:, 2] = np.log1p(clicks.popularity[items])
    return found


def _retrained(planted: Split, clean: Split, kept: Array, seed: int) -> Measured:
    """BPR without the clicks that are not kept; all of the clean train part stays masked, so that candidates are the same."""
    data = replace(planted, train=planted.train.take(kept))
    model = train("bpr", data, seed=seed, settings={})[0].scorer
    return measured(model, clean)


def _half_widths(
    hits: dict[str, dict[str, Array]], name: str, wanted: int, users: Array, n_users: int
) -> dict[str, float]:
    """Half widths of the bootstrap over users of the differences in precision."""
    out = {}
    for what, size in (("precision", wanted), (f"precision of {FIRST}", FIRST)):
        gap = hits["doubt"][what].astype(float) - hits[name][what]
        by_user = np.bincount(users, gap, minlength=n_users)
        drawn = np.concatenate([by_user @ w / size for w in intervals.resampled_counts(n_users, draws=DRAWS, seed=0)])
        low, high = np.quantile(drawn, [0.025, 0.975])
        out[what] = float(high - low) / 2
    return out


def _recalls(models: dict[str, Measured], name: str) -> dict[str, float]:
    (gap,) = paired(models["doubt"], models[name], names=(RECALL,), draws=DRAWS)
    return {} if gap.low is None or gap.high is None else {RECALL: (gap.high - gap.low) / 2}
