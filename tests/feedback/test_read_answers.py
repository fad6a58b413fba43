"""Which answers does a file hold? Columns by usual names, one rule for percentages, every bad cell by its row."""

import json

import numpy as np
import polars as pl
import pytest

from strop.errors import StropError
from strop.feedback.answers import has_answers, read_answers, write_answers
from strop.sandbox.verifiers import Verifier


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [
    {"question": "2 + 2?", "response": "4", "correct": True, "confidence": 0.9, "token_probability": "80%"},
    {"question": "2  + 2? ", "response": "5", "correct": "no", "confidence": None, "token_probability": 0.5},
    {"question": "3 + 3?", "response": "6", "correct": 1, "confidence": "35 %", "token_probability": 1},
    {"question": "4 + 4?", "response": "9", "correct": None, "confidence": 0, "token_probability": 0.25},
]


def check(reading):
    answers = reading.answers
    assert answers.questions.tolist() == [0, 0, 1, 2] and list(answers.texts) == ["4", "5", "6", "9"]
    assert answers.right.tolist()[:3] == [1, 0, 1] and np.isnan(answers.right[3])
    assert answers.confidences["confidence"] == pytest.approx([0.9, np.nan, 0.35, 0], nan_ok=True)
    assert answers.confidences["token_probability"] == pytest.approx([0.8, 0.5, 1, 0.25])


def test_every_format_reads_alike(tmp_path):
    check(read_answers(ROWS))
    check(read_answers(written(tmp_path / "a.jsonl", ROWS)))
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=1))
    check(read_answers(tmp_path / "a.json"))
    text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in ROWS]
    pl.DataFrame(text).write_csv(tmp_path / "a.csv")
    pl.DataFrame(text).write_csv(tmp_path / "a.tsv", separator="\t")
    pl.DataFrame(text).write_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.tsv", "a.parquet"):
        check(read_answers(tmp_path / name))
    assert all(has_answers(path) for path in tmp_path.iterdir())


def test_the_line_behind_an_answer_is_read_and_taken_off():
    rows = [
        {"prompt": "a", "answer": "Paris\n### Confidence: 0.7", "right": 1},
        {"prompt": "b", "answer": "Rome\n### Confidence: 95%", "right": 1},
        {"prompt": "c", "answer": "Oslo\n### Confidence: 95", "right": 0},
        {"prompt": "d", "answer": "Bern", "right": 0},
    ]
    reading = read_answers(rows)
    assert reading.answers.confidences["stated"] == pytest.approx([0.7, 0.95, np.nan, np.nan], nan_ok=True)
    assert list(reading.answers.texts)[:2] == ["Paris", "Rome"]
    assert "2 of 4 answers state a confidence that can be read" in reading.notes


def test_a_verifier_judges_by_the_reference():
    rows = [
        {"question": f"q{i}", "response": f"it is {i}\n### Confidence: 0.5", "answer": str(i if i < 6 else i + 1)}
        for i in range(8)
    ]
    with Verifier("numeric") as verifier:
        reading = read_answers(rows, verifier=verifier)
        again = read_answers([row | {"right": 1} for row in rows], verifier=verifier)
    assert reading.answers.right.tolist() == [1] * 6 + [0, 0] and reading.answers.results[3] == "3"
    assert any("differs from the file's own verdict in 2 of 8" in note for note in again.notes)
    with pytest.raises(StropError) as told:
        read_answers(rows)
    assert told.value.code == "S204" and "--verifier" in told.value.help


def test_several_answers_agree_or_not():
    """Three of four say 7: each agrees with 2 of its 3 others, the fourth with none. An answer on its own has no agreement."""
    rows = [{"question": "q", "answer": f"so {x}", "reference": "7"} for x in ("7", "7.0", "07", "8")]
    rows += [{"question": "r", "answer": "1", "reference": "1"}]
    with Verifier("numeric") as verifier:
        found = read_answers(rows, verifier=verifier).answers.confidences["agreement"]
    assert found == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0, np.nan], nan_ok=True)
    words = [{"question": "q", "answer": x, "right": 1} for x in ("Paris", "paris.", "Rome")]
    assert read_answers(words).answers.confidences["agreement"] == pytest.approx([0.5, 0.5, 0])


def test_columns_that_are_told_apart():
    """`label` is a verdict where all of it reads so, else the right answer; words among other confidences are left aside."""
    base = {"question": "q", "response": "B", "confidence": 0.5, "probability_explained": "likely"}
    reading = read_answers([base | {"label": 1}, base | {"label": 0, "question": "r"}])
    assert reading.answers.right.tolist() == [1, 0] and list(reading.answers.confidences) == ["confidence"]
    assert "probability_explained is not used: it holds no number" in reading.notes
    with Verifier("exact") as verifier:
        other = read_answers([base | {"label": "B"}, base | {"question": "r", "label": "C"}], verifier=verifier)
    assert other.answers.right.tolist() == [1, 0]


def test_the_answer_with_retrieval():
    rows = [{"answer": "a", "right": 0, "right_with_retrieval": "yes", "confidence": 0.1}] * 2
    reading = read_answers(rows)
    assert reading.retrieved.tolist() == [1, 1] and reading.answers.questions.tolist() == [0, 1]
    assert any("a question of its own" in note for note in reading.notes)


@pytest.mark.parametrize(
    ("change", "code", "row", "column", "said"),
    [
        ({"confidence": 95}, "S211", 2, "confidence", "a bare 95 is refused"),
        ({"confidence": 1.2}, "S211", 2, "confidence", "95%"),
        ({"confidence": -0.1}, "S211", 2, "confidence", "95%"),
        ({"confidence": "120%"}, "S211", 2, "confidence", "95%"),
        ({"confidence": "inf"}, "S211", 2, "confidence", "95%"),
        ({"confidence": "high"}, "S203", 2, "confidence", "95%"),
        ({"confidence": [0.5]}, "S203", 2, "confidence", "95%"),
        ({"confidence": True}, "S203", 2, "confidence", "95%"),
        ({"correct": "maybe"}, "S211", 2, "correct", "not judged"),
    ],
)
def test_a_bad_cell_is_named_by_its_row_and_may_be_left_out(tmp_path, change, code, row, column, said):
    path = written(tmp_path / "a.jsonl", [ROWS[0], ROWS[1] | change, ROWS[2]])
    with pytest.raises(StropError) as told:
        read_answers(path)
    assert (told.value.code, told.value.row, told.value.column) == (code, row, column)
    assert said in told.value.help and str(path) in str(told.value)
    reading = read_answers(path, bad_rows="skip")
    assert len(reading.answers) == 2 and any("1 row dropped" in note for note in reading.notes)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"question": "q", "answer": "a", "confidence": 0.5}], "S204"),
        ([{"question": "q", "answer": "a", "right": 1}], "S204"),
        ([{"answer": "a", "right": 1, "confidence": "high"}], "S203"),
        ([{"answer": "a", "right": "odd", "confidence": 0.5}], "S211"),
        ([{"answer": "a", "right": 1, "confidence": 0.5, "tokens": "many"}], "S203"),
        ([], "S202"),
    ],
)
def test_files_that_cannot_be_used(rows, code):
    with pytest.raises(StropError) as told:
        read_answers(rows)
    assert told.value.code == code


def test_a_verifier_needs_a_reference_and_may_not_pass_everything():
    with Verifier("numeric") as verifier:
        for rows, code in (
            ([{"answer": "4", "confidence": 0.5, "right": 1}], "S204"),
            ([{"answer": "4", "confidence": 0.5, "reference": "none at all"}] * 3, "S211"),
        ):
            with pytest.raises(StropError) as told:
                read_answers(rows, verifier=verifier)
            assert told.value.code == code


def test_what_is_written_is_read_again(tmp_path):
    reading = read_answers(ROWS)
    answers = reading.answers.with_confidence("mine", np.array([0.1, 0.2, np.nan, 0.4]))
    write_answers(answers, tmp_path / "out.jsonl", prompts=reading.prompts)
    again = read_answers(tmp_path / "out.jsonl").answers
    assert again.questions.tolist() == [0, 0, 1, 2] and again.right == pytest.approx(answers.right, nan_ok=True)
    assert list(again.confidences) == ["confidence", "token_probability", "mine_confidence"]
    for mine, theirs in zip(again.confidences.values(), answers.confidences.values(), strict=True):
        assert mine == pytest.approx(theirs, nan_ok=True)
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[2])["row"] == 3


def test_other_files_are_not_taken_for_answers(tmp_path):
    for text in (
        "user,item,rating\n1,2,3\n",
        "prompt,chosen,rejected\na,b,c\n",
        "question,answer\na,4\n",
        "prompt,completion,label\na,b,true\n",
    ):
        (tmp_path / "a.csv").write_text(text)
        assert not has_answers(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("question,answer,confidence\na,4,0.9\n")  # its reader says what is missing
    assert has_answers(tmp_path / "a.csv")
    assert not has_answers(tmp_path / "nowhere.csv")
