"""Figures of judged ratings: by hand, pooled AUC against scikit-learn and by brute force in every resample, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.audits.intervals import resampled_counts
from strop.audits.rated import pair_scores, pooled_auc, rated, take, without
from strop.errors import StropError
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Ratings


def model(scores) -> MatrixFactorisation:
    """A model with exactly these scores, (users, items)."""
    scores = np.asarray(scores, float)
    return MatrixFactorisation(scores, np.eye(scores.shape[1]), np.zeros(scores.shape[1]))


def judged(table) -> Ratings:
    """Ratings from a table with 0 for what was not judged."""
    table = np.asarray(table, float)
    users, items = np.nonzero(table)
    return Ratings(users, items, table[users, items], np.arange(len(table)), np.arange(len(table[0])))


SCORES = [[9, 8, 7, 6], [5, 4, 3, 2], [1, 1, 1, 1], [0, 3.5, 0, 0]]
TABLE = [[5, 1, 5, 0], [1, 5, 0, 0], [0, 0, 1, 1], [0, 5, 0, 0]]
"""User 0: like 9, dislike 8, like 7. User 1: dislike 5, like 4. User 2: two dislikes at 1. User 3: one like at 3.5."""


def brute(scores, liked) -> float:
    """The share of pairs in order, one pair at a time."""
    wins = [(a > b) + (a == b) / 2 for a in scores[liked] for b in scores[~liked]]
    return float(np.mean(wins)) if wins else float("nan")


def test_by_hand():
    """Pooled: likes 9, 7, 4, 3.5 over dislikes 8, 5, 1, 1: 4 + 3 + 2 + 2 of 16 pairs are in order.

    Within users: 1/2 for user 0, 0 for user 1, no AUC for the others. NDCG@2: user 0 has 1 of 1 + 1/log2(3), user 1
    1/log2(3), user 3 has 1; recall@2: 1/2, 1, 1; user 2 likes nothing. NDCG@1: 1, 0, 1.
    """
    found = rated(model(SCORES), judged(TABLE), liked=3, ks=(1, 2))
    assert found.value("auc") == pytest.approx(11 / 16)
    second = 1 / np.log2(3)
    wanted = {
        "user auc": [0.5, 0, np.nan, np.nan],
        "ndcg@1": [1, 0, np.nan, 1],
        "ndcg@2": [1 / (1 + second), second, np.nan, 1],
        "recall@1": [0.5, 0, np.nan, 1],
        "recall@2": [0.5, 1, np.nan, 1],
    }
    assert set(found.names()) == {"auc", *wanted}
    for name, values in wanted.items():
        np.testing.assert_allclose(found.per_user[name], values, err_msg=name)
        assert found.value(name) == pytest.approx(np.nanmean(values))
    sizes = {figure.name: figure.n for figure in found.figures(draws=200)}
    assert (sizes["auc"], sizes["user auc"], sizes["ndcg@1"]) == (8, 2, 3)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
def test_pooled_auc_is_that_of_scikit_learn_with_ties(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, liked = (np.array(column) for column in zip(*rows, strict=True))
    if liked.all() or not liked.any():
        assert pooled_auc(scores, liked) is None
    else:
        found = pooled_auc(scores, liked)
        assert found == pytest.approx(metrics.roc_auc_score(liked, scores))
        assert pooled_auc(-scores, liked) == pytest.approx(1 - found)


def random_world(seed=0, users=9, items=12):
    """Scores of a few levels, so that there are ties; ratings of a part of the table, one user without any."""
    generator = np.random.default_rng(seed)
    table = np.where(generator.random((users, items)) < 0.6, generator.integers(1, 6, (users, items)), 0)
    table[4] = 0
    return model(generator.integers(0, 4, (users, items))), judged(table)


def test_every_resample_is_the_figure_of_its_users_taken_that_often():
    """Each judged user's rows repeated as often as the resample holds them; figures of users as weighted means."""
    scorer, ratings = random_world()
    found = rated(scorer, ratings, liked=4, ks=(2,))
    drawn = found.resampled(draws=30, seed=5)
    who = np.unique(ratings.users)
    assert len(who) == 8
    counts = np.concatenate(list(resampled_counts(len(who), draws=30, seed=5)), axis=1)
    for draw in range(30):
        often = np.zeros(9, int)
        often[who] = counts[:, draw]
        rows = np.repeat(np.arange(len(ratings)), often[ratings.users])
        assert drawn["auc"][draw] == pytest.approx(brute(found.scores[rows], found.liked[rows]))
        for name, values in found.per_user.items():
            assert drawn[name][draw] == pytest.approx(np.nanmean(np.repeat(values, often))), name
    (auc,) = [figure for figure in found.figures(draws=30, seed=5) if figure.name == "auc"]
    assert (auc.low, auc.high) == pytest.approx(tuple(np.quantile(drawn["auc"], [0.025, 0.975])))


def test_differences_are_paired():
    """A model against itself is 0 in every resample; against another, the difference of the draws."""
    scorer, ratings = random_world()
    ours = rated(scorer, ratings, liked=4, ks=(2,))
    theirs = rated(random_world(seed=1)[0], ratings, liked=4, ks=(2,))
    for figure in ours.minus(ours, names=ours.names(), draws=100):
        assert (figure.value, figure.low, figure.high) == (0, 0, 0)
    (gap,) = ours.minus(theirs, names=["auc"], draws=100, seed=2)
    steps = ours.resampled(draws=100, seed=2)["auc"] - theirs.resampled(draws=100, seed=2)["auc"]
    assert gap.value == pytest.approx(ours.value("auc") - theirs.value("auc"))
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(steps, [0.025, 0.975])))


def test_figures_that_are_not_defined():
    """All judged are liked: no AUC, and no interval for it; the others stand."""
    found = rated(model(SCORES), judged(np.full((4, 4), 5)), liked=3, ks=(2,))
    assert found.value("auc") is None and found.value("user auc") is None and found.value("recall@2") == 0.5
    by_name = {figure.name: figure for figure in found.figures(draws=100)}
    assert (by_name["auc"].value, by_name["auc"].low) == (None, None)
    (gap,) = found.minus(found, names=["auc"], draws=100)
    assert (gap.value, gap.low, gap.high) == (None, None, None)


def test_pairs_that_were_learned_from_do_not_count():
    """Without user 0's first like: likes 7, 4, 3.5 over dislikes 8, 5, 1, 1: 7 of 12 pairs."""
    seen = judged([[4, 0, 0, 3], [0] * 4, [0] * 4, [0] * 4])
    found = rated(model(SCORES), without(judged(TABLE), seen), liked=3, ks=(1,))
    assert found.value("auc") == pytest.approx(7 / 12) and len(found.users) == 7
    left = without(judged(TABLE), seen.clicks())
    assert len(left) == 7 and not ((left.users == 0) & (left.items == 0)).any()
    assert take(judged(TABLE), np.array([1, 3])).values.tolist() == [1, 1]


def test_pair_scores_in_blocks(monkeypatch):
    """Users in any order, two rows of the table at a time."""
    from strop.audits import ranking

    scores = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    users, items = (np.random.default_rng(1).integers(n, size=50) for n in (9, 7))
    monkeypatch.setattr(ranking, "CELLS", 14)
    np.testing.assert_allclose(pair_scores(model(scores), users, items), scores[users, items], rtol=1e-6)


def test_what_is_refused():
    table = judged(TABLE)
    found = rated(model(SCORES), table, liked=3)
    cases = [
        ("S601", lambda: rated(model(np.where(np.eye(4) > 0, np.nan, SCORES)), table, liked=3)),
        ("S209", lambda: rated(model(SCORES), table, liked=6)),
        ("S214", lambda: rated(model(np.zeros((5, 4))), table, liked=3)),
        ("S301", lambda: rated(model(SCORES), table, liked=3, ks=(0,))),
        ("S102", lambda: found.value("aucc")),
        ("S102", lambda: found.minus(found, names=["recall@7"], draws=100)),
        ("S214", lambda: found.minus(rated(model(SCORES), judged(SCORES), liked=3), names=["auc"])),
        ("S214", lambda: found.minus(rated(model(SCORES), table, liked=1), names=["auc"])),
        ("S214", lambda: without(table, judged(np.ones((5, 4))))),
        ("S203", lambda: pooled_auc(np.array([0.0, np.nan]), np.array([True, False]))),
        ("S214", lambda: pooled_auc(np.zeros(3), np.array([True, False]))),
    ]
    for number, (code, call) in enumerate(cases):
        with pytest.raises(StropError) as caught:
            call()
        assert caught.value.code == code, number
