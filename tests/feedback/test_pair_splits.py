"""Parts of pairs: whole questions, about the shares, the same again with the same seed."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from strop.errors import StropError
from strop.feedback.pair_splits import split_pairs
from strop.records import Message, Pairs, PairSplit


def pairs(questions):
    n = len(questions)
    names = [f"q{q}" for q in questions]
    return Pairs(names, [f"yes {i}" for i in range(n)], [f"no {i}" for i in range(n)], {"question": np.array(names)})


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=120), st.integers(0, 5))
def test_no_question_stands_in_two_parts_and_none_is_lost(questions, seed):
    if len(set(questions)) < 3:
        with pytest.raises(StropError, match="S209"):
            split_pairs(pairs(questions), seed=seed)
        return
    found = split_pairs(pairs(questions), seed=seed)
    parts = [set(part.prompts) for part in (found.train, found.validation, found.test)]
    assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    answers = sorted(a for part in (found.train, found.validation, found.test) for a in part.chosen)
    assert answers == sorted(pairs(questions).chosen)


def test_shares_and_seeds():
    found = split_pairs(pairs(range(1000)), seed=1)
    assert (len(found.train), len(found.validation), len(found.test)) == (800, 100, 100)
    assert list(split_pairs(pairs(range(1000)), seed=1).test.prompts) == list(found.test.prompts)
    assert list(split_pairs(pairs(range(1000)), seed=2).test.prompts) != list(found.test.prompts)
    assert "1,000 questions" in found.notes[0] and found.without_test().test is None


def test_what_cannot_be():
    with pytest.raises(StropError, match="S301"):
        split_pairs(pairs(range(9)), shares=(0.5, 0.5, 0.5))
    talk = Pairs([(Message("user", "a"),)], [(Message("assistant", "b"),)], [(Message("assistant", "c"),)])
    with pytest.raises(StropError, match="S214"):
        PairSplit(pairs([1]), talk)
