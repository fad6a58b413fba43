"""Named data sets are what was published, from whichever source, and say where they come from."""

import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from strop.errors import StropError
from strop.feedback import datasets
from strop.records import table_checksum

ROWS = [(user, item, 1 + (user + item) % 5, 880_000_000 + user * item) for user in range(1, 8) for item in range(1, 5)]
DATA = "".join("\t".join(map(str, row)) + "\n" for row in ROWS)
INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + DATA
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tÀ bout (1960)\t1960\tCrime Drama\n"
)
USER = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n1\t24\tM\ttechnician\t85711\n"


def archive(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in members.items():
            made.writestr(name, text)
    return content.getvalue()


WHEEL = archive(dict(zip(datasets.MEMBERS.values(), (INTER, ITEM, USER), strict=True)))
FLAGS = "|".join("1" if genre in ("Crime", "Drama") else "0" for genre in datasets.GENRES.split())
OTHER = archive(dict(zip([*datasets.MEMBERS.values(), "setup.py"], (INTER, ITEM, USER, ""), strict=True)))
HOME = archive(
    {
        "ml-100k/u.data": DATA,
        "ml-100k/u.item": f"1|À bout (1960)|01-Jan-1960||url|{FLAGS}\n".encode("latin-1"),
        "ml-100k/u.user": "1|24|M|technician|85711\n",
    }
)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A small data set in the place of the real one; `wheel` and `home` are what the two sources give."""
    answer = {"wheel": WHEEL, "home": HOME, "asked": []}

    def pip(command, **settings):
        answer["asked"].append("wheel")
        assert "--no-deps" in command and isinstance(command, list) and "shell" not in settings
        if answer["wheel"]:
            (Path(command[command.index("-d") + 1]) / "recbole-1.2.1-py3-none-any.whl").write_bytes(answer["wheel"])
        return datasets.subprocess.CompletedProcess(command, int(not answer["wheel"]), "", "ERROR: no registry\n")

    def url(address, timeout):
        answer["asked"].append("home")
        if answer["home"] is None:
            raise OSError("no network")
        return io.BytesIO(answer["home"])

    names = [[str(row[0]) for row in ROWS], [str(row[1]) for row in ROWS]]
    monkeypatch.setattr(datasets.subprocess, "run", pip)
    monkeypatch.setattr(datasets.urllib.request, "urlopen", url)
    monkeypatch.setattr(datasets, "WHEEL_SHA256", hashlib.sha256(WHEEL).hexdigest())
    monkeypatch.setattr(datasets, "TIMES_SHA256", table_checksum(*names, [row[3] for row in ROWS]))
    monkeypatch.setattr(datasets, "VALUES_SHA256", table_checksum(*names, [row[2] for row in ROWS]))
    monkeypatch.setenv("STROP_CACHE", str(tmp_path / "cache"))
    return answer


def test_fetched_once_and_kept(sources, tmp_path):
    first, second = datasets.ml_100k(), datasets.load("ml-100k")
    assert sources["asked"] == ["wheel"] and first.clicks.checksum == second.clicks.checksum
    assert (len(first.clicks), first.clicks.name, first.format) == (len(ROWS), "ml-100k", "recbole")
    assert "research use" in first.notes[0] and "grouplens.org" in first.notes[0]
    assert sorted(p.name for p in (tmp_path / "cache" / "ml-100k").iterdir()) == sorted(datasets.MEMBERS)
    assert datasets.titles("ml-100k") == {"1": "À bout (1960)"}
    assert datasets.ml_100k(cache=tmp_path / "other").clicks.checksum == first.clicks.checksum
    assert sources["asked"] == ["wheel", "wheel"]
    few = datasets.load("ml-100k", threshold=5, k_core=1)
    assert len(few.clicks) == sum(row[2] == 5 for row in ROWS)


@pytest.mark.parametrize("wheel", [None, WHEEL[:-40], OTHER])
def test_the_other_source_gives_the_same_files(wheel, sources, tmp_path):
    sources["wheel"] = wheel
    datasets.ml_100k()
    assert sources["asked"] == ["wheel", "home"]
    for name, text in zip(datasets.MEMBERS, (INTER, ITEM, USER), strict=True):
        assert (tmp_path / "cache" / "ml-100k" / name).read_text() == text


@pytest.mark.parametrize("home", [None, b"not a zip", archive({"ml-100k/u.data": DATA}), HOME[:-30]])
def test_where_both_fail_one_line_says_so(home, sources, tmp_path):
    sources.update(wheel=None, home=home)
    with pytest.raises(StropError) as caught:
        datasets.ml_100k()
    error = caught.value
    assert error.code == "S402" and error.exit_status == 5 and "\n" not in str(error)
    assert "no registry" in error.message and datasets.HOME in error.message
    assert not (tmp_path / "cache").exists()


def test_another_table_is_never_taken(sources, monkeypatch, tmp_path):
    """One rating or one time changed: refused from both sources, and in the cache."""
    datasets.ml_100k()
    path = tmp_path / "cache" / "ml-100k" / "ml-100k.inter"
    for old, new in ((INTER, INTER.replace("\t3\t", "\t4\t", 1)), (INTER, INTER.replace("880000001", "880000009", 1))):
        assert old != new
        path.write_text(new)
        with pytest.raises(StropError) as caught:
            datasets.ml_100k()
        assert caught.value.code == "S217"
    members = dict(zip(datasets.MEMBERS.values(), (INTER.replace("\t3\t", "\t4\t", 1), ITEM, USER), strict=True))
    sources.update(wheel=archive(members), home=None)
    monkeypatch.setattr(datasets, "WHEEL_SHA256", hashlib.sha256(sources["wheel"]).hexdigest())
    with pytest.raises(StropError, match="not the published table"):
        datasets.ml_100k(cache=tmp_path / "other")


def test_a_member_of_any_size_is_not_read(sources, monkeypatch):
    monkeypatch.setattr(datasets, "LARGEST", 100)
    sources["home"] = None
    with pytest.raises(StropError, match="larger than"):
        datasets.ml_100k()


def test_names(monkeypatch):
    with pytest.raises(StropError, match='did you mean "ml-100k"'):
        datasets.load("ml100k")
    monkeypatch.delenv("STROP_DATA", raising=False)
    with pytest.raises(StropError) as caught:
        datasets.load("coat")
    assert caught.value.code == "S402" and "STROP_DATA" in caught.value.help
    assert datasets.titles("coat") == {}
    with pytest.raises(StropError):
        datasets.titles("nope")


DATA_FOLDER = pytest.mark.skipif("STROP_DATA" not in os.environ, reason="STROP_DATA names no folder of data sets")


@DATA_FOLDER
def test_coat():
    """290 users x 300 coats: 24 self-selected and 16 uniform ratings each."""
    reading, test = datasets.load("coat", threshold=4), datasets.coat_test()
    clicks, ratings = reading.clicks, reading.ratings
    assert (clicks.n_users, clicks.n_items) == (len(test.user_ids), len(test.item_ids)) == (290, 300)
    assert set(np.bincount(ratings.users)) == {24} and set(np.bincount(test.users)) == {16}
    assert len(clicks) == (ratings.values >= 4).sum() and set(test.values.tolist()) == {1, 2, 3, 4, 5}


@DATA_FOLDER
def test_lastfm():
    reading = datasets.load("lastfm")
    assert len(reading.clicks) == 42_135 and reading.columns == {"user": "1", "item": "2", "rating": "3"}


@pytest.mark.slow
def test_the_real_ml_100k(tmp_path, monkeypatch):
    """Fetched with pip into a cache of its own: counts as published (943 users, 1,682 films, 100,000 ratings)."""
    monkeypatch.setenv("STROP_CACHE", str(tmp_path))
    try:
        reading = datasets.ml_100k()
    except StropError as error:
        assert error.code == "S402"
        pytest.skip(f"no source in reach: {error.message}")
    clicks = reading.clicks
    assert (clicks.n_users, clicks.n_items, len(clicks)) == (943, 1682, 100_000)
    assert datasets.titles("ml-100k")["242"] == "Kolya"
    core = datasets.load("ml-100k", k_core=10).clicks
    assert (core.n_users, core.n_items, len(core)) == (943, 1152, 97_953)
