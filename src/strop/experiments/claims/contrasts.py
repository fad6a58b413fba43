"""Do two distorted views of the graph help, and most where clicks are not all meant? What the receipts of SGL and SimGCL share.

In a row an arm stands under its name with random clicks in train, and as "NAME, clean" without.
"""

from typing import Any

import numpy as np

from strop.attacks.labels import random_positives
from strop.audits.measure import Measured, paired
from strop.audits.outcome import measured
from strop.experiments.claims.denoising import DRAWS, drop, levels, tuned
from strop.experiments.running import train
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets
from strop.feedback.splits import split
from strop.records import Split

BASE = "lightgcn"


def one_split(rule: dict[str, Any], data_name: str, seed: int) -> dict[str, Any]:
    """Every arm chosen on validation and measured on the test part, with and without random clicks in train: a row."""
    about = rule["data"][data_name]
    data = split(datasets.load(about["name"], k_core=about["k_core"]).clicks, seed=seed, shares=tuple(about["shares"]))
    dirty = random_positives(data, share=about["random clicks"], seed=seed).data
    settings: dict[str, Any] = {}
    figures: dict[str, dict[str, float | None]] = {}
    halves: dict[str, dict[str, float]] = {}
    for suffix, world in (("", dirty), (", clean", data)):
        found: dict[str, Measured] = {}
        for arm, search in rule["arms"].items():
            scorer, settings[arm + suffix] = tuned(arm, search, world, trials=rule["trials"], seed=seed)
            found[arm] = measured(scorer, world)
        for name in rule["anchors"]:
            found[name] = measured(train(name, world, seed=seed, settings={})[0].scorer, world)
        for name, one in found.items():
            figures[name + suffix] = levels(one, data.train)
        halves |= half_widths({arm: found[arm] for arm in rule["arms"]}, suffix)
    add_drops(figures)
    checksum = data.train.checksum
    return {"data": data_name, "seed": seed, "checksum": checksum, "settings": settings, "figures": figures, "half widths": halves}  # fmt: skip


def half_widths(found: dict[str, Measured], suffix: str) -> dict[str, dict[str, float]]:
    """Of each arm's differences to lightgcn: half the width of the interval over resampled users."""
    out = {}
    for arm in (a for a in found if a != BASE):
        widths = paired(found[arm], found[BASE], names=("recall@20", "ndcg@20"), draws=DRAWS)
        out[f"{arm}{suffix} - {BASE}{suffix}"] = {
            f.name: (f.high - f.low) / 2 for f in widths if f.low is not None and f.high is not None
        }
    return out


def add_drops(figures: dict[str, dict[str, float | None]]) -> None:
    """Writes what random clicks took, (clean - dirty) / clean, beside each name's figures with them."""
    for name in [n for n in figures if f"{n}, clean" in figures]:
        for figure in ("recall@20", "ndcg@20"):
            figures[name][f"robustness drop of {figure}"] = drop(
                figures[f"{name}, clean"][figure], figures[name][figure]
            )


def states(recipe: str, data: Split, **settings: Any) -> list[bytes]:
    """The bytes of a short run's model."""
    short = {"epochs": 4, "patience": 0, "dimensions": 8}
    scorer = train(recipe, data, seed=3, settings=short | settings)[0].scorer
    return [np.ascontiguousarray(a).tobytes() for a in scorer.state().values()]


def small_world() -> Split:
    """Where exact checks are made."""
    return planted_likes(seed=0, users=200, items=100).without_test()
