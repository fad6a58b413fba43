"""Frames, sparse matrices and pairs in memory are read to the same table as files."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from feedback_tables import ROWS, expected, found
from scipy.sparse import coo_matrix

from strop.errors import StropError
from strop.feedback import readers


def frames():
    columns = dict(zip(("user_id", "item_id", "rating", "timestamp"), zip(*ROWS, strict=True), strict=True))
    whole = {name: list(column) for name, column in columns.items()}
    stamps = pd.to_datetime(whole["timestamp"], unit="s")
    return {
        "polars": pl.DataFrame(whole),
        "polars, text": pl.DataFrame(whole).with_columns(pl.col("user_id").cast(pl.String)),
        "polars, categories": pl.DataFrame(whole).with_columns(pl.col("item_id").cast(pl.String).cast(pl.Categorical)),
        "polars, dates": pl.DataFrame(whole).with_columns(pl.from_epoch("timestamp").dt.replace_time_zone("UTC")),
        "pandas": pd.DataFrame(whole),
        "pandas, objects": pd.DataFrame(whole).astype(object),
        "pandas, floats": pd.DataFrame(whole).astype(float),
        "pandas, text": pd.DataFrame(whole).astype({"user_id": str, "item_id": str}),
        "pandas, gaps": pd.DataFrame(whole).astype("Int64"),
        "pandas, dates": pd.DataFrame(whole | {"timestamp": stamps}),
        "pandas, zoned": pd.DataFrame(whole | {"timestamp": stamps.tz_localize("UTC")}),
        "arrow": pl.DataFrame(whole).to_arrow(),
    }


@pytest.mark.parametrize("name", frames())
def test_frames(name):
    reading = readers.open_table(frames()[name])
    assert found(reading) == expected(ROWS, range(4))
    assert reading.format == "frame"


def test_a_frame_names_its_row():
    frame = pd.DataFrame({"user": ["a", "b", None], "item": [1, 2, 3]})
    with pytest.raises(StropError) as caught:
        readers.read(frame)
    assert (caught.value.code, caught.value.row, caught.value.column) == ("S210", 3, "user")
    frame = pl.DataFrame({"user": [0.5, 1.0], "item": [1, 2]})
    with pytest.raises(StropError, match="fractions"):
        readers.read(frame)


def test_sparse_matrices():
    users, items, values = zip(*[(u, i, r) for u, i, r, _ in ROWS], strict=True)
    rated = coo_matrix((values, (users, items)), shape=(30, 120))
    with pytest.raises(StropError) as caught:
        readers.read(rated)
    assert caught.value.code == "S215"
    reading = readers.open_table(rated.tocsr(), threshold=3)
    assert found(reading, 3) == expected(ROWS, range(3))
    assert len(reading.clicks) == sum(r >= 3 for r in values) and reading.clicks.n_items == 120
    ones = coo_matrix((np.r_[np.ones(len(users)), 0], ([*users, 29], [*items, 119])), shape=(30, 120)).tocsc()
    assert found(readers.open_table(ones), 2) == expected(ROWS, range(2))


def test_pairs_in_memory():
    assert found(readers.open_table((u, i) for u, i, _, _ in ROWS), 2) == expected(ROWS, range(2))
    with pytest.raises(StropError) as caught:
        readers.read([(1, 2), (3,)])
    assert (caught.value.code, caught.value.row) == ("S214", 2)
