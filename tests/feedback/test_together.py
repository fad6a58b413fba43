"""Two files of ratings over one table: by hand, and names that do not meet."""

import numpy as np
import pytest

from strop.errors import StropError
from strop.feedback.together import one_table
from strop.records import Ratings


def ratings(rows, name="ratings"):
    users, items, values = zip(*rows, strict=True)
    user_ids, of_users = np.unique(users, return_inverse=True)
    item_ids, of_items = np.unique(items, return_inverse=True)
    return Ratings(of_users, of_items, np.asarray(values, float), user_ids, item_ids, name=name)


def named(found):
    users, items = found.user_ids[found.users].tolist(), found.item_ids[found.items].tolist()
    return sorted(zip(users, items, found.values.tolist(), strict=True))


@pytest.mark.parametrize("other", [[(2, 9, 1.0), (4, 7, 5.0)], [("2", "9", 1.0), ("x", "7", 5.0)]])
def test_the_rows_stay_and_the_table_holds_everybody(other):
    one = [(1, 7, 3.0), (2, 8, 4.0), (2, 7, 2.0)]
    a, b = one_table(ratings(one), ratings(other))
    text = isinstance(other[0][0], str)
    assert named(a) == sorted((str(u), str(i), v) if text else (u, i, v) for u, i, v in one)
    assert named(b) == sorted(other)
    assert a.user_ids.tolist() == b.user_ids.tolist() == (["1", "2", "x"] if text else [1, 2, 4])
    assert a.item_ids.tolist() == b.item_ids.tolist() and len(a.item_ids) == 3


def test_names_that_do_not_meet():
    with pytest.raises(StropError, match=r"S216.*no item of ratings stands in other"):
        one_table(ratings([(1, 7, 3.0)]), ratings([(1, 8, 3.0)], name="other"))
