"""How do two files of ratings come to speak of the same users and items?"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.records import Ratings

Array = npt.NDArray[Any]


def one_table(a: Ratings, b: Ratings) -> tuple[Ratings, Ratings]:
    """Both over all users and items of either, in one order; the rows are as they were.

    Errors: S216 no user, or no item, stands in both.
    """
    (users, of_a, of_b), (items, at_a, at_b) = (
        _union(getattr(a, f"{side}_ids"), getattr(b, f"{side}_ids"), side, (a.name, b.name))
        for side in ("user", "item")
    )
    table: dict[str, Any] = {"user_ids": users, "item_ids": items}
    return (
        replace(a, users=of_a[a.users], items=at_a[a.items], **table),
        replace(b, users=of_b[b.users], items=at_b[b.items], **table),
    )


def _union(a: Array, b: Array, side: str, files: tuple[str, str]) -> tuple[Array, Array, Array]:
    """All names in order, and the place of each one of a and of b."""
    if a.dtype.kind != b.dtype.kind:  # numbers in one file, text in the other
        a, b = a.astype(str), b.astype(str)
    if not np.intersect1d(a, b).size:
        raise StropError(
            "S216", f"no {side} of {files[0]} stands in {files[1]}", f'such as "{a[0]}" and "{b[0]}"; one name for both'
        )
    both = np.union1d(a, b)
    return both, np.searchsorted(both, a).astype(np.int32), np.searchsorted(both, b).astype(np.int32)
