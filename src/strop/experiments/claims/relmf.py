"""Do clicks weighted by exposure order uniformly drawn items better than clicks as they are? One cut of the receipt."""

from itertools import product
from typing import Any

import numpy as np
import torch

from strop.audits.intervals import bootstrap_mean
from strop.audits.ranking import top_k
from strop.audits.tested import Tested, tested
from strop.audits.unbiased import self_normalised_gain
from strop.channels import item_propensity
from strop.experiments.compare import candidates
from strop.experiments.running import train
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.losses.pointwise import exposed
from strop.records import Clicks, Split, Trained

DRAWS, K = 2000, 20


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Every arm chosen on the validation part of the biased clicks, and measured on the uniform test: a row."""
    about = rule["data"][data_name]
    ratings, judged = datasets.load("coat").ratings, datasets.coat_test()
    assert ratings is not None
    data = cut(ratings.clicks(about["liked"]), share=about["validation"], seed=seed)
    settings: dict[str, Any] = {}
    models: dict[str, Trained] = {}
    figures: dict[str, dict[str, float | None]] = {}
    for name, arm in rule["arms"].items():
        models[name], settings[name], best = tuned(arm, data, trials=rule["trials"], seed=seed)
        figures[name] = {"self-normalised dcg@20 on validation": best}
        if "dropped" in arm:  # the chosen settings once more, without its item biases
            other = settings[name] | {"bias_rate": 0.0}
            models[arm["dropped"]] = train(arm["recipe"], data, seed=seed, settings=other)[0]
    for name in rule["anchors"]:
        models[name] = train(name, data, seed=seed, settings={})[0]
    found = {
        name: tested(one.scorer, judged, liked=about["liked"], seen=ratings, ks=(1, 3, 5))
        for name, one in models.items()
    }
    for name, one in found.items():
        figures[name] = figures.get(name, {}) | {figure: one.value(figure) for figure in one.per_user}
    pairs = {(c["arm"], c["against"]) for c in rule["conditions"] if c["against"]}
    return {
        "data": data_name,
        "seed": seed,
        "checksum": data.train.checksum,
        "settings": settings,
        "figures": figures,
        "half widths": {f"{a} - {b}": half_widths(found[a], found[b]) for a, b in sorted(pairs)},
    }


def cut(clicks: Clicks, *, share: float, seed: int) -> Split:
    """Train and validation, both from the biased clicks."""
    parts = split(clicks, seed=seed, shares=(1 - share, share / 2, share / 2))
    assert parts.test is not None
    sides = [np.concatenate([getattr(p, s) for p in (parts.validation, parts.test)]) for s in ("users", "items")]
    return Split(parts.train, Clicks(*sides, clicks.user_ids, clicks.item_ids), None, "random", seed)


def tuned(arm: dict[str, Any], data: Split, *, trials: int, seed: int) -> tuple[Trained, dict[str, Any], float]:
    """The trial of best self-normalised dcg@20 on validation, already trained."""
    propensity = item_propensity(data.train, power=0.5)
    tried = []
    for one in candidates(arm["search"], trials=trials, seed=seed):
        made = train(arm["recipe"], data, seed=seed, settings=arm["fixed"] | one)[0]
        top = top_k(made.scorer, [data.train], k=K)
        value = self_normalised_gain(top, data.validation, propensity, k=K)["dcg"]
        tried.append((made, arm["fixed"] | one, value))
    return max(tried, key=lambda found: found[2])


def half_widths(a: Tested, b: Tested) -> dict[str, float]:
    """Half the width of the interval over resampled users of each paired difference."""
    out = {}
    for name, ours in a.per_user.items():
        gap = ours - b.per_user[name]
        _, low, high = bootstrap_mean(gap[~np.isnan(gap)], draws=DRAWS)
        out[name] = (high - low) / 2
    return out


def exact(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What must hold to the last digit: unbiased by enumeration, the clip's bias and variance, naive at power 0."""
    (bias, _), (off, less), gap = (*[enumerated(clip) for clip in (0.0, 0.6)], reduction())
    text = "2 x 2 pairs, all 256 draws of what is shown and what is liked"
    return [
        {"name": "unbiased at M = 0", "text": text, "value": bias, "met": bias < 1e-9},
        {"name": "at M = 0.6 the bias is the computed one", "text": text, "value": off, "met": off < 1e-9},
        {"name": "at M = 0.6 the variance is lower", "text": "over that at M = 0", "value": less, "met": less < 1},
        {"name": "power 0 is the naive model", "text": "the same bytes", "value": gap, "met": gap == 0},
    ]


def enumerated(clip: float) -> tuple[float, float]:
    """|mean of the estimator - what it should be| over all draws of the toy, and its variance over that at clip 0."""
    like = torch.tensor([[0.8, 0.3], [0.5, 0.1]], dtype=torch.float64)
    shown = torch.tensor([[0.9, 0.2], [0.5, 0.4]], dtype=torch.float64)
    score = torch.tensor([[1.2, -0.4], [0.3, -2.0]], dtype=torch.float64)
    d1, d0 = torch.sigmoid(-score).square(), torch.sigmoid(score).square()
    moments = []
    for m in (clip, 0.0):
        mean = square = 0.0
        for draw in product((0.0, 1.0), repeat=8):
            o, r = torch.tensor(draw, dtype=torch.float64).view(2, 2, 2)
            chance = float((shown * o + (1 - shown) * (1 - o)).prod() * (like * r + (1 - like) * (1 - r)).prod())
            value = float(exposed(d1, d0, o * r, shown, clip=m).mean())
            mean, square = mean + chance * value, square + chance * value**2
        moments.append((mean, square - mean**2))
    share = shown / shown.clamp(min=clip) * like
    wanted = float((share * d1 + (1 - share) * d0).mean())
    return abs(moments[0][0] - wanted), moments[0][1] / moments[1][1]


def reduction() -> float:
    """The largest difference between relmf at power 0 and wmf at weight 1: 0 where they are the same bytes."""
    data, same = planted_likes(seed=0, users=200, items=100).without_test(), {"epochs": 30, "l2": 0.003}
    ours = train("relmf", data, seed=3, settings=same | {"power": 0.0, "clip": 0.0})[0].scorer.state()
    plain = train("wmf", data, seed=3, settings=same | {"weight": 1.0})[0].scorer.state()
    return max(float(np.abs(ours[name] - plain[name]).max()) for name in plain)
