"""strop demo answers: what was planted is what the audit says."""

import json

from strop.experiments.demo_answers import LOOKED_UP, planted


def test_what_was_planted_is_found(strop, tmp_path):
    place = tmp_path / "strop-demo"
    status, out, err = strop("demo", "answers", "-q", "-o", place)
    assert status == 0, err
    assert "overconfident by" in out
    result = json.loads((place / "audit/result.json").read_text())
    figures = {f["name"]: f for f in result["figures"]}
    made = planted()
    gap = figures["confidence over right, gap in share"]
    assert gap["low"] <= made.said.mean() - made.chance.mean() <= gap["high"] and gap["low"] > 0.2
    assert figures["ECE after isotonic, error"]["value"] < 0.05
    assert figures["gated over always looking up, share"]["low"] > 0  # what is surely known is better left alone
    free = next(d for d in result["differences"] if d["figure"]["name"] == "AUROC")
    assert free["baseline"] == "agreement" and free["figure"]["low"] < 0
    read = [json.loads(line) for line in (place / "answers.jsonl").read_text().splitlines()]
    assert len(read) == len(made.rows)


def test_right_answers_are_the_sums_and_look_ups_are_right_as_often_as_said():
    """By hand: the sum of the question's two numbers."""
    made = planted(seed=3)
    for row in made.rows:
        a, b = str(row["question"]).split("What is ")[1].rstrip("?").split(" + ")
        assert (int(str(row["answer"])) == int(a) + int(b)) == row["right"]
    assert abs(sum(bool(row["retrieved_right"]) for row in made.rows) / len(made.rows) - LOOKED_UP) < 0.03
