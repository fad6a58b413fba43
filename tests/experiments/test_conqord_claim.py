"""The receipt of CONQORD: what is measured, on whom, and what its drawings are made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from strop.errors import StropError
from strop.experiments.claims import conqord, conqord_start, fact_lab
from strop.experiments.claims.fact_lab import FactLab, Told, chosen, figures, half_widths, mapped
from strop.experiments.fact_tables import fact_table
from strop.records import Figure

RULE = Path(__file__).parents[2] / "evidence/conqord/rule.json"
THINGS = {"train": 30, "validation": 10, "test": 20}


def table(**changed):
    return fact_table(**{"things": THINGS, "relations": 3, "never": 0.3, "most": 32, "seed": 1} | changed)


def test_a_thing_is_in_one_part_and_how_often_it_is_told_shows_in_nothing():
    found = table(things={"train": 600, "validation": 10, "test": 400}, relations=2)
    things = {name: {found.prompts[i].split("<t")[1] for i in part} for name, part in found.parts.items()}
    assert not things["train"] & things["test"] and not things["train"] & things["validation"]
    assert sorted(np.concatenate(list(found.parts.values()))) == list(range(2020))
    assert np.mean(found.told == 0) == pytest.approx(0.3, abs=0.04) and found.told.max() <= 32
    means = [found.told[found.parts[name]].mean() for name in ("train", "test")]
    assert means[0] == pytest.approx(means[1], rel=0.15)
    number = np.array([int(p.split("<t")[1][:-1]) for p in found.prompts])
    assert abs(np.corrcoef(number, found.told)[0, 1]) < 0.1
    assert all(answer in found.words and prompt.split(">")[0] + ">" in found.words for prompt, answer in zip(found.prompts, found.answers, strict=True))  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"relations": 0}, {"values": 1}, {"most": 0}, {"never": 1.0}, {"things": {}}, {"things": {"a": 0}}]
)
def test_tables_that_cannot_be(change):
    with pytest.raises(StropError, match="S301"):
        table(**change)


def test_figures_by_hand():
    """c = .9, .9, .1, unread; right = 1, 0, 0, 0: AUROC (0.5 + 1 + 1) / 3; ECE (|1.8 - 1| + .1 + 0) / 4; parse rate 3/4."""
    c, right = np.array([0.9, 0.9, 0.1, np.nan]), np.array([1.0, 0, 0, 0])
    found = figures(c, right)
    assert found["AUROC"] == pytest.approx(2.5 / 3) and found["parse rate"] == 0.75
    assert found["ECE"] == pytest.approx((0.8 + 0.1) / 4)
    assert figures(c, np.ones(4))["AUROC"] is None  # one kind only: undefined, and not one half


def test_maps_are_those_of_validation():
    """Stated 0.9 where 0.5 holds: behind the map of validation the error is gone."""
    c, right = np.full(100, 0.9), np.tile([0.0, 1.0], 50)
    found = mapped(c, right, (c, right))
    assert figures(c, right)["ECE"] == pytest.approx(0.4) and found["ECE, isotonic"] < 1e-9
    assert mapped(c, right, (c, np.ones(100)))["ECE, isotonic"] is None


def test_the_trial_is_chosen_by_order_among_those_that_kept_their_accuracy():
    right = np.array([1.0, 1, 0, 0])
    sure, unsure = np.array([0.9, 0.8, 0.2, 0.1]), np.array([0.1, 0.9, 0.2, 0.8])
    before = Told(right, unsure, sure)
    kept, lost = Told(right, unsure, sure), Told(np.array([1.0, 0, 0, 0]), sure, sure)
    trials = [({}, None, kept), ({}, None, lost), ({}, None, Told(right, sure, sure))]
    assert chosen(trials, before, lost=0.02) == 2
    assert chosen(trials[:2], before, lost=0.02) == 0
    assert chosen([trials[1]], before, lost=0.02) == 0  # the most accurate where none is kept


def test_half_widths_are_paired():
    """The same answers against themselves differ by nothing, whatever is drawn."""
    rng = np.random.default_rng(0)
    one = rng.random(200), rng.integers(0, 2, 200).astype(float)
    assert set(half_widths(one, one, sets=4).values()) == {0.0}
    alone = half_widths(one, None, sets=1)["accuracy"]
    assert alone == pytest.approx(1.96 * np.sqrt(0.25 / 200), rel=0.1)
    assert half_widths(one, None, sets=4)["accuracy"] == pytest.approx(alone / 2)


def test_exact_checks_are_met():
    assert [check["met"] for check in conqord.exact({})] == [True, True, True]


def test_all_that_the_conditions_ask_for_is_measured():
    """And the second setting has arms of its own."""
    rule = json.loads(RULE.read_text())
    for one in rule["conditions"]:
        arms = conqord.arms_of(rule, rule["data"][one["data"]])
        assert one["arm"] in arms and one["against"] in ("", *arms), one["name"]
        assert one["figure"] in rule["figures"], one["figure"]
    assert {len(trials) for trials in rule["arms"].values()} == {2}


def test_the_second_rule_measures_what_it_asks_for():
    rule = json.loads((RULE.parents[1] / "conqord_start/rule.json").read_text())
    for one in rule["conditions"]:
        assert {one["arm"], one["against"] or one["arm"]} <= set(conqord_start.arms_of(rule)), one["name"]
        assert one["figure"] in rule["figures"] and one["data"] in rule["data"]
    assert conqord_start.exact(rule)[0]["met"]
    rule["arms"]["agreement"]["trials"].pop()
    assert not conqord_start.exact(rule)[0]["met"]


def test_shuffled_lines_are_those_of_other_answers(monkeypatch):
    """The same answers to the same questions in the same order, the same lines in another; at random four in five are sharp."""
    lab, seen = FactLab(table(), {"hidden": 16, "layers": 1, "heads": 2}, seed=1), {}
    base, _ = lab.base({"batch": 16, "rate": 5e-3, "passes": 1, "until": 1.1, "line": False})
    plain = fact_lab.line_learner
    for line in ("agreement", "shuffled", "random"):
        monkeypatch.setattr(
            fact_lab, "line_learner", lambda r, g, line=line, **s: seen.update({line: g}) or plain(r, g, **s)
        )
        lab.formed(base, {"count": 4, "batch": 32}, line=line, rate=1e-3)
    texts = {line: [(p, tuple(said[:-3]), tuple(said[-3:])) for p, (said,) in groups] for line, groups in seen.items()}
    ours, theirs = texts["agreement"], texts["shuffled"]
    assert 200 < len(ours) <= 4 * 90 and 50 < len(texts["random"]) <= 90  # those that end by themselves
    assert [one[:2] for one in ours] == [one[:2] for one in theirs]
    lines = [[one[2] for one in of] for of in (ours, theirs)]
    assert lines[0] != lines[1] and sorted(lines[0]) == sorted(lines[1])
    assert {lab.tokenizer.decode(line, skip_special_tokens=True).split()[-1] for line in lines[0]} <= {
        "0.0",
        "0.3",
        "0.7",
        "1.0",
    }


def test_the_reliability_diagram_is_drawn_from_the_receipt():
    rng = np.random.default_rng(1)
    c = rng.integers(0, 11, 1000) / 10
    told = conqord.binned(c, (rng.random(1000) < c).astype(float))
    known = {f"x: order, {name}": Figure(name, value) for name, value in told.items()}
    points = conqord.reliability(known, "x: order, ", 1000)
    assert sum(figure.n for _, figure in points) == 1000 and len(points) == 10
    assert all(abs(says - figure.value) < 0.15 for says, figure in points)


def test_a_table_is_told_by_its_checksum():
    """The receipts' own, drawn again."""
    for method in ("conqord", "conqord_start"):
        rule, found = (
            json.loads((RULE.parents[1] / method / f"{name}.json").read_text()) for name in ("rule", "result")
        )
        for told in found["data"]:
            about = rule["data"][told["name"]]
            assert fact_table(**about["table"], seed=about["seeds"][0]).checksum[:12] == told["checksums of train"][0]
