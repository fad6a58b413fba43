"""Are the proofs of forgetting what they say: by hand, at their extremes, and on planted traces?"""

import numpy as np
import pytest

from strop.audits import membership
from strop.errors import StropError
from strop.models.recommend.matrix_factorisation import MatrixFactorisation
from strop.records import Clicks


class Table:
    """Scores from a table."""

    def __init__(self, scores):
        import torch

        self.scores = torch.tensor(np.asarray(scores, np.float32))
        self.n_users, self.n_items = self.scores.shape

    def score(self, users):
        return self.scores[users]


def clicks(pairs, shape):
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    return Clicks(users, items, np.arange(shape[0]), np.arange(shape[1]))


def test_shares_by_hand():
    """User 0 forgets item 0 (score 3); item 1 is seen; of 2, 3, 4 (scores 1, 3, 5) one is below and one ties: 1.5 / 3.
    User 1 forgets item 4 (score 9) above items 0 to 3: 1."""
    scorer = Table([[3, 9, 1, 3, 5], [1, 2, 3, 4, 9]])
    forgotten, seen = clicks([(0, 0), (1, 4)], (2, 5)), clicks([(0, 1)], (2, 5))
    assert membership.pair_shares(scorer, forgotten, [seen]).tolist() == [0.5, 1.0]
    assert membership.pair_auc(scorer, forgotten, [seen]).value == 0.75


def test_forgotten_clicks_are_no_rivals_of_each_other():
    scorer = Table([[3, 2, 1]])
    assert membership.pair_shares(scorer, clicks([(0, 0), (0, 1)], (1, 3)), []).tolist() == [1.0, 1.0]
    everything = clicks([(0, 0), (0, 1), (0, 2)], (1, 3))
    assert np.isnan(membership.pair_shares(scorer, everything, [])).all()
    assert membership.pair_auc(scorer, everything, []).value is None


def test_gaps_by_hand():
    """Shares 1 and 0.5 of the forgotten, 0.5 of the held-out: 0.75 - 0.5. Another model gives 0.5 and 0.5: 0.25 too."""
    shape = (2, 4)
    forgotten, held_out = clicks([(0, 0), (1, 0)], shape), clicks([(1, 1)], shape)
    scorer = Table([[4, 3, 2, 1], [2, 2, 1, 3]])
    gap = membership.gap_to_held_out(scorer, forgotten, held_out, [])
    assert gap.value == pytest.approx(0.25) and gap.n == 2
    other = Table([[2, 3, 2, 1], [2, 2, 1, 3]])
    assert membership.pair_shares(other, forgotten, []).tolist() == [0.5, 0.5]
    assert membership.pair_shares(scorer, forgotten, []).tolist() == [1.0, 0.5]
    assert membership.gap_to_retrained(scorer, other, forgotten, []).value == pytest.approx(0.25)
    assert membership.gap_to_retrained(scorer, scorer, forgotten, []).value == 0
    nobody = clicks([], shape)
    assert membership.gap_to_held_out(scorer, forgotten, nobody, []).value is None


def test_recall_masks_what_stays_and_not_what_is_forgotten():
    """Best of user 0 without item 1: item 0, forgotten, is first. User 1's forgotten items are 2nd and 4th: one of two."""
    scorer = Table([[5, 9, 1, 0], [1, 4, 9, 0]])
    forgotten, stays = clicks([(0, 0), (1, 1), (1, 3)], (2, 4)), clicks([(0, 1)], (2, 4))
    assert membership.forgotten_recall(scorer, forgotten, [stays], k=2).value == pytest.approx((1 + 0.5) / 2)
    assert membership.forgotten_recall(scorer, clicks([], (2, 4)), [stays]).value is None


def test_overlap_by_hand():
    """{1, 2, 3} and {3, 2, 5}: 2 of 4; {1, none, none} and {1, 2, none}: 1 of 2; two empty lists are left out."""
    ours = np.array([[1, 2, 3], [1, -1, -1], [-1, -1, -1]])
    theirs = np.array([[3, 2, 5], [1, 2, -1], [-1, -1, -1]])
    found = membership.list_overlap(ours, theirs)
    assert (found.value, found.n) == (0.5, 2)
    assert membership.list_overlap(ours, ours).value == 1
    with pytest.raises(StropError, match="S214"):
        membership.list_overlap(ours, theirs[:, :2])


def planted(trace, *, users=150, items=60, seed=0):
    """A world of random scores with `trace` added to 4 clicks of each user that were forgotten; 4 others were held out."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(users, items)) + random.normal(size=items)
    chosen = np.argsort(random.random((users, items)), axis=1)[:, :8]
    forgotten, held_out = (
        clicks([(u, i) for u in range(users) for i in chosen[u, part]], scores.shape)
        for part in (slice(4), slice(4, 8))
    )
    scores[forgotten.users, forgotten.items] += trace
    return Table(scores), forgotten, held_out


@pytest.mark.parametrize("trace", [-0.5, 0.5])
def test_a_planted_trace_is_found(trace):
    scorer, forgotten, held_out = planted(trace)
    gap = membership.gap_to_held_out(scorer, forgotten, held_out, [])
    assert gap.low < gap.value < gap.high
    assert (gap.low > 0) if trace > 0 else (gap.high < 0)


def test_without_a_trace_nothing_is_found_most_of_the_time():
    """Of 40 worlds without a trace 95 % should hold 0 in their interval: 34 or more in 99.9 % of such draws."""
    held = 0
    for seed in range(40):
        scorer, forgotten, held_out = planted(0.0, users=60, items=30, seed=seed)
        gap = membership.gap_to_held_out(scorer, forgotten, held_out, [], draws=300)
        held += gap.low <= 0 <= gap.high
    assert held >= 33


def test_another_table_is_refused():
    scorer = MatrixFactorisation(np.ones((2, 2)), np.ones((3, 2)), np.zeros(3))
    with pytest.raises(StropError, match="S214"):
        membership.pair_auc(scorer, clicks([(0, 0)], (2, 4)), [])
