"""Written pairs come back letter for letter, in their order."""

import errno

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback import pairs_out
from strop.feedback.pairs import read_pairs
from strop.feedback.pairs_out import write_pairs
from strop.records import Message, Pairs

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(LETTERS, min_size=1, max_size=12).filter(str.strip)
SUFFIXES = (".jsonl", ".parquet", ".csv")


def pairs(n=3):
    covariates = {"rater": np.array(["a", "", "b"][:n], object), "checked": np.array([1.0, np.nan, 0.0][:n])}
    return Pairs(
        ["p", " q\n\n", "r,\r\n"][:n], ["a"] * n, ['"b"', "c", "-"][:n], covariates, np.arange(4, 4 + n), "old"
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_is_read_again(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    write_pairs(pairs(), path, weights=np.array([1.0, 0.25, 0.0]))
    found = read_pairs(path).pairs
    for name in ("prompts", "chosen", "rejected"):
        assert list(getattr(found, name)) == list(getattr(pairs(), name))
    assert found.covariates["rater"].tolist() == ["a", "", "b"]
    np.testing.assert_array_equal(found.covariates["checked"], [1, np.nan, 0])
    reader = {".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet, ".csv": pl.read_csv}[suffix]
    assert reader(path)["weight"].to_list() == [1.0, 0.25, 0.0]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT).filter(lambda row: row[1] != row[2]), min_size=1, max_size=3))
def test_every_letter_and_the_order_come_back(tmp_path, suffix, rows):
    prompts, chosen, rejected = (list(column) for column in zip(*rows))
    write_pairs(Pairs(prompts, chosen, rejected), tmp_path / f"p{suffix}")
    found = read_pairs(tmp_path / f"p{suffix}").pairs
    assert (list(found.prompts), list(found.chosen), list(found.rejected)) == (prompts, chosen, rejected)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_conversations_come_back_as_such(tmp_path, suffix):
    talk = (Message("system", "be\n\nbrief"), Message("user", "hi"))
    before = Pairs([talk, talk[1:]], [(Message("assistant", " a"),)] * 2, [(Message("assistant", "b"),)] * 2)
    write_pairs(before, tmp_path / f"p{suffix}")
    found = read_pairs(tmp_path / f"p{suffix}").pairs
    assert (list(found.prompts), list(found.chosen)) == (list(before.prompts), list(before.chosen))


@pytest.mark.parametrize(
    ("name", "weights", "code", "row"),
    [
        ("p.xlsx", None, "S208", None),
        ("p.csv", "chat", "S208", None),
        ("p.csv", np.ones(2), "S214", None),
        ("p.csv", np.array([1, np.nan, 1]), "S211", 5),
        ("p.csv", np.array([1, 1, -1.0]), "S211", 6),
    ],
)
def test_bad_input(tmp_path, name, weights, code, row):
    told = pairs()
    if isinstance(weights, str):
        talk = [(Message("user", "hi"),)]
        told, weights = Pairs(talk, [(Message("assistant", "a"),)], [(Message("assistant", "b"),)]), None
    with pytest.raises(StropError) as caught:
        write_pairs(told, tmp_path / name, weights=weights)
    assert (caught.value.code, caught.value.row) == (code, row) and not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "p.jsonl"
    write_pairs(pairs(), path)
    before, calls = path.read_bytes(), []

    def full(value):
        calls.append(value)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return b"{}"

    monkeypatch.setattr(pairs_out.msgspec.json, "encode", full)
    with pytest.raises(StropError) as caught:
        write_pairs(pairs(), path)
    assert caught.value.code == "S501" and path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
