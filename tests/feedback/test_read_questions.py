"""Questions as people have them: column names, whole solutions, conversations, repeated ones; and what is wrong is one line."""

import json

import polars as pl
import pytest

from strop.errors import StropError
from strop.feedback.gym import gym_questions
from strop.feedback.questions import read_questions, split_questions, write_questions
from strop.records import Message, Questions

GSM8K = [{"question": f"What is {a} + {a}?", "answer": f"It is <<{a}+{a}={2 * a}>>\n#### {2 * a}"} for a in range(12)]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_solution_is_kept_whole(tmp_path):
    found = read_questions(written(tmp_path / "gsm8k.jsonl", GSM8K))
    assert found.questions.prompts[3] == "What is 3 + 3?" and found.questions.references[3].endswith("#### 6")
    assert found.questions.name == "gsm8k" and found.questions.rows.tolist() == list(range(1, 13))
    assert "columns: prompt question, answer answer" in found.notes


@pytest.mark.parametrize(
    ("row", "reference"),
    [
        ({"prompt": "q", "solution": "s"}, "s"),
        ({"problem": "q", "solution": "so 4", "answer": "4"}, "4"),
        ({"Question": "q", "ground_truth": "4"}, "4"),
        ({"question": "q", "Final Answer": 4, "answer": "long"}, "4"),
        ({"problem": "q", "gold": 4.5}, "4.5"),
        ({"messages": [{"role": "user", "content": "q"}], "answer": "4"}, "4"),
    ],
)
def test_usual_names(row, reference):
    found = read_questions([row, row]).questions
    assert found.references == [reference] * 2
    assert found.prompts[0] in ("q", (Message("user", "q"),))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_files_of_each_kind_say_the_same(tmp_path, suffix):
    path, frame = tmp_path / f"q.{suffix}", pl.DataFrame(GSM8K)
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[suffix](path)
    found = read_questions(path).questions
    assert (list(found.prompts), list(found.references)) == tuple([r[k] for r in GSM8K] for k in ("question", "answer"))


def test_an_answer_at_the_end_of_a_conversation_is_not_asked():
    talk = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    found = read_questions([{"messages": talk, "answer": "2"}] * 2)
    assert found.questions.prompts[0] == (Message("user", "1+1?"),) and "left out of the question" in found.notes[-1]


def test_written_and_read_again(tmp_path):
    talks = Questions([(Message("user", "1+1?"),)] * 2, ["2", "3"])
    write_questions(talks, tmp_path / "q.jsonl")
    again = read_questions(tmp_path / "q.jsonl").questions
    assert (again.prompts, again.references) == (talks.prompts, talks.references)


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [
        ([{"question": "q"}], "S204", "its right answer"),
        ([{"answer": "4", "text": "q"}], "S204", "the question"),
        ([{"question": "q", "problem": "q", "answer": "4"}], "S204", "which one is the prompt"),
        ([{"question": "q", "answer": "4"}, {"question": "r", "answer": ""}], "S211", "no right answer"),
        ([{"question": "q", "answer": None}], "S211", "no right answer"),
        ([{"question": "q", "answer": ["4"]}], "S211", "text or a number"),
        ([{"question": " ", "answer": "4"}], "S211", "empty or white space"),
        ([{"messages": [{"role": "assistant", "content": "a"}], "answer": "4"}], "S211", "nobody asks"),
        ([{"question": "q", "answer": "4", "task": "t", "size": 3, "seed": 0, "index": "x"}], "S203", "whole number"),
        ([], "S202", ""),
    ],
)
def test_what_is_wrong_is_one_line(rows, code, said):
    with pytest.raises(StropError, match=code) as caught:
        read_questions(rows)
    assert said in f"{caught.value} {caught.value.help}"


def test_an_empty_file_and_bad_rows_that_are_skipped(tmp_path):
    (tmp_path / "e.jsonl").write_text("")
    with pytest.raises(StropError, match="S202"):
        read_questions(tmp_path / "e.jsonl")
    found = read_questions(
        written(tmp_path / "q.jsonl", [*GSM8K, {"question": "q"}, {"question": "r"}]), bad_rows="skip"
    )
    assert len(found.questions) == 12 and any("2 rows dropped [S211]" in note for note in found.notes)
    with pytest.raises(StropError, match="S202"):
        read_questions([{"question": "q", "answer": ""}], bad_rows="skip")


def test_no_question_stands_in_two_parts_however_it_is_spaced():
    rows = [{"question": f"{' ' * (n // 20)}What is {n % 20}?", "answer": str(n % 20 + (n == 21))} for n in range(60)]
    data = split_questions(read_questions(rows).questions, seed=3)
    parts = [{" ".join(p.split()) for p in part.prompts} for part in (data.train, data.validation, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20 and all(parts)
    assert sum(len(part) for part in (data.train, data.validation, data.test)) == 60
    assert "20 questions stand in more than one row, 40 rows in all" in data.notes[1]
    assert "1 of them with different answers" in data.notes[1]
    assert split_questions(read_questions(rows).questions, seed=4).test.prompts != data.test.prompts
    with pytest.raises(StropError, match="S209"):
        split_questions(read_questions(rows[:2]).questions)


def test_questions_of_the_gym(tmp_path):
    pytest.importorskip("reasoning_gym")
    found = gym_questions("gym:chain_sum:4", seed=5).questions
    write_questions(found, tmp_path / "q.jsonl")
    again = read_questions(tmp_path / "q.jsonl").questions
    assert [again.made(i) for i in range(4)] == [found.made(i) for i in range(4)]
    assert found.made(3) == {"task": "chain_sum", "size": 4, "seed": 5, "index": 3}
    assert (tuple(again.prompts), tuple(again.references)) == (tuple(found.prompts), tuple(found.references))


@pytest.mark.parametrize("source", ["gym:", "gym:chain_sum:many", "chain_sum", "gym:chain_sum:9999999999"])
def test_sources_that_name_no_task(source):
    with pytest.raises(StropError, match="S101"):
        gym_questions(source)


def test_a_solution_beside_the_answer_is_kept(tmp_path):
    """As a covariate, written and read again; a solution that is the only answer stays the answer."""
    rows = [{"question": f"{n}+1", "answer": n + 1, "trace": f"{n}+1={n + 1}"} for n in range(4)] + [
        {"question": "9+1", "answer": 10, "trace": None}
    ]
    found = read_questions(written(tmp_path / "q.jsonl", rows))
    assert found.questions.covariates["solution"].tolist() == ["0+1=1", "1+1=2", "2+1=3", "3+1=4", ""]
    write_questions(found.questions.take([1, 4]), tmp_path / "again.jsonl")
    again = read_questions(tmp_path / "again.jsonl").questions
    assert again.covariates["solution"].tolist() == ["1+1=2", ""] and again.references == ["2", "10"]
    assert "solution" not in read_questions([{"prompt": "q", "solution": "s"}] * 2).questions.covariates
