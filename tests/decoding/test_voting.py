"""The result that most answers agree on, by hand and by another road."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from strop.decoding.voting import agreement_of_others, majority
from strop.errors import StropError


def test_by_hand():
    """Question 3: 7, 8, 7 and none: 7 with two votes of four. Question 5: 1 and 2, a tie: the first. Question 9: no result."""
    found = majority(["7", "8", "1", "7", None, "2", None], np.array([3, 3, 5, 3, 3, 5, 9]))
    assert found.questions.tolist() == [3, 5, 9]
    assert (found.chosen, found.first.tolist()) == (["7", "1", None], [0, 2, -1])
    assert found.share.tolist() == [0.5, 0.5, 0.0]


def test_weights_by_hand():
    """8 has 3 of 3 + 1 + 1 + 1: half; with no weight at all the agreement is 0."""
    found = majority(["7", "8", "7", None], np.zeros(4, int), np.array([1.0, 3.0, 1.0, 1.0]))
    assert (found.chosen, found.share.tolist()) == (["8"], [0.5])
    assert majority(["7"], np.zeros(1, int), np.zeros(1)).share.tolist() == [0.0]


@settings(derandomize=True, max_examples=60)
@given(some.lists(some.tuples(some.integers(0, 3), some.sampled_from(["a", "b", "c", None])), min_size=1, max_size=30))
def test_it_is_the_most_common_one(rows):
    found = majority([result for _, result in rows], np.array([question for question, _ in rows]))
    for question, chosen, share in zip(found.questions.tolist(), found.chosen, found.share.tolist(), strict=True):
        all_of = [result for other, result in rows if other == question]
        common = Counter(one for one in all_of if one is not None).most_common()  # equal ones in the order met
        assert chosen == (common[0][0] if common else None)
        assert share == pytest.approx((common[0][1] if common else 0) / len(all_of))


@pytest.mark.parametrize(
    ("results", "questions", "weights", "code"),
    [
        ([], [], None, "S202"),
        (["1"], [0, 1], None, "S214"),
        (["1"], [0], [1.0, 1.0], "S214"),
        (["1"], [0], [-1.0], "S211"),
    ],
)
def test_what_makes_no_sense_is_refused(results, questions, weights, code):
    with pytest.raises(StropError, match=code):
        majority(results, np.array(questions), None if weights is None else np.array(weights))


def test_agreement_of_others_by_hand():
    """Two of four say 7; the answer itself does not count; nothing agrees with nothing; alone there are no others."""
    found = agreement_of_others(["7", "7", "8", None, "7", None, None], np.array([5, 5, 5, 5, 9, 2, 2]))
    assert found[:3].tolist() == [1 / 3, 1 / 3, 0.0] and np.isnan(found[3:]).all()
    with pytest.raises(StropError, match="S214"):
        agreement_of_others(["7"], np.array([1, 2]))


def test_its_mean_is_the_chance_of_that_result_again():
    """Whatever the count: with the answer itself among them 2 draws would say .65 of what has .3."""
    rng = np.random.default_rng(1)
    for count in (2, 5):
        drawn = np.where(rng.random(20000 * count) < 0.3, "a", "b")
        found = agreement_of_others(drawn.tolist(), np.repeat(np.arange(20000), count))
        assert found[drawn == "a"].mean() == pytest.approx(0.3, abs=0.015)
