"""Does the page of a log say what is there: trouble where we planted it, none where there is none, and no more than can be told?"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from strop.errors import StropError
from strop.experiments.audit_clicks import audit_clicks, audit_lists, share_false, whole
from strop.experiments.found_again import plant, pushed
from strop.experiments.noise_curve import DOSES, PLAIN, _sampled, noise_curve
from strop.experiments.worlds import planted_likes
from strop.feedback.splits import split
from strop.records import Clicks, Ratings


@pytest.fixture(scope="module")
def data():
    """Three camps of 100 users and 40 items each; everybody clicked a third of the camp's items."""
    camps = np.kron(np.eye(3), np.ones((100, 40))) * np.random.default_rng(0).random((300, 120))
    users, items = np.nonzero(camps > 2 / 3)
    return split(Clicks(users, items, np.arange(300), np.arange(120)))


@pytest.fixture(scope="module")
def world():
    return planted_likes(seed=5).train


def test_a_log_of_noise_teaches_nothing_and_the_audit_says_so():
    generator = np.random.default_rng(0)
    table = generator.random((300, 80)) < 0.15
    users, items = np.nonzero(table)
    part = generator.integers(0, 10, len(users))
    whole = Clicks(users, items, np.arange(300), np.arange(80))
    world = planted_likes(seed=0, users=300, items=80)
    data = replace(world, train=whole.take(part < 7), validation=whole.take(part == 7), test=whole.take(part > 7))
    result = audit_clicks(data, draws=200)
    assert result.verdict.startswith("Nothing in this log is learned beyond chance")
    assert any("hardly be seen" in line.text for line in result.advice)


@pytest.mark.slow
def test_the_page_of_a_log_with_planted_trouble_and_of_a_clean_one(world, tmp_path):
    bad = plant(world, seed=1, false_share=0.2, bots=30)
    item = int(np.flatnonzero((world.popularity >= 25) & (world.popularity <= 45))[0])
    dirty = audit_clicks(split(pushed(bad.clicks, item, seed=1)), draws=200, files=tmp_path)
    assert "of its clicks look random" in dirty.verdict and "clicked by anybody" in dirty.verdict
    assert "accounts click no better than at random" in dirty.verdict
    accounts, items, *_ = dirty.tables
    assert str(item) in [row[0] for row in items.rows] and len(items.rows) <= 3
    assert sum(int(row[0]) < 0 for row in accounts.rows) >= 8  # of the 10 shown: planted accounts have names below 0
    cleaned = pl.read_csv(tmp_path / "cleaned.csv")
    assert item not in cleaned["item"]
    assert (cleaned["user"] >= 0).mean() > 0.999
    weights = pl.read_csv(tmp_path / "weights.csv")
    assert weights.filter(pl.col("item") == item)["weight"].max() == 0
    assert set(pl.read_csv(tmp_path / "check_random.csv").columns) == {"user", "item", "false"}
    clean = audit_clicks(split(world), draws=200)
    assert "No random clicks, bots or pushed items stand out" in clean.verdict
    assert {table.title for table in clean.tables} == {"Clicks to check first"}


@pytest.mark.slow
def test_what_clicks_are_worth_falls_with_noise_and_the_robust_method_keeps_more(world):
    found = noise_curve(split(world), seed=0, draws=200)
    worth = [found.worth(PLAIN, dose) for dose in DOSES]
    assert all(0 < f.value <= 1 and f.low <= f.value <= f.high for f in worth)
    assert worth[-1].high < 1
    assert found.worth_at(PLAIN, 0.0) == 1.0
    between = found.worth_at(PLAIN, (DOSES[0] + DOSES[1]) / 2)
    assert between == pytest.approx((worth[0].value + worth[1].value) / 2)
    assert found.worth_at(PLAIN, 0.9) is None
    assert {len(line) for line in found.curve().lines.values()} == {1 + len(DOSES)}
    gained = found.gained(DOSES[-1])
    values = [found.noisy[name][DOSES[-1]].values["recall@20"] for name in (found.robust, PLAIN)]
    assert gained.value == pytest.approx(values[0] - values[1]) and gained.low < gained.value < gained.high


def checked(clicks, rows, values):
    names = clicks.user_ids[clicks.users[rows]], clicks.item_ids[clicks.items[rows]]
    users, items = (np.unique(column, return_inverse=True) for column in names)
    return Ratings(users[1], items[1], np.asarray(values, float), users[0], items[0])


def test_the_share_of_false_clicks_from_those_that_were_checked(data):
    """3 of 30 checked were false: 0.1, Wilson's interval [0.035, 0.256]."""
    clicks = whole(data)
    figure = share_false(checked(clicks, np.arange(30), [1] * 3 + [0] * 27), clicks)
    assert (figure.value, figure.n) == (0.1, 30)
    assert (figure.low, figure.high) == pytest.approx((0.0346, 0.2562), abs=1e-3)
    with pytest.raises(StropError, match="neither 0 nor 1"):
        share_false(checked(clicks, np.arange(2), [0.5, 1]), clicks)
    stranger = Ratings(np.array([0]), np.array([0]), np.array([1.0]), np.array(["nobody"]), clicks.item_ids)
    with pytest.raises(StropError, match="user nobody"):
        share_false(stranger, clicks)


def test_the_whole_log_is_all_parts_of_a_split(data):
    clicks = whole(data)
    assert len(clicks) == sum(len(part) for part in (data.train, data.validation, data.test))
    assert (clicks.popularity == data.train.popularity + data.validation.popularity + data.test.popularity).all()


def test_an_audit_names_its_best_model_and_lists_of_other_tools_stand_beside_the_same_anchors(data):
    result = audit_clicks(data, draws=200)
    best = max(
        (a for a in result.arms if a.name not in ("chance", "popular")), key=lambda a: a.figure("recall@20").value
    )
    assert best.name in result.verdict
    perfect = np.full((data.train.n_users, 20), -1, np.int32)
    for user in range(data.train.n_users):
        own = data.test.items_of(user)[:20]
        perfect[user, : len(own)] = own
    lists = audit_lists({"oracle": perfect}, data, draws=200)
    assert [a.name for a in lists.arms] == ["oracle", "popular", "ease"]
    assert lists.arms[0].figure("hit_rate@20").value == 1.0
    assert "oracle finds" in lists.verdict


def test_the_curve_of_a_large_log_is_drawn_from_whole_users(world, monkeypatch):
    """Of 29,108 clicks some 5,000 are allowed: users are in with all their clicks or with none, in every part."""
    data = split(world)
    monkeypatch.setattr("strop.experiments.noise_curve.MOST", 5_000)
    few = _sampled(data, seed=0)
    assert 4_800 < len(few.train) <= 5_000
    for part, whole_part in ((few.train, data.train), (few.validation, data.validation), (few.test, data.test)):
        counts, before = np.diff(part.indptr), np.diff(whole_part.indptr)
        inside = np.diff(few.train.indptr) > 0
        assert (counts[inside] == before[inside]).all() and (counts[~inside] == 0).all()
