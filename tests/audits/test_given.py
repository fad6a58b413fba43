"""Another tool's scores and lists: what is known is taken out, and the rest moves up."""

import numpy as np
import pytest
from audit_worlds import clicks

from strop.audits.given import top_of
from strop.errors import StropError
from strop.records import Split

PARTS = [clicks(rows, 2, 5) for rows in ([[0], [4]], [[1], []], [[2], [3]])]
WHOLE = Split(*PARTS)


def test_lists_lose_what_is_known_and_move_up():
    """User 0 knows 0 (train) and 1 (validation), user 1 knows 4; a gap (-1) closes, and short lists are filled with -1."""
    lists = np.array([[0, 3, 1, 2], [4, -1, 0, 3]])
    assert top_of(lists, WHOLE, k=3).tolist() == [[3, 2, -1], [0, 3, -1]]
    assert top_of(lists, WHOLE.without_test(), k=3).tolist() == [[3, 1, 2], [0, 3, -1]]
    assert top_of(lists[:, :2], WHOLE, k=3).tolist() == [[3, -1, -1], [-1, -1, -1]]


def test_scores_are_ranked_without_what_is_known():
    scores = np.array([[9.0, 8, 7, 6, 5], [1, 2, 3, 4, 5]])
    assert top_of(scores, WHOLE, k=2).tolist() == [[2, 3], [3, 2]]
    assert top_of(scores, WHOLE.without_test(), k=2).tolist() == [[1, 2], [3, 2]]
    with pytest.raises(StropError, match="S203"):
        top_of(np.where(scores == 7, np.nan, scores), WHOLE, k=2)
