"""The shared part of the receipts of SGL and SimGCL: their figures on a small planted table, and what the rules ask."""

import json
from pathlib import Path

import numpy as np
import pytest

from strop.experiments.claims import contrasts, sgl, simgcl
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets

EVIDENCE = Path(__file__).parents[2] / "evidence"


def test_drops_by_hand():
    """0.4 clean and 0.3 dirty: a quarter is lost; a name without a clean twin has no drop."""
    figures = {
        "sgl": {"recall@20": 0.3, "ndcg@20": 0.2},
        "sgl, clean": {"recall@20": 0.4, "ndcg@20": 0.1},
        "popular": {"recall@20": 0.1, "ndcg@20": 0.1},
    }
    contrasts.add_drops(figures)
    assert figures["sgl"]["robustness drop of recall@20"] == pytest.approx(0.25)
    assert figures["sgl"]["robustness drop of ndcg@20"] == pytest.approx(-1)
    assert not any("drop" in name for arm in ("sgl, clean", "popular") for name in figures[arm])


def test_a_row_of_a_small_table(monkeypatch):
    """Every arm and anchor with and without random clicks; halves of both; train alone was tampered with."""
    whole = planted_likes(seed=0, users=150, items=60).train

    class Loaded:
        clicks = whole

    seen = []
    monkeypatch.setattr(datasets, "load", lambda name, k_core: Loaded)
    plain = contrasts.tuned
    monkeypatch.setattr(contrasts, "tuned", lambda arm, search, data, **k: (seen.append(data), plain(arm, search, data, **k))[1])  # fmt: skip
    short = {"epochs": [5], "dimensions": [4]}
    rule = {
        "data": {"small": {"name": "small", "k_core": 1, "random clicks": 0.2, "shares": [0.7, 0.1, 0.2]}},
        "arms": {"lightgcn": short | {"l2": [0.01, 0.02]}, "sgl": short | {"strength": [0.03]}},
        "trials": 2,
        "anchors": ["popular"],
    }
    row = sgl.one_split(rule, "small", 5)
    names = {"lightgcn", "sgl", "popular"}
    assert set(row["figures"]) == names | {f"{n}, clean" for n in names}
    assert set(row["half widths"]) == {"sgl - lightgcn", "sgl, clean - lightgcn, clean"}
    assert all(h["recall@20"] > 0 for h in row["half widths"].values())
    clean = seen[-1]
    assert row["checksum"] == clean.train.checksum and clean.train.name
    dirty = seen[0]
    assert len(dirty.train) == round(1.2 * len(clean.train))
    assert all(
        np.array_equal(a.users, b.users) and np.array_equal(a.items, b.items)
        for a, b in ((dirty.validation, clean.validation), (dirty.test, clean.test))
    )
    for name in names:
        before, after = (row["figures"][n]["recall@20"] for n in (f"{name}, clean", name))
        assert row["figures"][name]["robustness drop of recall@20"] == pytest.approx((before - after) / before)
    assert row["settings"]["lightgcn"]["l2"] in (0.01, 0.02)


def test_exact_checks_hold_and_can_fail():
    assert [check["met"] for claim in (sgl, simgcl) for check in claim.exact({})] == [True, True]
    data = contrasts.small_world()
    assert contrasts.states("sgl", data, strength=0.1) != contrasts.states("lightgcn", data)


@pytest.mark.parametrize("method", ["sgl", "simgcl"])
def test_a_rule_gives_every_arm_the_same_trials_and_the_base_as_many_epochs(method):
    rule = json.loads((EVIDENCE / method / "rule.json").read_text())
    assert set(rule["arms"]) == {"lightgcn", method}
    sizes = [int(np.prod([len(v) for v in search.values()])) for search in rule["arms"].values()]
    assert sizes == [rule["trials"]] * 2
    assert rule["arms"]["lightgcn"]["epochs"][0] >= rule["arms"][method]["epochs"][0]
    for one in rule["conditions"]:
        assert one["arm"].split(",")[0] == method and one["against"].split(",")[0] == "lightgcn"
    assert all(seed < 101 for about in rule["data"].values() for seed in about["seeds"])
