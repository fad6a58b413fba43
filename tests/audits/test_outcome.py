"""Is a model measured on the right part, with the right items masked, and refused where nothing can be measured?"""

import numpy as np
import pytest
import torch

from strop.audits.outcome import arm, measured, validator
from strop.errors import StropError
from strop.records import Clicks, Split


def table(cells):
    """Clicks from a dense 0/1 table."""
    users, items = np.nonzero(cells)
    return Clicks(users, items, np.arange(len(cells)), np.arange(len(cells[0])))


class Fixed:
    """A scorer whose scores are given."""

    def __init__(self, scores):
        self.scores = torch.as_tensor(scores, dtype=torch.float32)
        self.n_users, self.n_items = self.scores.shape

    def score(self, users):
        return self.scores[torch.from_numpy(users)]


def test_validation_is_masked_only_when_the_test_part_is_measured():
    """User 0 scores 0 > 1 > 2 > 3: validation {1}, test {2}; train {0}."""
    train, validation, test = (table([[*row], [0, 0, 0, 0]]) for row in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)))
    whole = Split(train, validation, test)
    scorer = Fixed([[4, 3, 2, 1]] * 2)
    assert measured(scorer, whole, k=1).values["recall@1"] == 1
    assert measured(scorer, whole.without_test(), k=1).values["recall@1"] == 1
    assert validator(whole, k=1)(scorer) == 1
    assert measured(scorer, whole, k=1).tally.lists[0].tolist() == [2]
    one = arm("fixed", measured(scorer, whole, k=1), draws=0, note="x")
    assert one.figure("recall@1").value == 1 and len(one.points) == 1 and one.note == "x"


def test_a_validation_part_without_a_like_is_refused_at_the_door():
    train, nothing = table([[1, 0], [1, 0]]), table(np.zeros((2, 2)))
    with pytest.raises(StropError) as caught:
        validator(Split(train, nothing, None))
    assert caught.value.code == "S209"
