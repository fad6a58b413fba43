"""Does the page of a file of pairs say what is there: all that we planted, nothing where we planted nothing?"""

import json
from dataclasses import replace

import numpy as np
import pytest
from pair_texts import text_world

from strop.audits.pairs import question
from strop.errors import StropError
from strop.experiments.audit_pairs import audit_pairs, gather, with_checked
from strop.experiments.pair_head import fitted_head
from strop.experiments.pair_trouble import clean_worth
from strop.feedback.pairs import read_pairs
from strop.feedback.pairs_out import write_pairs
from strop.models.language.features import ngram_differences
from strop.records import Pairs
from strop.report import page


def test_flips_a_length_bias_and_contradictions_are_all_said(tmp_path):
    """20 % flips, the truth longer three times out of four, 5 % of the pairs once more the other way round: 120 of 1,260 rows."""
    pairs, turned = text_world(71, flips=0.2, longer=0.75, contradicted=0.05)
    result = audit_pairs(pairs, files=tmp_path)
    assert "of the labels look turned round" in result.verdict
    assert "120 of 1,260 pairs are judged both ways" in result.verdict
    assert "the longer answer is chosen in 6" in result.verdict
    assert "at least" in result.verdict  # single labels: the rate is bounded, not known
    assert any("not identified" in line.figure for line in result.advice)
    titles = [table.title for table in result.tables]
    assert titles == ["Labels to check first", "Relabel these many", "Pairs judged both ways"]
    rows = [int(row[0]) - 1 for row in result.tables[0].rows]
    assert turned[rows].mean() >= 0.9
    doubt = [json.loads(line) for line in (tmp_path / "relabel_first.jsonl").read_text().splitlines()]
    both = {}
    for row in doubt:
        both.setdefault(row["prompt"], []).append(row["doubt"])
    assert {round(sum(pair), 3) for pair in both.values() if len(pair) == 2} <= {
        0.999,
        1.0,
        1.001,
    }  # one of two is wrong
    found = [int(row[1]) for row in result.tables[1].rows]
    order = [json.loads(line)["row"] - 1 for line in (tmp_path / "relabel_first.jsonl").read_text().splitlines()]
    for k, expected in zip((50, 100, 200), found):
        assert expected == pytest.approx(turned[order[:k]].sum(), abs=0.12 * k)
    cleaned = [json.loads(line) for line in (tmp_path / "cleaned.jsonl").read_text().splitlines()]
    assert len(cleaned) == 1140 and {"prompt", "chosen", "rejected", "weight"} <= set(cleaned[0])
    known = dict(zip(pairs.prompts, turned))
    weights = np.array([row["weight"] for row in cleaned])
    wrong = np.array([known[row["prompt"]] for row in cleaned])
    assert weights[wrong].mean() < 0.4 < 0.85 < weights[~wrong].mean()
    assert len(result.curves[0].lines) == 2
    assert "What turned labels cost" in page.render(result)


def test_nothing_is_found_in_clean_pairs():
    """Among them a shorter answer wins in 54 %: one of six rules looks like something by chance."""
    result = audit_pairs(text_world(74, n=800)[0])
    assert "No turned labels, contradictions, copies or length bias stand out" in result.verdict
    assert "no rule that reads nothing does better than chance" in result.verdict
    assert [table.title for table in result.tables] == ["Labels to check first", "Relabel these many"]
    assert all(line.level != "warn" for line in result.advice)


def test_what_pairs_are_worth_rests_on_a_checked_slice():
    """A quarter checked: the rate is known, and the worth with it; N clean pairs teach as much, within six points."""
    pairs, turned = text_world(75, flips=0.2, checked=300, clear=0.7)
    found = gather(pairs, model="none", test=None, seed=0, draws=100)
    assert found.rate.low < turned.mean() < found.rate.high
    count, known = clean_worth(found)
    assert known and 100 < count < 500
    right = replace(pairs, covariates={}).turned(turned)
    clean = fitted_head(ngram_differences(right), question(right), seed=0)
    few = clean.only(np.random.default_rng(0).random(1200) < count / 1200 * 5 / 4).margins
    ours = np.where(turned, -1, 1) * found.head.margins
    assert (ours > 0).mean() == pytest.approx((few > 0).mean(), abs=0.06)


def test_verdicts_are_given_back_and_each_rater_has_a_rate(tmp_path):
    pairs, turned = text_world(76, n=300, flips=0.2)
    write_pairs(
        replace(pairs, covariates={"checked": np.where(np.arange(300) < 90, ~turned, np.nan)}), tmp_path / "c.csv"
    )
    checked = read_pairs(tmp_path / "c.csv").pairs
    back = with_checked(pairs, checked)
    assert np.isnan(back.covariates["checked"]).sum() == 210
    assert (back.covariates["checked"][:90] == ~turned[:90]).all()
    with pytest.raises(StropError, match="no such pair"):
        with_checked(pairs.take(np.arange(50)), checked)
    with pytest.raises(StropError, match="S204"):
        with_checked(pairs, pairs)
    result = audit_pairs(text_world(77, n=400, each=[0.05, 0.1, 0.3])[0])
    table = next(table for table in result.tables if table.title == "Raters")
    assert [row[0] for row in table.rows] == ["ann", "bob", "cleo"]
    assert any("rater cleo is wrong more often than rater ann" in line.text for line in result.advice)
    assert "of the labels are wrong" in result.verdict


def test_few_questions_leaks_places_and_copies_are_said():
    pairs, _ = text_world(78, n=400)
    twice = Pairs(*([*side, *side[:40]] for side in (pairs.prompts, pairs.chosen, pairs.rejected)))
    first = {"chosen_first": np.r_[np.ones(300), np.zeros(140)]}
    result = audit_pairs(replace(twice, covariates=first), test=pairs.take(np.arange(100)))
    assert (
        "40 of 440 pairs stand twice" in result.verdict and "the answer shown first is chosen in 68%" in result.verdict
    )
    assert "100% of the test prompts stand in it too" in result.verdict
    few = audit_pairs(pairs.take(np.arange(20)))
    assert few.verdict.startswith("There are too few questions") and "20 questions" in few.notes[-1]


def test_a_model_reads_them_instead_of_words(tmp_path):
    """A character model with random weights: what it makes of a word is some place of its own, and a head can tell them."""
    pytest.importorskip("transformers")
    from strop.models.language.opening import keep_model
    from strop.models.language.tiny import character_tokenizer, small_llama

    tokenizer = character_tokenizer("abcdefghijklmnopqrstuvwxyz0123456789: ")
    folder = keep_model(small_llama(tokenizer, hidden=32, window=1024, seed=1), tokenizer, tmp_path / "model")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["lan", "mis", "tor"], 3)) for _ in range(400)]
    pairs = Pairs([f"q{i}" for i in range(200)], [t + " yes" for t in texts[:200]], [t + " no" for t in texts[200:]])
    result = audit_pairs(pairs, model=str(folder))
    assert f"on what {folder} makes of them" in result.verdict
    assert result.arms[0].figure("accuracy, share").low > 0.9
