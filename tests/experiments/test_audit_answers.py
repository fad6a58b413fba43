"""Does the audit of confidences find what is planted, and keep still where nothing is wrong?"""

import json

import msgspec
import numpy as np
import pytest
from answer_worlds import rows

from strop.errors import StropError
from strop.experiments import answer_advice
from strop.experiments.audit_answers import audit_answers, gather, ordered
from strop.feedback.answers import read_answers


def found(kind, n=600, *, draws=150, **world):
    return gather(read_answers(rows(kind, n, **world)), seed=0, draws=draws)


def levels(result):
    return [one.level for one in result]


def test_an_overconfident_writer_is_found_and_mended():
    one = found("over")
    assert answer_advice.too_sure(one.first) is True and answer_advice.orders(one.first) == "right"
    told = answer_advice.verdict(one)
    assert "overconfident by +0.3" in told and "it orders right before wrong" in told
    assert one.first.after["isotonic"].ece.value < 0.3 * one.first.told.ece.value
    assert "Do not show it as a probability" in " ".join(line.text for line in answer_advice.advice(one))


def test_an_inverted_writer_is_found():
    one = found("inverted", free=0.5)
    assert answer_advice.orders(one.first) == "inverted"
    told = " ".join(line.text for line in answer_advice.advice(one))
    assert "is the column turned round" in told and "A rising map can only" in told
    assert answer_advice.rivals(one)[0] == ["token_probability"]
    assert "A free one orders better: token_probability, AUROC +0." in answer_advice.verdict(one)


def test_a_stated_confidence_that_beats_the_free_one_is_said_to():
    one = found("calibrated", 1500, free=1.5)
    assert answer_advice.rivals(one)[1] == ["token_probability"]
    assert "It orders better than the free ones" in answer_advice.verdict(one)


def test_no_wolf_where_there_is_none():
    """20 calibrated files of 2,000: no warning in 18 at least, never "too sure", and each is said to order."""
    warned = 0
    for seed in range(20):
        one = found("calibrated", 2000, seed=seed, draws=100)
        assert answer_advice.too_sure(one.first) is None and answer_advice.orders(one.first) == "right"
        warned += "warn" in levels(answer_advice.advice(one))
    assert warned <= 2


def test_the_kept_and_the_looked_up_are_as_planted():
    """Right with p closed-book, 0.75 with retrieval: looking up pays below about 0.75, over random, always and never."""
    one = found("calibrated", 3000, retrieval=True)
    gate = one.first.gated
    assert gate.threshold == pytest.approx(0.75, abs=0.1)
    assert gate.over_random.low > 0 and gate.over_never.low > 0 and gate.over_always.low > 0
    p = np.random.default_rng(0).beta(2.2, 1.4, 100_000)
    assert gate.right.low < np.maximum(p, 0.75).mean() < gate.right.high
    assert one.first.keeping.right.low < 0.9 < one.first.keeping.right.high
    random = found("constant", 400, retrieval=True).first.gated
    assert random.over_random.value == 0


def test_a_result_has_all_that_the_page_shows(tmp_path):
    reading = read_answers(rows("over", 400, free=0.5, retrieval=True))
    result = audit_answers(reading, draws=100, files=tmp_path)
    assert [curve.form for curve in result.curves] == ["reliability", "shares", "shares"]
    assert {one.figure.name for one in result.differences} == {"AUROC", "ECE, error", "Brier, error", "AURC, error"}
    assert [table.title for table in result.tables] == ["Surest, and wrong", "What it means when it says so"]
    assert msgspec.convert(msgspec.to_builtins(result), type(result)) == result
    again = read_answers(tmp_path / "calibrated.jsonl").answers
    assert set(again.confidences) == {"confidence", "token_probability", "confidence_calibrated", "token_probability_calibrated"}  # fmt: skip
    crossed = gather(reading, seed=0, draws=100).first
    assert again.confidences["confidence_calibrated"] == pytest.approx(crossed.crossed[crossed.best])
    assert json.loads((tmp_path / "calibrated.jsonl").read_text().splitlines()[0])["question"] == "What is 0 plus 3?"


@pytest.mark.parametrize("change", [{"right": True}, {"right": False}, {"confidence": 0.8}, {"confidence": 1.0}])
def test_degenerate_files_are_told_of_and_not_guessed_at(change):
    """All right, all wrong, all alike: no order, no map where there is none, and no failure."""
    few = [row | change for row in rows("calibrated", 40, free=0.5, retrieval=True)]
    result = audit_answers(read_answers(few), draws=50)
    auroc = {arm.name: arm.figure("AUROC").value for arm in result.arms}["confidence"]
    assert auroc is None if "right" in change else auroc == 0.5
    said = "no order to judge" if "right" in change else "the same of every answer"
    assert said in result.verdict


@pytest.mark.parametrize("n", [1, 2, 12])
def test_a_handful_of_answers_is_enough_to_say_that_they_are_few(n):
    result = audit_answers(read_answers(rows("calibrated", n, retrieval=True)), draws=50)
    assert "cannot be told" in result.verdict or "no order to judge" in result.verdict or "too few" in result.verdict
    assert any("the intervals are too narrow" in note for note in result.notes)


def test_the_stated_confidence_comes_first_and_free_ones_last():
    names = ["agreement", "trained", "p_true", "stated", "token_probability"]
    assert ordered(names) == ["stated", "trained", "agreement", "p_true", "token_probability"]


def test_a_confidence_that_no_judged_answer_has_is_left_out_and_said():
    half = [row | ({"p_true": 0.5, "right": None} if i < 9 else {}) for i, row in enumerate(rows("calibrated", 60))]
    one = gather(read_answers(half), seed=0, draws=50)
    assert [each.name for each in one.measured] == ["confidence"]
    assert one.notes == ("p_true: no judged answer has one, left out", "9 answers without a verdict are left out")
    with pytest.raises(StropError, match="S202"):
        gather(read_answers([row | {"right": None} for row in half]), seed=0, draws=50)
