"""What is written is read again as the same, by us and by other tools, and nothing is left half-written."""

import errno

import numpy as np
import pandas as pd
import polars as pl
import pytest

from strop.errors import StropError
from strop.feedback import readers, splits, writers
from strop.records import Clicks

NAMES = {
    "integers": (np.array([3, 10, 25, 40]), np.array([7, 8, 100])),
    "text": (np.array(["Zoë", 'say "x"', "a,b", "a b"]), np.array(["007", "8", "ü"])),
    "text of digits": (np.array(["1", "10", "2", "30"]), np.array([7, 8, 100])),
}


def clicks_of(names="integers", times=True):
    """4 users and 3 items; the last user has no click."""
    user_ids, item_ids = NAMES[names]
    users, items = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
    seconds = np.arange(9) * 1000 + 880_000_000 if times else None
    return Clicks(users, items, user_ids, item_ids, seconds, "x")


def same(one, two):
    assert one.checksum == two.checksum and one.name == two.name
    assert one.user_ids.tolist() == two.user_ids.tolist() and one.item_ids.tolist() == two.item_ids.tolist()
    assert (one.users == two.users).all() and (one.items == two.items).all()
    assert (one.times is None) == (two.times is None)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_clicks_come_back(names, times, suffix, tmp_path):
    clicks = clicks_of(names, times)
    writers.write_clicks(clicks, tmp_path / f"x{suffix}")
    again = readers.read(tmp_path / f"x{suffix}")
    assert again.checksum == clicks.checksum
    assert [p.name for p in tmp_path.iterdir()] == [f"x{suffix}"]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("format", ["tsv", "recbole", "lightgcn"])
def test_a_split_comes_back_equal(names, times, format, tmp_path):
    split = splits.split(clicks_of(names, times), seed=3)
    if names == "text" and format == "recbole":
        with pytest.raises(StropError) as caught:  # a quote
            writers.write_split(split, tmp_path / "s", format=format)
        assert caught.value.code == "S211" and not list(tmp_path.iterdir())
        return
    writers.write_split(split, tmp_path / "s", format=format)
    again = writers.read_split(tmp_path / "s")
    assert (again.kind, again.seed, again.notes) == (split.kind, split.seed, split.notes)
    for part in ("train", "validation", "test"):
        written = getattr(split, part)
        if format == "lightgcn":  # keeps no times
            written = Clicks(written.users, written.items, written.user_ids, written.item_ids, None, written.name)
        same(getattr(again, part), written)


def test_a_split_without_test_comes_back(tmp_path):
    split = splits.split(clicks_of()).without_test()
    writers.write_split(split, tmp_path / "s")
    assert writers.read_split(tmp_path / "s").test is None


def test_other_tools_read_the_split(tmp_path):
    """pandas reads the tsv; RecBole's names and typed header; LightGCN's lists by their positions."""
    split = splits.split(clicks_of(), seed=1)
    writers.write_split(split, tmp_path / "a")
    train = pd.read_csv(tmp_path / "a" / "train.tsv", sep="\t")
    assert list(train.columns) == ["user", "item", "time"] and len(train) == len(split.train)
    writers.write_split(split, tmp_path / "b", format="recbole")
    assert {p.name for p in (tmp_path / "b").glob("*.inter")} == {"x.train.inter", "x.valid.inter", "x.test.inter"}
    reading = readers.open_table(tmp_path / "b" / "x.train.inter")
    assert reading.format == "recbole" and reading.clicks.checksum == split.train.checksum
    writers.write_split(split, tmp_path / "c", format="lightgcn")
    lines = (tmp_path / "c" / "test.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"] and lines[3] == "3"
    assert (tmp_path / "c" / "user_list.txt").read_text().splitlines()[:2] == ["org_id remap_id", "3 0"]


def test_a_changed_split_is_refused(tmp_path):
    writers.write_split(splits.split(clicks_of()), tmp_path / "s")
    path = tmp_path / "s" / "train.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(StropError) as caught:
        writers.read_split(tmp_path / "s")
    assert caught.value.code == "S217"
    path.unlink()
    with pytest.raises(StropError, match=r"train\.tsv") as caught:
        writers.read_split(tmp_path / "s")
    assert caught.value.code == "S201"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"kind": 1}', "null"])
@pytest.mark.parametrize("file", ["split.json", "names.json"])
def test_a_damaged_manifest_is_refused(file, damage, tmp_path):
    writers.write_split(splits.split(clicks_of()), tmp_path / "s")
    (tmp_path / "s" / file).write_text(damage)
    with pytest.raises(StropError) as caught:
        writers.read_split(tmp_path / "s")
    assert caught.value.code == "S207"


def test_a_split_never_overwrites(tmp_path):
    split = splits.split(clicks_of())
    (tmp_path / "s").mkdir()
    writers.write_split(split, tmp_path / "s")  # an empty folder is taken
    for path in (tmp_path / "s", tmp_path / "s" / "split.json"):
        with pytest.raises(StropError) as caught:
            writers.write_split(split, path)
        assert caught.value.code == "S702"
    with pytest.raises(StropError) as caught:
        writers.write_split(split, tmp_path / "t", format="recbol")
    assert caught.value.code == "S102"


def test_weights(tmp_path):
    clicks = clicks_of()
    weights = np.linspace(0, 2, len(clicks))
    writers.write_weights(clicks, weights, tmp_path / "w.csv")
    table = pl.read_csv(tmp_path / "w.csv")
    assert table.columns == ["user", "item", "weight"] and (table["weight"].to_numpy() == weights).all()
    for wrong, code in ((weights[1:], "S214"), (-weights, "S211"), (weights * np.nan, "S211")):
        with pytest.raises(StropError) as caught:
            writers.write_weights(clicks, wrong, tmp_path / "v.csv")
        assert caught.value.code == code
    with pytest.raises(StropError) as caught:
        writers.write_clicks(clicks, tmp_path / "v.xlsx")
    assert caught.value.code == "S208" and not (tmp_path / "v.xlsx").exists()


@pytest.mark.parametrize("write", ["clicks", "split"])
def test_a_full_disk_leaves_what_was_there(write, tmp_path, monkeypatch):
    """The disk is full at the third write: exit 6, the old file as it was, no temporary left."""
    path = tmp_path / "x.csv"
    path.write_text("old")
    calls = []

    def full(self, *args, **settings):
        calls.append(self)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    with pytest.raises(StropError) as caught:
        if write == "clicks":
            writers.write_clicks(clicks_of(), path)
        else:
            writers.write_split(splits.split(clicks_of()), tmp_path / "s")
    assert caught.value.code == "S501" and caught.value.exit_status == 6 and calls
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"] and path.read_text() == "old"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StropError) as caught:
        writers.write_clicks(clicks_of(), tmp_path / "file" / "x.csv")
    assert caught.value.code == "S503"
