"""The receipt of kernel balancing: its figures by another road, its exact checks, and every condition finds its figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from strop.audits.rated import rated
from strop.experiments.claims import kernel_balancing
from strop.experiments.claims.judging import judge
from strop.experiments.rated_arms import L2, WAYS, Plan, cut_uniform, learn
from strop.records import Ratings

RULE = json.loads((Path(__file__).parents[2] / "evidence" / "kernel_balancing" / "rule.json").read_text())


def some(rows, seed) -> Ratings:
    users, items = np.nonzero(rows)
    taste = np.add.outer(np.arange(40) % 5, np.arange(30) % 7)[users, items]
    values = np.clip(taste / 2 + np.random.default_rng(seed).normal(size=len(users)), 1, 5).round()
    return Ratings(users, items, values, np.arange(40), np.arange(30), name="small")


GENERATOR = np.random.default_rng(0)
SMALL = some(GENERATOR.random((40, 30)) < 0.4, 1), some(GENERATOR.random((40, 30)) < 0.4, 2)


@pytest.fixture(scope="module")
def row():
    """One split of a small table under the rule, with few epochs and one value of l2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_balancing, "_coat", lambda: SMALL)
        patch.setattr(kernel_balancing, "DRAWS", 100)
        rule = RULE | {"plan": RULE["plan"] | {"epochs": 20, "l2": [0.1], "anchors": 10}}
        return kernel_balancing.one_split(rule, "coat", 5)


def test_the_rule_is_the_plan_of_the_comparison():
    """What users get from compare_ratings is what the receipt measures: the same arms, settings and trials."""
    assert Plan(**RULE["plan"] | {"l2": tuple(RULE["plan"]["l2"])}) == Plan()
    assert list(RULE["arms"]) == list(WAYS) and RULE["trials"] == len(L2)
    assert all(tuple(arm["search"]["l2"]) == L2 for arm in RULE["arms"].values())


def test_figures_by_another_road(row):
    """One arm again: its AUC on the test part, and the share of the gap that is left."""
    plan = Plan(epochs=20, l2=(0.1,), anchors=10)
    cut = cut_uniform(*SMALL, share=0.05, seed=5)
    ours, base = "nb + kernel adaptive", "ips naive bayes"
    learned, _ = learn({name: WAYS[name] for name in (ours, base)}, cut, plan=plan, seed=5)
    one, found = learned[ours], row["figures"][ours]
    judged = {name: rated(model.scorer, cut.test, liked=3) for name, model in learned.items()}
    (gap,) = judged[ours].minus(judged[base], names=["auc"], draws=100)
    assert found["auc"] == judged[ours].value("auc")
    assert row["half widths"][f"{ours} - {base}"]["auc"] == (gap.high - gap.low) / 2
    assert found["share of the gap left"] == one.balanced.gap_after / one.balanced.gap_before < 0.2
    assert found["share of the gap left elsewhere"] == one.held_out[1] / one.held_out[0]
    assert row["settings"][ours] == {"l2": 0.1, "weights": "naive bayes"}
    assert "share of the gap left" not in row["figures"]["naive"]


def test_every_condition_finds_its_figures(row):
    """Three seeds of the same row: all conditions are judged, with intervals as wide as the users' at least."""
    assert json.loads(json.dumps(row)) == row
    rows = [dict(row, seed=seed) for seed in (1, 2, 3)]
    receipt = judge(RULE, rows, [], commit="none", cost={}, command="strop evidence kernel_balancing")
    judged = {c["name"].split(":")[0]: c for c in receipt.conditions}
    assert len(judged) == len(RULE["conditions"])
    for one in RULE["conditions"]:
        told = judged[one["name"]]
        assert told["value"] is not None and told["met"] is not None, one["name"]
        if one["against"]:
            half = row["half widths"][f"{one['arm']} - {one['against']}"][one["figure"]]
            assert (told["high"] - told["low"]) / 2 == pytest.approx(half) and half > 0


def test_the_exact_checks_hold(monkeypatch):
    monkeypatch.setattr(kernel_balancing, "_coat", lambda: SMALL)
    rule = RULE | {"plan": RULE["plan"] | {"epochs": 20, "anchors": 10}}
    assert [check["met"] for check in kernel_balancing.exact(rule)] == [True] * 4


def test_an_exact_check_can_fail(monkeypatch):
    """Weights that start from another table's naive Bayes do not add up to all pairs."""
    monkeypatch.setattr(kernel_balancing, "_coat", lambda: SMALL)
    before = kernel_balancing.Desk.weights
    monkeypatch.setattr(kernel_balancing.Desk, "weights", lambda *a: (before(*a)[0] * 1.1, *before(*a)[1:]))
    rule = RULE | {"plan": RULE["plan"] | {"epochs": 20, "anchors": 10}}
    assert [check["met"] for check in kernel_balancing.exact(rule)] == [False, True, True, False]
