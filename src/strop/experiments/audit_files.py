"""What of an audit goes home with the user: clicks to check, weights, and the log without what was flagged."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from strop.feedback.writers import write_checks, write_clicks, write_weights

if TYPE_CHECKING:
    from strop.experiments.audit_clicks import Found

FIRST, AT_RANDOM = 1000, 200  # rows to look at: for what is wrong, and for how much is


def write(folder: Path, found: "Found", *, suffix: Literal["csv", "tsv", "parquet"], seed: int) -> tuple[str, ...]:
    """check_first, check_random (its column `false` to be filled in), weights and cleaned, as `suffix`; what each holds.

    Weights: the chance that a click was meant (Suspicion.meant) at the share of random clicks that was found, flagged
    accounts and items at 0. Errors: S501, S503; S208 another suffix.
    """
    seen = found.seen
    if seen is None:
        return ("no files: the log's clicks were not examined",)
    first = seen.check_first[:FIRST]
    drawn = np.sort(np.random.default_rng([seed, 29]).permutation(np.flatnonzero(seen.others))[:AT_RANDOM])
    weights = seen.meant(found.random_share or 0.0)
    write_checks(seen.clicks, first, folder / f"check_first.{suffix}", doubt=seen.doubt)
    write_checks(seen.clicks, drawn, folder / f"check_random.{suffix}")
    write_weights(seen.clicks, weights, folder / f"weights.{suffix}")
    write_clicks(seen.clicks.take(seen.others), folder / f"cleaned.{suffix}")
    gone = int((~seen.others).sum())
    return (
        f"check_first.{suffix}: the {len(first):,} most doubtful clicks; check_random.{suffix}: {len(drawn):,} at random: "
        "write 1 (false) or 0 (meant) into the column false, and give it back with --checked",
        f"weights.{suffix}: the chance that each click was meant; cleaned.{suffix}: without {gone:,} clicks of flagged "
        "accounts and items",
    )
