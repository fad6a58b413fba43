"""Pairs are read as people have them, letter for letter, and bad rows are told with their line."""

import gzip
import json
import random

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback.conversations import common
from strop.feedback.pairs import read_pairs
from strop.records import Message


def talk(*contents, first="user"):
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)]


def turns(*contents, first="user"):
    return tuple(Message(**one) for one in talk(*contents, first=first))


TEXTS = [
    {"prompt": "1+1?\n\nSay a number.", "chosen": " 2", "rejected": "3,\n\nor\r\nmore", "rater": "a", "margin": 0.5},
    {"prompt": 'a "quote"', "chosen": "é\t;", "rejected": "x\n", "rater": "b", "margin": 2},
]


def written(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".parquet":
        pl.DataFrame(rows, strict=False).write_parquet(path)
    elif path.suffix in (".csv", ".tsv"):
        pd.DataFrame(rows).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.tsv", "p.parquet", "p.jsonl.gz", "p.csv.gz"])
def test_the_same_pairs_in_every_format(tmp_path, name):
    path = written(tmp_path / name.removesuffix(".gz"), TEXTS)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
        path = tmp_path / name
    found = read_pairs(path)
    assert list(found.pairs.prompts) == [row["prompt"] for row in TEXTS]
    assert list(found.pairs.chosen) == [" 2", "é\t;"]
    assert list(found.pairs.rejected) == ["3,\n\nor\r\nmore", "x\n"]
    assert found.pairs.covariates["rater"].tolist() == ["a", "b"]
    assert found.pairs.covariates["strength"].tolist() == [0.5, 2.0]
    assert found.pairs.name == "p" and found.columns["strength"] == "margin"


def test_rows_are_those_of_the_file(tmp_path):
    """csv: the header is line 1, the first pair takes lines 2 to 6; a JSON array counts from the brace's line."""
    assert read_pairs(written(tmp_path / "p.csv", TEXTS)).pairs.rows.tolist() == [2, 8]
    assert read_pairs(written(tmp_path / "p.jsonl", TEXTS)).pairs.rows.tolist() == [1, 2]
    assert read_pairs(written(tmp_path / "p.json", TEXTS)).pairs.rows.tolist() == [2, 9]


@pytest.mark.parametrize("table", [pl.DataFrame, pd.DataFrame, list, lambda rows: pl.DataFrame(rows).to_arrow()])
def test_tables_in_memory(table):
    chat = [{"prompt": talk("hi"), "chosen": talk("yes", first="a"), "rejected": talk("no", first="a")}] * 2
    assert list(read_pairs(table(chat)).pairs.chosen) == [turns("yes", first="a")] * 2
    text = [{"prompt": "p", "chosen": "c", "rejected": "r", "annotator": name} for name in (7, None)]
    found = read_pairs(table(text)).pairs
    assert found.covariates["rater"].tolist() == ["7", ""] and found.rows.tolist() == [1, 2]


def test_a_dataset_of_the_hub_by_its_pandas_form():
    class Dataset:
        column_names = ("prompt", "chosen", "rejected")

        def to_pandas(self):
            cells = [np.array(talk("yes", first="a"), object), np.array(talk("no", first="a"), object)]
            return pd.DataFrame({"prompt": [np.array(talk("hi"), object)], "chosen": cells[:1], "rejected": cells[1:]})

    assert read_pairs(Dataset()).pairs.prompts[0] == turns("hi")


def test_the_common_beginning_of_two_conversations_is_the_prompt():
    rows = [
        {"chosen": talk("hi", "ho", "so?", "yes"), "rejected": talk("hi", "ho", "so?", "no")},
        {"chosen": talk("hi", "yes"), "rejected": talk("hi", "no", "why?", "so")},
    ]
    found = read_pairs(rows)
    assert list(found.pairs.prompts) == [turns("hi", "ho", "so?"), turns("hi")]
    assert found.pairs.rejected[1] == turns("no", "why?", "so", first="assistant")
    assert any("1 pairs part before the last turn" in note for note in found.notes)


def test_ultrafeedback_keeps_the_question_thrice():
    """The prompt as text and at the head of both answers; strength = 8 - 6.5; equal scores are counted aloud."""
    rows = [
        {"prompt": "hi", "prompt_id": "q1", "chosen": talk("hi", "a"), "rejected": talk("hi", "b"),
         "score_chosen": 8.0, "score_rejected": 6.5},
        {"prompt": "ho", "prompt_id": "q2", "chosen": talk("ho", "a"), "rejected": talk("ho", "b"),
         "score_chosen": 7.0, "score_rejected": 7.0},
    ]  # fmt: skip
    found = read_pairs(rows)
    assert found.pairs.prompts[0] == turns("hi") and found.pairs.chosen[0] == turns("a", first="assistant")
    assert found.pairs.covariates["strength"].tolist() == [1.5, 0.0]
    assert found.pairs.covariates["question"].tolist() == ["q1", "q2"]
    assert any("1 pairs whose strength is not above 0" in note for note in found.notes)


def test_a_prompt_that_stands_again_in_both_answers_is_taken_off():
    row = {"prompt": talk("hi"), "chosen": talk("hi", "a"), "rejected": talk("hi", "b")}
    assert read_pairs([row]).pairs.chosen[0] == turns("a", first="assistant")


def test_text_of_hh_rlhf_parts_at_the_last_common_answer():
    start = "\n\nHuman: hi\n\nAssistant: ho\n\nHuman: so?\n\nAssistant:"
    rows = [
        {"chosen": start + " yes, I do", "rejected": start + " yes"},
        {
            "chosen": "\n\nHuman: a\n\nAssistant: b",
            "rejected": "\n\nHuman: a\n\nAssistant: c\n\nHuman: d\n\nAssistant: e",
        },
    ]
    found = read_pairs(rows).pairs
    assert list(found.prompts) == [start, "\n\nHuman: a\n\nAssistant:"]
    assert list(found.chosen) == [" yes, I do", " b"]
    assert found.rejected[1] == " c\n\nHuman: d\n\nAssistant: e"


@settings(derandomize=True, max_examples=100)
@given(st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_common_letters_are_those_that_a_loop_counts(a, b):
    count = 0
    for x, y in zip(a, b):
        if x != y:
            break
        count += 1
    assert common(a, b) == count


def test_other_names_are_known_and_given_ones_come_first():
    row = {"question": "q", "chosen_response": "a", "rejected_response": "b", "chosen": "c", "chosen_model": "m"}
    found = read_pairs([row])
    assert found.pairs.prompts == ["q"] and found.pairs.chosen == ["c"] and "question" not in found.columns
    assert found.pairs.covariates["chosen_author"].tolist() == ["m"]
    assert read_pairs([row], chosen="chosen_response").pairs.chosen == ["a"]


def test_checked_may_be_said_in_several_ways():
    rows = [{"prompt": "p", "chosen": "c", "rejected": "r", "checked": v} for v in (1, "0", True, None, "", 0.0)]
    np.testing.assert_array_equal(read_pairs(rows).pairs.covariates["checked"], [1, 0, 1, np.nan, np.nan, 0])


def test_a_strength_in_words_is_left_aside_and_said():
    rows = [{"prompt": "p", "chosen": "c", "rejected": "r", "strength": "slightly"}]
    found = read_pairs(rows)
    assert "strength" not in found.pairs.covariates and "strength is not used: it holds no number" in found.notes


def test_bad_rows_are_skipped_counted_and_said(tmp_path):
    rows = [*TEXTS, {**TEXTS[0], "chosen": " "}, {**TEXTS[0], "margin": "x"}, {**TEXTS[1], "rejected": " "}]
    path = written(tmp_path / "p.jsonl", rows)
    path.write_text(path.read_text() + '{"prompt": "p", "cho\n')
    found = read_pairs(path, bad_rows="skip")
    assert found.pairs.rows.tolist() == [1, 2]
    dropped = [note for note in found.notes if "dropped" in note]
    assert [note.split(":")[0] for note in dropped] == [
        "1 row dropped [S218]", '1 row dropped [S203]', "1 row dropped [S218]", "1 row dropped [S207]",
    ]  # fmt: skip


CHAT = {"prompt": talk("hi"), "chosen": talk("yes", first="a"), "rejected": talk("no", first="a")}
TEXT = {"prompt": "hi", "chosen": "yes", "rejected": "no"}
BAD_ROWS = [  # (a row behind a sound one of its kind, code, what the message says)
    ({**TEXT, "chosen": ""}, "S218", "chosen is empty"),
    ({**TEXT, "rejected": " \n\t"}, "S218", "rejected is empty or white space"),
    ({**TEXT, "chosen": None}, "S218", "chosen is empty"),
    ({"prompt": "hi", "rejected": "no"}, "S218", "chosen is empty"),
    ({**TEXT, "chosen": "no"}, "S218", "the same text"),
    ({**TEXT, "prompt": " "}, "S211", "the prompt is empty"),
    ({**TEXT, "prompt": None}, "S211", "the prompt is empty"),
    ({**TEXT, "chosen": talk("x")}, "S211", "one answer is text"),
    ({**TEXT, "prompt": talk("x")}, "S211", "the prompt is no text"),
    ({**TEXT, "chosen": 42, "rejected": 43}, "S211", "42 is neither text nor"),
    ({**TEXT, "chosen": "[{'role': 'assistant', 'content': 'x'}]"}, "S211", "a conversation written as text"),
    ({**TEXT, "chosen": "\ud800"}, "S206", "half a letter"),
    (CHAT, "S211", "plain text and conversations are mixed"),
    ({**CHAT, "chosen": []}, "S218", "no message"),
    ({**CHAT, "chosen": {"role": "assistant"}}, "S211", "is neither text nor"),
    ({**CHAT, "chosen": ["yes"]}, "S211", "without role and content"),
    ({**CHAT, "chosen": [{"from": "gpt", "value": "x"}]}, "S211", "it has from, value"),
    ({**CHAT, "chosen": [{"role": "asistant", "content": "x"}]}, "S211", 'did you mean "assistant"'),
    ({**CHAT, "chosen": [{"role": "assistant", "content": None}]}, "S211", "the content of a message is None"),
    ({**CHAT, "chosen": talk("yes")}, "S211", "begins with a turn of the user"),
    ({**CHAT, "prompt": "other"}, "S211", "the conversations do not hold it"),
    ({**CHAT, "chosen": talk("hi"), "rejected": talk("hi", "no")}, "S218", "no answer follows"),
    ({**CHAT, "rejected": CHAT["chosen"]}, "S218", "the same conversation"),
    ({**TEXT, "margin": "wide\n"}, "S203", '"wide" is not a number'),
    ({**TEXT, "checked": "maybe"}, "S211", '"maybe" is neither 1 nor 0'),
    ("a line", "S205", "is not a dict"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "code", "told"), BAD_ROWS)
def test_a_bad_row_is_refused_with_its_row_and_a_mend(row, code, told):
    chat = isinstance(row, dict) and not isinstance(row.get("rejected"), str | int)
    sound = {**(CHAT if chat and row is not CHAT else TEXT), "margin": 1, "checked": 1}
    with pytest.raises(StropError) as caught:
        read_pairs([sound, row])
    assert (caught.value.code, caught.value.row) == (code, 2)
    assert told in caught.value.message and caught.value.help


def test_conversations_that_begin_apart_have_no_prompt():
    with pytest.raises(StropError, match="no common beginning"):
        read_pairs([{"chosen": talk("a", "x"), "rejected": talk("b", "y")}])


BAD_FILES = [  # (name, content, code, row, what the message or its help says)
    ("p.jsonl", b"", "S202", None, "empty"),
    ("p.json", b"[]", "S202", None, "no row"),
    ("p.csv", b"prompt,chosen,rejected\n", "S202", None, "a header and no row"),
    ("p.csv", b"prompt,choosen,rejected\na,b,c\n", "S204", None, 'did you mean "choosen"'),
    ("p.csv", b"text,score\na,b\n", "S204", None, "chosen or the rejected"),
    ("p.csv", b"prompt,chosen,chosen,rejected\na,b,c,d\n", "S204", None, "two columns"),
    ("p.csv", b"instruction,input,chosen,rejected\na,b,c,d\n", "S204", None, 'prompt: "instruction" and "input"'),
    ("p.jsonl", b'{"prompt": "p", "completion": "c", "label": true}\n', "S204", None, "--as unpaired"),
    ("p.csv", b"prompt,chosen,rejected\na,b,c\na,b\n", "S205", 3, "2 cells"),
    ("p.csv", b'prompt,chosen,rejected\n"a\n\n",b,c\na,"b" x,c\n', "S205", 5, "quote"),
    ("p.csv", b'prompt,chosen,rejected\na,b,c\na,"b,c\na,b,c\n', "S205", 3, "not closed"),
    ("p.csv", "prompt,chosen,rejected\na,b,c\na,é,c\n".encode("latin-1"), "S206", 3, "0xe9"),
    ("p.jsonl", '{"prompt": "é"}\n'.encode("latin-1"), "S206", 1, "0xe9"),
    ("p.csv", "prompt,chosen,rejected\na,b,c\n".encode("utf-16"), "S206", 1, "UTF-16"),
    ("p.jsonl", b'{"prompt": "p", "chosen": "c", "rejected": "r"}\n\n{"prompt": "p", "cho', "S207", 3, "half a line"),
    ("p.jsonl", b'{"prompt": "p", "chosen": "c", "rejected": "r"}\n[1]\n', "S205", 2, "not a JSON object"),
    ("p.json", b'[\n{"prompt": "p", "chosen": "c", "rejected": "r"},\n{"prompt": "p"', "S207", 3, "not a whole JSON"),
    ("p.json", b'[\n{"prompt": "p", "chosen": "c",\n "rejected": "r"},\n 7]', "S205", 4, "not a JSON object"),
    ("p.parquet", b"PAR1" + bytes(40) + b"PAR1", "S207", None, "Parquet"),
    ("p.parquet", b"PAR1", "S207", None, "Parquet"),
    ("p.jsonl.gz", gzip.compress(b'{"prompt": "p"}\n' * 99, mtime=0)[:-12], "S207", None, "gzip"),
    ("p.zip", b"PK\x03\x04xx", "S208", None, "zip"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "code", "row", "told"), BAD_FILES)
def test_a_bad_file_is_refused_with_the_place(tmp_path, name, content, code, row, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StropError) as caught:
        read_pairs(path)
    error = caught.value
    assert (error.code, error.row, error.file) == (code, row, str(path))
    assert told in error.message + error.help


def test_other_bad_arguments():
    row = {"prompt": "p", "chosen": "c", "rejected": "r"}
    for code, source, given_ in (
        ("S101", [row], {"bad_rows": "keep"}),
        ("S102", [row], {"format": "jsnl"}),
        ("S204", [row], {"chosen": "chose"}),
        ("S204", [row], {"chosen": "rejected"}),
        ("S208", {"train": [row]}, {}),
        ("S208", 42, {}),
        ("S202", [], {}),
        ("S201", "no_such_file.jsonl", {}),
    ):
        with pytest.raises(StropError) as caught:
            read_pairs(source, **given_)
        assert caught.value.code == code


def test_a_cell_longer_than_the_csv_module_s_own_limit(tmp_path):
    import csv

    limit = csv.field_size_limit()
    (tmp_path / "p.csv").write_text("prompt,chosen,rejected\np," + "x" * 200_000 + ",y\n")
    assert len(read_pairs(tmp_path / "p.csv").pairs.chosen[0]) == 200_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.tsv", "p.parquet", "p.jsonl.gz"])
@pytest.mark.parametrize("bad_rows", ["refuse", "skip"])
def test_a_file_changed_at_random_is_read_or_refused_in_one_line(tmp_path, name, bad_rows):
    """150 times a byte is changed, the end cut off or a part taken out: pairs or a StropError, nothing else."""
    rng = random.Random(name)
    sound = written(tmp_path / name.removesuffix(".gz"), TEXTS * 3).read_bytes()
    sound = gzip.compress(sound, mtime=0) if name.endswith(".gz") else sound
    for _ in range(150):
        a, b = sorted(rng.randrange(len(sound)) for _ in range(2))
        changed = rng.choice(
            [sound[:a] + bytes([rng.randrange(256)]) + sound[a + 1 :], sound[:a], sound[:a] + sound[b:]]
        )
        (tmp_path / name).write_bytes(changed)
        try:
            assert len(read_pairs(tmp_path / name, bad_rows=bad_rows).pairs)
        except StropError as error:
            assert "\n" not in str(error)
