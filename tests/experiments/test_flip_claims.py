"""The receipts of NBPO and of flips on clicks: their figures by hand, and every condition of their rules finds its figures."""

import json
from pathlib import Path

import numpy as np
import pytest

from strop.attacks.flips import Flipped, flipped
from strop.attacks.labels import dropped_positives
from strop.experiments.claims import flips_on_clicks, nbpo
from strop.experiments.claims.judging import judge
from strop.experiments.worlds import planted_likes
from strop.models.recommend.matrix_factorisation import MatrixFactorisation

EVIDENCE = Path(__file__).parents[2] / "evidence"
DATA = planted_likes(seed=3, users=150, items=80)


def test_the_weight_of_an_item_not_clicked_by_hand():
    """s = 1/2, a = 0.2, b = 0.1: (1 - 0.3) 0.5 / (0.2 * 0.5 + 0.9 * 0.5) = 0.35 / 0.55; without rates 1."""
    model = MatrixFactorisation(np.zeros((150, 2)), np.zeros((80, 2)), np.zeros(80))
    world = dropped_positives(DATA, share=0.3, seed=1)
    told = nbpo.weights_of(model, world, {"unseen": 0.2, "misclick": 0.1, "by": "constant"})
    np.testing.assert_allclose(told, 0.35 / 0.55)
    np.testing.assert_allclose(nbpo.weights_of(model, world, {"unseen": 0.0, "by": "popularity"}), 1.0)


def test_hidden_likes_that_weigh_less_are_told_apart():
    """Weight 0 for every hidden like and 1 for the rest: the area is 1; the other way round 0; chance alone near 1/2."""
    world = dropped_positives(DATA, share=0.3, seed=1)
    weights = np.ones((150, 80))
    weights[world.hidden.users, world.hidden.items] = 0
    for table, wanted in ((weights, 0.5), (2 - weights, -0.5)):
        figures, half = nbpo.told_apart(table, world, DATA)
        assert figures[nbpo.AUC] == pytest.approx(wanted) and half[nbpo.AUC] == pytest.approx(0)
    assert nbpo.told_apart(weights, world, DATA)[0][nbpo.RATIO] == 0
    figures, half = nbpo.told_apart(np.random.default_rng(0).random((150, 80)), world, DATA)
    assert abs(figures[nbpo.AUC]) < 2 * half[nbpo.AUC] < 0.1


def test_stated_rates_are_halved_doubled_and_kept_below_1():
    rates = np.array([[0.2, 0.6]]), np.array([[0.1, 0.3]])
    world = Flipped(DATA, np.zeros(0, bool), DATA.train, *rates)
    for told, wanted in (("as they are", (0.2, 0.1)), ("half", (0.1, 0.05)), ("double", (0.4, 0.2))):
        found = flips_on_clicks.stated(world, DATA, told, checked=0, seed=0)
        assert [float(table[0, 0]) for table in found] == pytest.approx(wanted)
    double = flips_on_clicks.stated(world, DATA, "double", checked=0, seed=0)
    assert [float(table[0, 1]) for table in double] == pytest.approx([0.98 * 2 / 3, 0.98 / 3])


def test_rates_from_a_checked_slice_are_near_the_planted_ones():
    """6,000 checked of some 100,000 pairs: the missed rate within 0.08 of 0.4 and the false clicks within 12 % of theirs."""
    clean = planted_likes(seed=1, users=500, items=200)
    world = flipped(clean, missed=0.4, invented=0.3, by="constant", strength=0.0, seed=2)
    missed, invented = flips_on_clicks.checked_rates(world, clean, checked=6000, seed=3)
    shown = np.diff(world.data.train.indptr) > 0
    assert np.ptp(missed) == 0 and float(missed.ravel()[0]) == pytest.approx(0.4, abs=0.08)
    assert invented[shown].mean() == pytest.approx(world.invented[shown].mean(), rel=0.12)


def test_the_exact_checks_of_nbpo_hold():
    assert [check["met"] for check in nbpo.exact({})] == [True, True]


@pytest.mark.parametrize("claim", [nbpo, flips_on_clicks])
def test_every_condition_finds_its_figures(claim, monkeypatch):
    """A split of a small world, with few epochs, under the rule as it is: all its conditions are judged."""
    method = claim.__name__.rsplit(".", 1)[1]
    rule = json.loads((EVIDENCE / method / "rule.json").read_text())
    rule["fit"] |= {"epochs": 2, "dimensions": 4}
    rule["trials"], rule["checked pairs"] = 1, 100
    for arm in rule["arms"].values():
        if "l2" in arm:
            arm["l2"] = arm["l2"][:1]
    monkeypatch.setattr(claim, "split_of", lambda *_: DATA)
    monkeypatch.setattr(claim, "DRAWS", 100)
    row = claim.one_split(rule, "ml-100k", 1)
    assert json.loads(json.dumps(row)) == row
    rows = [dict(row, data=name, seed=seed) for name in rule["data"] for seed in (1, 2, 3)]
    receipt = judge(rule, rows, [], commit="c", cost={}, command="x")
    assert all(c["value"] is not None for c in receipt.conditions)
    for one in rule["conditions"]:
        key = f"{one['arm']} - {one['against']}" if one["against"] else one["arm"]
        if one["figure"] != nbpo.RATIO and not one["against"].startswith("ease"):
            assert one["figure"] in row["half widths"][key], one["name"]
