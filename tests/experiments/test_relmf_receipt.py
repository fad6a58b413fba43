"""The receipt of Rel-MF: cuts are disjoint, the exact checks can fail, the choice sees no uniform test, a row is whole."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from strop.experiments.claims import relmf
from strop.experiments.worlds import planted_likes
from strop.feedback import datasets

RULE = json.loads((Path(__file__).parents[2] / "evidence" / "relmf" / "rule.json").read_text())


def test_a_cut_parts_the_clicks_anew_for_each_seed():
    clicks = planted_likes(seed=0, users=80, items=300).train
    one, two = (relmf.cut(clicks, share=0.2, seed=seed) for seed in (1, 2))
    assert one.test is None and len(one.train) + len(one.validation) == len(clicks)
    assert one.train.checksum != two.train.checksum
    assert 0.15 < len(one.validation) / len(clicks) < 0.35


def test_exact_checks_are_met_and_can_fail(monkeypatch):
    assert [check["met"] for check in relmf.exact(RULE)] == [True] * 4
    monkeypatch.setattr(relmf, "exposed", lambda d1, d0, y, t, clip: y * d1 + (1 - y) * d0)
    assert [check["met"] for check in relmf.exact(RULE)] == [False, False, False, True]


def test_trials_are_the_rule_s_and_the_same_for_every_arm():
    for arm in RULE["arms"].values():
        assert np.prod([len(values) for values in arm["search"].values()]) == RULE["trials"] == 20
        assert arm["fixed"]["validation"] == "user"


@pytest.mark.skipif(not os.environ.get("STROP_DATA"), reason="STROP_DATA names no folder that holds coat")
def test_a_row_has_every_arm_and_what_the_conditions_ask_for(monkeypatch):
    short = {name: arm | {"fixed": arm["fixed"] | {"epochs": 10}} for name, arm in RULE["arms"].items()}
    row = relmf.one_split(RULE | {"arms": short, "trials": 2}, "coat", 3)
    assert {*RULE["arms"], *RULE["anchors"], "naive, no item biases"} <= set(row["figures"])
    for one in RULE["conditions"]:
        assert all(0 < row["figures"][name][one["figure"]] < 3 for name in (one["arm"], one["against"]))
        assert row["half widths"][f"{one['arm']} - {one['against']}"][one["figure"]] > 0
    monkeypatch.setattr(datasets, "coat_test", lambda: pytest.fail("the choice saw the uniform test"))
    data = relmf.cut(datasets.load("coat").ratings.clicks(4.0), share=0.2, seed=3)
    assert data.train.checksum == row["checksum"]
    assert relmf.tuned(short["naive"], data, trials=2, seed=3)[1] == row["settings"]["naive"]
