"""What does a whole training process hold? usage: arm_process.py TASKS; started by compare.py. Imports what a user's script does."""

from measuring import DATA, SEED, answer, peak_mb, tell

import strop
from strop.audits.outcome import measured
from strop.feedback.readers import open_table
from strop.recipes import bpr


def whole(data: str) -> None:
    """Reads ML-100K, splits it, trains BPR, and measures it with 1,000 bootstrap draws."""
    imported = peak_mb()
    clicks = open_table(DATA / "cache" / "ml-100k" / "ml-100k.inter").clicks
    read = peak_mb()
    held = sum(column.nbytes for column in (clicks.users, clicks.items, clicks.times) if column is not None)
    found = strop.split(clicks, seed=SEED)
    trained = bpr.run(found, seed=SEED)
    fitted = peak_mb()
    measured(trained.scorer, found).figures(draws=1000)
    tell(figure="whole", imported=imported, read=read, fitted=fitted, bytes_a_click=held / len(clicks))


if __name__ == "__main__":
    answer({"whole": whole}, strop.__version__)
