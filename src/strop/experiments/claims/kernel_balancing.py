"""Does balancing a kernel of the observed pairs with that of all pairs improve on naive Bayes weights? One seed of the receipt."""

from typing import Any

import numpy as np

from strop.audits.rated import Rated, rated
from strop.experiments.rated import balance_figures
from strop.experiments.rated_arms import WAYS, Desk, Plan, cut_uniform, learn
from strop.feedback import datasets
from strop.records import Ratings
from strop.weights.anchors import random_anchors
from strop.weights.balancing import balanced_weights

DRAWS = 2000


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Every arm chosen on a share of the self-selected ratings, and judged by the uniform ones: a row."""
    about = rule["data"][data_name]
    train, uniform = _coat()
    cut = cut_uniform(train, uniform, share=about["uniform share"], seed=seed)
    plan = Plan(**rule["plan"] | {"l2": tuple(rule["plan"]["l2"])})
    learned, _ = learn({name: WAYS[name] for name in rule["arms"]}, cut, plan=plan, seed=seed)
    found = {name: rated(one.scorer, cut.test, liked=plan.threshold) for name, one in learned.items()}
    figures: dict[str, dict[str, float | None]] = {}
    for name, one in learned.items():
        balance = balance_figures(one)
        figures[name] = {figure: found[name].value(figure) for figure in found[name].names()}
        figures[name] |= {"auc on validation": one.validation_auc, **balance}
        if one.balanced is not None:
            figures[name]["share of the gap left"] = balance["balance gap"] / balance["balance gap before"]
            figures[name]["share of the gap left elsewhere"] = (
                balance["balance gap elsewhere"] / balance["balance gap elsewhere before"]
            )
    pairs = {(c["arm"], c["against"]) for c in rule["conditions"] if c["against"]}
    return {
        "data": data_name,
        "seed": seed,
        "checksum": cut.train.clicks().checksum,
        "settings": {name: {"l2": one.l2, "weights": WAYS[name].start} for name, one in learned.items()},
        "figures": figures,
        "half widths": {f"{a} - {b}": _half_widths(found[a], found[b]) for a, b in sorted(pairs)},
    }


def _coat() -> tuple[Ratings, Ratings]:
    train, uniform = datasets.load("coat").ratings, datasets.coat_test()
    assert train is not None
    return train, uniform


def _half_widths(a: Rated, b: Rated) -> dict[str, float]:
    gaps = a.minus(b, names=a.names(), draws=DRAWS)
    return {gap.name: (gap.high - gap.low) / 2 for gap in gaps if gap.low is not None and gap.high is not None}


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """Mean 1, ones where nothing is asked, a hinge for each anchor that never rises, naive Bayes adding up to all pairs."""
    train, uniform = _coat()
    cut = cut_uniform(train, uniform, share=0.05, seed=0)
    plan = Plan(**rule["plan"] | {"l2": tuple(rule["plan"]["l2"])})
    desk = Desk(cut.train, cut.sample, plan, 0)
    start = desk.weights(WAYS["ips naive bayes"])[0]
    total = abs(float(start.sum()) / (len(train.user_ids) * len(train.item_ids)) - 1)
    moments, target = desk.kernel.moments(desk.pairs, random_anchors(desk.kernel, count=plan.anchors, seed=0))
    even = float(np.abs(balanced_weights(moments, target, slack=1.0).weights - 1).max())
    off = abs(float(desk.weights(WAYS["nb + kernel adaptive"])[0].mean()) - 1)
    found = balanced_weights(moments, target, slack=0.0, strength=plan.strength)
    rise = found.gap_after - found.gap_before
    return [
        {"name": "mean of w is 1", "text": "to 1e-9", "value": off, "met": off < 1e-9},
        {"name": "a large slack gives ones", "text": "the same bytes", "value": even, "met": even == 0},
        {"name": "the gap does not rise", "text": "after minus before, slack 0", "value": rise, "met": rise <= 0},
        {"name": "naive Bayes adds up to all pairs", "text": "to 1e-9", "value": total, "met": total < 1e-9},
    ]
