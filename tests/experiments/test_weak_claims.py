"""The receipts of W2SR in small: traces and gates by hand, every arm with as many trials, the drawing, and what the rules ask."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from strop.experiments.claims import w2sr, w2sr_ablations
from strop.experiments.claims.weak_lab import TextLearner, WeakLab, first_right, kept_own, likelihood, opening, usable
from strop.experiments.procedural import Problem, arithmetic
from strop.experiments.receipts import drawings
from strop.models.language.learning import AnswerLearner
from strop.records import Answers, Figure, Receipt
from strop.report import store
from strop.report.figures import theme
from strop.report.lines import dose
from strop.report.recovery import recovered

EVIDENCE = Path(__file__).parents[2] / "evidence"
RULES = {name: json.loads((EVIDENCE / name / "rule.json").read_text()) for name in ("w2sr", "w2sr_ablations")}
DATA = "chained addition"


def small(rule):
    """The same rule with a world that takes a second; every gate is open."""
    rule = json.loads(json.dumps(rule))
    about = rule["data"][DATA]
    about |= {
        "settings": {"terms": 3, "modulus": 4},
        "sizes": {"lessons": 10, "train": 20, "validation": 6, "test": 20},
    }
    about |= {"student": {"hidden": 16, "layers": 1}}
    for name in ("base", "teacher", "pilot"):
        rule[name] |= {"steps": 4, "every": 4, "until": 0.0, "batch": 8}
    rule["base"]["ungated"] = 2
    models = [{"hidden": 16, "layers": 1}]
    rule["teacher"]["models"] = models
    rule["learn"] |= {"batch": 4}
    return rule | {
        "gates": {"facts": [0, 1]}, "texts": 6, "numbers": [2], "doses": [0, 0.5], "teachers": {"32": models[0]},
        "habits": {"one pair": ["3+1"], "seven pairs": ["3+1", "3+2"]},
    }  # fmt: skip


@pytest.fixture(scope="module")
def lab():
    return WeakLab(small(RULES["w2sr"])["data"][DATA], seed=1)


def answers(texts, results, right):
    return Answers(np.arange(len(texts)), texts, np.array(right, float), results, ["end"] * len(texts))


def pool_of(lab):
    """Traces of the train problems, every other one wrong."""
    made = [p.solution if n % 2 else p.trace + "A9" for n, p in enumerate(lab.parts["train"])]
    return answers(made, [one[-1] for one in made], np.arange(len(made)) % 2)


def test_padded_texts_are_learned_from_as_rows_are(lab):
    """The same loss and, after a step, the same weights as the house's learner of answers, to rounding."""
    texts = [("1+2+3=", "A2"), ("1+2=", "3;"), ("3+3+1=", "3+3=2;2+1=3;A3")]
    pairs = lab.pairs(texts)
    one, other = (lab.fresh(lab.about["student"], 3) for _ in range(2))
    ours = TextLearner(one.model, pairs, batch=3, rate=1e-3, seed=0)
    tokens = sum(len(written) for _, written in pairs)
    theirs = AnswerLearner(
        other, [(asked, [written]) for asked, written in pairs], batch=3, rate=1e-3, coupled=False, shuffled=False,
        objective=lambda values, _: -3 * values[:, 0] / tokens,
    )  # fmt: skip
    other.model.train()
    assert ours.epoch(0) == pytest.approx(theirs.epoch(0), rel=1e-4)
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=2e-4)
    assert ours.tokens == sum(len(a) + len(b) for a, b in pairs)


def test_weak_labels_by_hand():
    """Logits 0 and log 3: the label 0 has likelihood 1/4, the own choice 3/4; half of each."""
    logits = torch.tensor([[0.0, np.log(3)]], dtype=torch.float64)
    label = torch.tensor([0])
    assert likelihood(logits, label).item() == pytest.approx(np.log(4))
    assert kept_own(logits, label).item() == pytest.approx(0.5 * np.log(4) + 0.5 * np.log(4 / 3))


def test_usable_traces_and_first_answers_by_hand():
    """Three have a result, two of them right; the fourth goes on after a right first answer."""
    found = answers(["A1", "A2", "A1", "A1A2"], ["1", "2", "1", None], [1, 0, 1, 0])
    share, traces, left = usable(found)
    assert share == pytest.approx(2 / 3) and len(traces) == 3 and left == 0.25
    one = Problem("1+0=", "1+0=1;", "1")
    assert first_right(found, [one] * 4).tolist() == [1, 0, 1, 1] and opening(one) == "1+0="
    assert usable(answers(["x"], [None], [0]))[:2] == (0.0, None)


def test_the_base_is_asked_every_fact_twice(lab):
    """A model of which nothing is known says hardly any fact rightly; one step of learning counts as one."""
    taught = lab.base({"steps": 2, "every": 1, "until": 2.0, "batch": 4, "rate": 1e-3})
    assert taught.steps == 2 and 0 <= taught.reached < 0.6 and taught.tokens > 0
    assert lab.base({"steps": 9, "every": 1, "until": 0.0, "batch": 4, "rate": 1e-3}).steps == 1


def test_gates_by_hand():
    gates = {"facts": 1.0, "base": 0.2, "traces": 0.7}
    assert w2sr.shut(gates, RULES["w2sr"]["gates"], 1 / 7) == ["base 0.200", "traces 0.700"]
    assert w2sr.shut({**gates, "base": 0.1, "traces": 0.5}, RULES["w2sr"]["gates"], 1 / 7) == []


def test_as_many_texts_of_each_kind_and_the_form_alone_knows_nothing(lab):
    texts = w2sr.lessons(lab, pool_of(lab))
    assert {name: len(one) for name, one in texts.items()} == dict.fromkeys(texts, 10)
    assert all(written.endswith("A9") for _, written in texts["incorrect"]) and texts["correct"] != texts["oracle"]
    steps = [step for _, written in texts["structure only"] for step in written.split(";")[:-1]]
    wrong = [int(s[4]) != arithmetic(4)(int(s[0]), "+", int(s[2])) for s in steps]
    assert 0.5 < np.mean(wrong) < 1  # three in four by chance
    assert all(len(written) == 2 for _, written in texts["weak labels"] + texts["answers alone"])


def test_a_row_gives_every_arm_as_many_trials(lab, monkeypatch):
    """With a teacher that is right every other time: all arms are there, and what is recovered of the oracle by itself is all or undefined."""
    rule = small(RULES["w2sr"])
    rule["grpo"] |= {"stops": [1, 2, 3, 4], "count": 2, "batch": 2}
    monkeypatch.setattr(w2sr, "usable", lambda _: (0.5, pool_of(lab), 0.0))
    real = WeakLab.write

    def write(self, *words, **asked):
        """Every third answer of the base is right."""
        found = real(self, *words, **asked)
        return Answers(found.questions, found.texts, (np.arange(len(found)) % 3 == 0) * 1.0, found.results, found.finished, found.tokens)  # fmt: skip

    monkeypatch.setattr(WeakLab, "write", write)
    row = w2sr.one_split(rule, DATA, 1)
    assert row["shut"] == [] and {
        name: len(t) for name, t in row["settings"].items() if name != "traces"
    } == dict.fromkeys(set(row["settings"]) - {"traces"}, rule["trials"])
    assert {c["arm"] for c in rule["conditions"]} | {"prompted", "grpo after correct"} <= set(row["settings"])
    assert row["figures"]["correct"]["gain over that of oracle"] is None  # the base is as often right: no gap
    assert row["figures"]["traces"]["accuracy"] == 0.5 and row["half widths"]["correct - traces"]["accuracy"] > 0


def test_behind_a_shut_gate_nothing_is_claimed():
    rule = small(RULES["w2sr"]) | {"gates": {"facts": [2, 3]}}
    row = w2sr.one_split(rule, DATA, 1)
    assert len(row["shut"]) == 1 and row["half widths"] == {} and row["figures"]["gates"]["shut"] == 1
    assert all(set(row["figures"][c["arm"]].values()) == {None} for c in rule["conditions"])


def test_planted_errors_are_as_many_as_asked():
    """2,000 traces: a third wrong somewhere; a habit is in every trace that meets its pair, and nowhere else."""
    about = {**RULES["w2sr"]["data"][DATA], "sizes": {"train": 1500, "validation": 2, "test": 2, "lessons": 2}}
    lab = WeakLab(about, seed=2)
    train = lab.parts["train"]
    made = w2sr_ablations.written(lab, train, w2sr_ablations.at_random(lab, 0.3))
    assert np.mean([m[1] != p.solution for m, p in zip(made, train, strict=True)]) == pytest.approx(0.3, abs=0.04)
    for (_, told), problem in zip(
        w2sr_ablations.written(lab, train, w2sr_ablations.habitual(["3+5"], 7)), train, strict=True
    ):
        assert ("3+5=2;" in told) == (told != problem.solution) and "3+5=1;" not in told


def test_errors_on_a_pair_by_hand():
    """3+5 is 1: once right, once wrong; other pairs and what is no step do not count."""
    texts = ["3+5=1;1+1=3;A3", "3+5=2;A2", "13+5=2;", "4+4=1;"]
    assert w2sr_ablations.habit_error(texts, ["3+5"], 7) == 0.5
    assert w2sr_ablations.habit_error(texts, ["6+6"], 7) is None


def test_an_ablation_in_small():
    row = w2sr_ablations.one_split(small(RULES["w2sr_ablations"]), DATA, 1)
    assert {"errors 0%", "errors 50%", "habit of one pair", "random as seven pairs", "oracle, without facts"} <= set(
        row["figures"]
    )
    assert row["figures"]["errors 90%"] == {"accuracy": None}  # asked for by the rule, and not run here


def test_exact_checks_hold():
    assert [check["met"] for check in w2sr.exact({})] == [True, True]


def test_what_is_drawn_are_the_receipts_own_figures():
    figures = tuple(
        Figure(f"{DATA}: {arm}, gain over that of oracle", value, value - 0.1, value + 0.1, 5)
        for arm, value in (("all", 0.4), ("correct", 0.8), ("oracle", 1.0), ("base", 0.0))
    )
    receipt = Receipt("w2sr", "p", "c", "mechanism", "v", "s", (), (1,), (), "x", (), figures, (), {}, "", {})
    found = w2sr.recoveries({"data": {DATA: {}}}, receipt)["recovery"]
    rows = found.panels[f"{DATA}: against as many right traces"]
    assert [(f.name, f.value) for f in rows] == [("correct", 0.8), ("all", 0.4)] and len(found.notes) == 2
    drawn = recovered(found)
    assert drawn.index("correct 0.80") < drawn.index("all 0.40") and drawn.count("its own gain") == 4
    figures = (Figure(f"{DATA}: errors 50%, accuracy", 0.3, 0.2, 0.4, 4), Figure(f"{DATA}: base, accuracy", 0.1))
    receipt = Receipt("w2sr", "p", "c", "mechanism", "v", "s", (), (1,), (), "x", (), figures, (), {}, "", {})
    curve = w2sr_ablations.curves({"data": {DATA: {}}, "doses": [0, 0.5]}, receipt)["errors"]
    assert [(dose, f.value) for dose, f in curve.lines["student"]] == [(0.5, 0.3)] and len(curve.lines["base"]) == 2


def test_the_drawings_are_those_of_the_receipts():
    """As they would be drawn again from result.json; a panel for each family and reference."""
    receipt = store.read(EVIDENCE / "w2sr" / "result.json")
    ((name, found),) = drawings("w2sr", EVIDENCE / "w2sr", receipt).items()
    assert (EVIDENCE / "w2sr" / f"{name}.svg").read_text() == recovered(found, style=theme())
    values = {f.name: f.value for f in receipt.figures}
    (drawn,) = (f for f in found.panels["nested: against as many right traces"] if f.name == "correct")
    assert drawn.value == values["nested: correct, gain over that of oracle"] and len(found.panels) == 6
    place = EVIDENCE / "w2sr_ablations"
    (curve,) = drawings("w2sr_ablations", place, store.read(place / "result.json")).values()
    assert (place / "dose-errors.svg").read_text() == dose(curve, style=theme())
    assert drawings("ches", EVIDENCE / "ches", receipt) == {}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r["method"])
def test_a_rule_explores_on_other_seeds_and_gives_every_arm_as_many_trials(rule):
    assert all(seed < 101 for about in rule["data"].values() for seed in about["seeds"])
    assert len(rule["learn"]["rates"]) * len(rule["learn"]["stops"]) == rule["trials"]
    if rule["method"] == "w2sr":
        assert len(rule["grpo"]["rates"]) * len(rule["grpo"]["stops"]) == rule["trials"]
        assert len(rule["temperatures"]) == len(rule["vote temperatures"]) == rule["trials"]
    for about in rule["data"].values():
        assert WeakLab({**about, "sizes": {"train": 4}}, seed=0).family.facts
