"""Scores and lists of other tools fit the table of clicks, or are refused with the row that does not."""

import json

import numpy as np
import polars as pl
import pytest

from strop.errors import StropError
from strop.feedback import readers
from strop.records import Clicks

CLICKS = Clicks(
    np.array([0, 1, 2]), np.array([0, 1, 2]), np.array(["ann", "bo", "cy"]), np.array([5, 10, 20, 30]), None, "shop"
)
ROWS = [("bo", 10, 0.5), ("ann", 30, 0.1), ("ann", 5, 0.9), ("bo", 5, 0.5), ("ann", 20, 0.4)]
WANTED = [[0, 2, 3], [1, 0, -1], [-1, -1, -1]]  # ann: 5, 20, 30; bo: a tie, in the order of the file; cy: none


def refused(path, clicks=CLICKS):
    with pytest.raises(StropError) as caught:
        readers.read_scores(path, clicks)
    assert caught.value.file == str(path)
    return caught.value


@pytest.mark.parametrize("kind", ["score", "rank"])
@pytest.mark.parametrize("file", ["a.csv", "a.tsv", "a.parquet", "a.jsonl"])
def test_long_tables(kind, file, tmp_path):
    rows = (
        ROWS
        if kind == "score"
        else [(u, i, {5: 1, 20: 2, 30: 3, 10: 1}[i] + (u == "bo" and i == 5)) for u, i, _ in ROWS]
    )
    frame = pl.DataFrame(rows, schema=["user", "item", kind], orient="row")
    path = tmp_path / file
    {
        "a.csv": frame.write_csv,
        "a.tsv": lambda p: frame.write_csv(p, separator="\t"),
        "a.parquet": frame.write_parquet,
        "a.jsonl": frame.write_ndjson,
    }[file](path)
    tops = readers.read_scores(path, CLICKS)
    assert isinstance(tops, readers.Tops) and tops.items.dtype == np.int32
    assert tops.items.tolist() == WANTED


def test_lists(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"user": "bo", "items": [10, 5]}\n{"user": "ann", "items": ["5", 20, 30]}\n')
    assert readers.read_scores(path, CLICKS).items.tolist() == WANTED
    bad = {
        '{"user": "bo", "items": [11]}': ("S216", 1, "items"),
        '{"user": "di", "items": [5]}': ("S216", 1, "user"),
        '{"user": "bo", "items": [5, 10, 5]}': ("S212", 1, "item"),
        '{"user": "bo", "items": [5]}\n{"user": "bo", "items": [10]}': ("S212", 2, "user"),
        '{"user": "bo", "items": [5]}\n{"user": "ann", "items": [[10]]}': ("S205", 2, ""),
        '{"user": "bo", "items": [5]}\n{"user": "ann"}': ("S205", 2, ""),
    }
    for text, answer in bad.items():
        path.write_text(text + "\n")
        error = refused(path)
        assert (error.code, error.row, error.column) == answer


def test_a_dense_matrix(tmp_path):
    path = tmp_path / "a.npy"
    scores = np.arange(12.0).reshape(3, 4)
    scores[0, 0] = -np.inf
    np.save(path, scores)
    dense = readers.read_scores(path, CLICKS)
    assert isinstance(dense, readers.Dense) and dense.scores.dtype == np.float32 and (dense.scores == scores).all()
    for wrong, code in (
        (scores.T, "S214"),
        (scores[0], "S214"),
        (scores.astype(str), "S214"),
        (scores * np.nan, "S203"),
    ):
        np.save(path, wrong)
        assert refused(path).code == code
    np.save(path, np.array([[{}] * 4] * 3), allow_pickle=True)
    assert refused(path).code == "S207"
    path.write_bytes(b"no numbers")
    assert refused(path).code == "S207"


def test_bad_rows_are_named(tmp_path):
    path = tmp_path / "a.csv"
    for row, answer in {
        "ann,11,0.5": ("S216", 4, "item"),
        "di,5,0.5": ("S216", 4, "user"),
        "ann,5,0.2": ("S212", 4, "item"),
        "ann,10,nan": ("S203", 4, "score"),
        "ann,10": ("S205", 4, ""),
    }.items():
        path.write_text("user,item,score\nann,5,0.1\nbo,5,0.1\n" + row + "\n")
        error = refused(path)
        assert (error.code, error.row, error.column) == answer, row
    path.write_text("user,item\nann,5\n")
    assert refused(path).code == "S204"
    path.write_text("user,item,score\n")
    assert refused(path).code == "S202"


def test_memory_is_asked_for_first(tmp_path, monkeypatch):
    monkeypatch.setattr("strop.feedback.scores.available_memory", lambda: 40.0)
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    assert refused(tmp_path / "a.npy").code == "S502"


def test_titles(tmp_path):
    """RecBole's .item, MovieLens' u.item and movies.dat (latin-1), csv and tsv with a header."""
    files = {
        "x.item": "item_id:token\tmovie_title:token_seq\n1\tToy Story\n2\tAmélie \"x\n".encode(),
        "u.item": "1|Toy Story|01-Jan-1995||u|0\n2|Amélie \"x|01-Jan-2001||u|1\n".encode("latin-1"),
        "movies.dat": "1::Toy Story::Comedy\n2::Amélie \"x::Drama\n".encode("latin-1"),
        "movies.csv": 'movieId,title,genres\n1,Toy Story,Comedy\n2,"Amélie ""x",Drama\n'.encode(),
        "p.tsv": 'sku\tproduct_name\n1\tToy Story\n2\t"Amélie ""x"\n'.encode(),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert readers.read_titles(tmp_path / name) == {"1": "Toy Story", "2": 'Amélie "x'}, name
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StropError) as caught:
        readers.read_titles(tmp_path / "bad.csv")
    assert caught.value.code == "S204"
    with pytest.raises(StropError) as caught:
        readers.read_titles(tmp_path / "none.csv")
    assert caught.value.code == "S201"


def test_a_list_written_as_json_is_read_as_it_was(tmp_path):
    """By another road: random lists through jsonl are the lists."""
    rng = np.random.default_rng(0)
    clicks = Clicks(np.arange(50), np.arange(50), np.arange(50), np.arange(80) * 3)
    wanted = np.array([rng.permutation(80)[:10] for _ in range(50)])
    path = tmp_path / "a.jsonl"
    order = rng.permutation(50)
    path.write_text("".join(json.dumps({"user": int(u), "items": (wanted[u] * 3).tolist()}) + "\n" for u in order))
    assert (readers.read_scores(path, clicks).items == wanted).all()
