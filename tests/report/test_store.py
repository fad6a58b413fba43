"""Results written and read again: the same, whole, or refused in one line."""

import errno
import os
from dataclasses import replace

import pytest
import result_examples as examples
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.records import Advice, Arm, Figure, Receipt, Result
from strop.report import store

words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
reals = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | reals
figure = st.builds(Figure, words, maybe, maybe, maybe, st.integers(0, 10**9))
arm = st.builds(
    Arm,
    words,
    st.lists(figure, max_size=3).map(tuple),
    settings=st.dictionaries(
        words, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | reals | words, max_size=3
    ),
    curve=st.lists(st.tuples(reals, maybe, maybe), max_size=3).map(tuple),
    points=st.lists(st.tuples(reals, reals, reals), max_size=3).map(tuple),
    cost=st.dictionaries(words, reals, max_size=2),
)
result = st.builds(Result, words, words, words, arms=st.lists(arm, max_size=3).map(tuple), seed=st.integers(0, 2**31))


@pytest.mark.parametrize("name", ["comparison", "audit", "run", "receipt"])
def test_real_results_come_back_as_they_were(name, tmp_path):
    before = getattr(examples, name)()
    path = store.write(before, tmp_path / "new" / "folder" / "result.json")
    assert store.read(path) == before
    assert path.read_bytes() == store.write(store.read(path), tmp_path / "again.json").read_bytes()
    assert path.read_text(encoding="utf-8").startswith('{\n  "')
    assert [p.name for p in path.parent.iterdir()] == ["result.json"], "no temporary file stays"


@settings(derandomize=True, max_examples=60, deadline=None)
@given(result)
def test_any_result_comes_back_as_it_was(tmp_path_factory, before):
    path = tmp_path_factory.mktemp("law") / "result.json"
    assert store.read(store.write(before, path)) == before


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (Result("run", "t", "v", arms=(Arm("a", (Figure("recall@20", float("nan")),)),)), "$.arms[0].figures[0].value"),
        (Result("run", "t", "v", cost={"s": float("inf")}), "$.cost.s"),
        (Result("run", "t", "v", arms=(Arm("a", (), curve=((1.0, -float("inf"), None),)),)), "$.arms[0].curve[0][1]"),
        (Result("run", "t", "v", settings={"x": object()}), "JSON cannot"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(broken, place, tmp_path):
    with pytest.raises(StropError, match="S900") as caught:
        store.write(broken, tmp_path / "r.json")
    assert place in caught.value.message
    assert list(tmp_path.iterdir()) == []


GOOD = b'{"kind": "run", "title": "t", "verdict": "v"}'
DAMAGED = {
    "cut": GOOD[:-4],
    "empty": b"",
    "not JSON": b"verdict: fine",
    "not an object": b"[1, 2]",
    "NaN": GOOD[:-1] + b', "cost": {"s": NaN}}',
    "text for a number": GOOD[:-1] + b', "seed": "3"}',
    "number for text": b'{"kind": 1, "title": "t", "verdict": "v"}',
    "missing verdict": b'{"kind": "run", "title": "t"}',
    "unknown entry": GOOD[:-1] + b', "verdikt": "x"}',
    "arms of text": GOOD[:-1] + b', "arms": "abc"}',
    "an arm of text": GOOD[:-1] + b', "arms": ["abc"]}',
    "a curve of text": GOOD[:-1] + b', "arms": [{"name": "a", "figures": [], "curve": [["x"]]}]}',
    "bad bytes": b'{"kind": "\xff", "title": "t", "verdict": "v"}',
    "too deep": b"[" * 100_000,
    "receipt without a rule": b'{"claim": "c", "method": "m"}',
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_in_one_line(name, tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(StropError) as caught:
        store.read(path)
    assert caught.value.code == "S302"
    assert str(caught.value).startswith(f"error[S302] {path}: damaged result: ")
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_real_file_is_refused(tmp_path):
    whole = store.write(examples.receipt(), tmp_path / "whole.json").read_bytes().rstrip()
    cut = tmp_path / "cut.json"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        with pytest.raises(StropError, match="S302"):
            store.read(cut)


def test_what_is_no_file_is_s201(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(StropError, match="S201"):
            store.read(path)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "S501"), (errno.EDQUOT, "S501"), (errno.EROFS, "S503")])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_failed_write_leaves_what_was_there(monkeypatch, tmp_path, number, code, call):
    """Each step of the write fails in turn: the old file stays as it was, and no temporary file stays."""
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(*_args, **_kw):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(
        *{"fsync": (os, "fsync"), "replace": (store.Path, "replace"), "open": (store.Path, "open")}[call], fail
    )
    with pytest.raises(StropError) as caught:
        store.write(examples.run(), path)
    monkeypatch.undo()
    assert caught.value.code == code
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"


def test_a_file_where_a_folder_should_be_is_s503(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StropError, match="S503"):
        store.write(examples.run(), tmp_path / "file" / "result.json")


def test_records_are_told_apart(tmp_path):
    assert isinstance(store.read(store.write(examples.receipt(), tmp_path / "a")), Receipt)
    odd = replace(examples.run(), advice=(Advice("claim"),), settings={"claim": 1})
    assert isinstance(store.read(store.write(odd, tmp_path / "b")), Result)
