"""Does NBPO find the likes among what was not clicked, and rank better for it? One split of its receipt.

Every arm learns from train as it is; bpo and nbpo also from train with a share of its clicks hidden, which are then known
likes among what was not clicked. Validation and test are as they were.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from scipy.stats import rankdata

from strop.attacks.labels import Poisoned, dropped_positives
from strop.audits import intervals
from strop.audits.measure import Measured
from strop.audits.outcome import measured
from strop.experiments.compare import Trial, candidates, chosen
from strop.experiments.running import train
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.losses.pairwise import forward_flip
from strop.protocols import Scorer
from strop.recipes.nbpo import unseen_by_popularity
from strop.records import Split

Array = npt.NDArray[Any]
FIGURES = ("recall@20", "ndcg@20")
DRAWS = 2000
HIDDEN = ", likes hidden"
AUC = "chance that a hidden like weighs less than another item, minus 0.5"
RATIO = "mean weight of hidden likes over that of other items"


def split_of(rule: dict[str, Any], data_name: str, seed: int) -> Split:
    """The split of one data set and seed, as the rule says."""
    about = rule["data"][data_name]
    clicks = datasets.load(about["name"], k_core=about["k_core"]).clicks
    return split(clicks, seed=seed, shares=tuple(about["shares"]))


def tuned(rule: dict[str, Any], arm: str, about: dict[str, Any], data: Split, seed: int) -> tuple[Scorer, Any]:
    """The trial of best validation NDCG@20, already trained; the test part is out of reach."""
    tried, kept = [], {}
    for one in candidates(about["search"], trials=rule["trials"], seed=seed):
        settings = {**rule["fit"], **about.get("fixed", {}), **one}
        scorer = train(about["recipe"], data, seed=seed, settings=settings)[0].scorer
        found = measured(scorer, data.without_test()).values
        tried.append(Trial(one, float(found["recall@20"]), float(found["ndcg@20"]), None))
        kept[repr(one)] = scorer
    best = chosen(tried, None).settings
    return kept[repr(best)], {**about.get("fixed", {}), **best}


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Tunes on validation, then measures on the test part: a row of plain values for the receipt."""
    data = split_of(rule, data_name, seed)
    world = dropped_positives(data, share=rule["hidden share"], seed=seed)
    found: dict[str, Measured] = {}
    settings: dict[str, Any] = {}
    models: dict[str, Scorer] = {}
    for suffix, part, arms in (("", data, rule["arms"]), (HIDDEN, world.data, rule["arms with likes hidden"])):
        for arm, about in arms.items():
            models[arm + suffix], settings[arm + suffix] = tuned(rule, arm, about, part, seed)
            found[arm + suffix] = measured(models[arm + suffix], part)
    for name in rule["anchors"]:
        found[name] = measured(train(name, data, seed=seed, settings={})[0].scorer, data)
    figures: dict[str, dict[str, float | None]] = {n: {f: one.value(f) for f in FIGURES} for n, one in found.items()}
    halves = {f"nbpo - {arm}": _halves(found["nbpo"], found[arm]) for arm in rule["arms"] if arm != "nbpo"}
    halves[f"nbpo{HIDDEN} - bpo{HIDDEN}"] = _halves(found[f"nbpo{HIDDEN}"], found[f"bpo{HIDDEN}"])
    name = f"nbpo{HIDDEN}"
    weights = weights_of(models[name], world, settings[name])
    told, halves[name] = told_apart(weights, world, data)
    figures[name] |= told
    return {
        "data": data_name,
        "seed": seed,
        "checksum": data.train.checksum,
        "settings": settings,
        "figures": figures,
        "half widths": halves,
    }


def _halves(one: Measured, other: Measured) -> dict[str, float]:
    names = {f: f.split("@")[0] for f in FIGURES}
    return {f: _half(one.per_user[n] - other.per_user[n]) for f, n in names.items()}


def _half(values: Array) -> float:
    _, low, high = intervals.bootstrap_mean(values, draws=DRAWS)
    return (high - low) / 2


def weights_of(scorer: Scorer, world: Poisoned, settings: dict[str, Any]) -> Array:
    """(n_users, n_items): NBPO's gradient of an item that was not clicked over BPO's, (1 - a - b)(1 - s) / (a s + (1 - b)(1 - s))."""
    a: Any = settings["unseen"]
    if settings["by"] == "popularity":
        a = unseen_by_popularity(world.data.train, mean=a, power=0.5)[None, :]
    b = settings.get("misclick", 0.0)
    s = expit(scorer.score(np.arange(scorer.n_users)).numpy().astype(np.float64))
    weights: Array = (1 - a - b) * (1 - s) / (a * s + (1 - b) * (1 - s))
    return weights


def told_apart(weights: Array, world: Poisoned, data: Split) -> tuple[dict[str, float | None], dict[str, float]]:
    """AUC and RATIO over the users with hidden likes, and the half width of the AUC: hidden likes against what is no click of any part."""
    other = np.ones(weights.shape, bool)
    for part in (data.train, data.validation, data.test):
        if part is not None:
            other[part.users, part.items] = False
    areas, ratios = [], []
    for user in np.unique(world.hidden.users):
        likes, rest = weights[user, world.hidden.items_of(user)], weights[user, other[user]]
        ranks = rankdata(np.concatenate([likes, rest]))[: len(likes)]
        above = (ranks.sum() - len(likes) * (len(likes) + 1) / 2) / (len(likes) * len(rest))
        areas.append(0.5 - above)
        ratios.append((likes.mean(), rest.mean()))
    means = np.mean(ratios, axis=0)
    return {AUC: float(np.mean(areas)), RATIO: float(means[0] / means[1])}, {AUC: _half(np.array(areas))}


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """Rates of 0 are bpo, bit for bit; the gradient of what was not clicked is its closed form."""
    error = gradient_error()
    return [
        {"name": "1: a = b = 0 is bpo", "text": "the same bytes", "value": float(same := identical()), "met": same},
        {
            "name": "2: the gradient of an item that was not clicked",
            "text": "closed form against finite differences, float64, largest relative error at most 1e-6",
            "value": error,
            "met": error <= 1e-6,
        },
    ]


def identical() -> bool:
    """Whether nbpo with both rates 0, of each kind, gives what bpo gives, bit for bit."""
    data = planted_likes(seed=0, users=200, items=100).without_test()
    fixed: dict[str, Any] = {"epochs": 10, "patience": 0}
    plain = train("bpo", data, seed=3, settings=fixed)[0].scorer.state()
    for by in ("constant", "popularity", "learned"):
        ours = train("nbpo", data, seed=3, settings={**fixed, "unseen": 0.0, "misclick": 0.0, "by": by})[
            0
        ].scorer.state()
        if not all(np.array_equal(a, plain[name]) for name, a in ours.items()):
            return False
    return True


def gradient_error() -> float:
    """The largest relative error of -(1 - b - a) s (1 - s) / (a s + (1 - b)(1 - s)), the gradient of the log likelihood."""
    score = torch.linspace(-12, 12, 97, dtype=torch.float64)
    worst, step = 0.0, 1e-5
    for a, b in ((0.05, 0.0), (0.3, 0.0), (0.3, 0.1), (0.6, 0.3), (0.0, 0.2)):

        def likelihood(x: torch.Tensor, a: float = a, b: float = b) -> torch.Tensor:
            return -forward_flip(-x, flip_rate=b, other_rate=a)

        s = torch.sigmoid(score)
        closed = -(1 - b - a) * s * (1 - s) / (a * s + (1 - b) * (1 - s))
        steps = (likelihood(score + step) - likelihood(score - step)) / (2 * step)
        worst = max(worst, float(((steps - closed).abs() / closed.abs().clamp(min=1e-3)).max()))
    return worst
