"""A small table of clicks that every format is to give again, and what was read as text."""

import numpy as np

# user, item, rating, seconds: 24 rows in no order; users 3, 10, 25; the item 7 has one click
ROWS = [
    (user, item, 1 + (user * item) % 5, 880_000_000 + 1_000 * item + user)
    for item in (90, 12, 45, 101, 33, 8, 64, 7)
    for user in (10, 3, 25)
    if item != 7 or user == 10
]


def expected(rows, columns):
    return sorted(tuple(str(row[c]) for c in columns) for row in rows)


def found(reading, columns=4):
    """The table as text, sorted: user, item and as many columns more as were asked for."""
    data = reading.ratings or reading.clicks
    parts = [data.user_ids[data.users], data.item_ids[data.items]]
    if columns >= 3:
        parts.append(reading.ratings.values.astype(int))
    if columns == 4:
        parts.append(data.times)
    return sorted(zip(*(np.asarray(p).astype(str).tolist() for p in parts), strict=True))
