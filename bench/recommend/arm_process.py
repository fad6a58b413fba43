"""What does a whole training process hold? usage: arm_process.py TASKS; started by compare.py. Imports what a user's script does."""

import time

import numpy as np
from measuring import DATA, SEED, WORK, answer, pairs, peak_mb, tell

import strop
from strop.audits.outcome import measured
from strop.feedback.readers import open_table
from strop.recipes import bpr
from strop.report import page


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


def audit(data: str) -> None:
    """The audit of all clicks of a set, from a csv to its page and files."""
    imported, start, spent = peak_mb(), time.perf_counter(), time.process_time()
    log, out = WORK / f"{data}.csv", WORK / f"{data}.audit"
    rows = np.concatenate([pairs(data, part) for part in ("train", "test")])
    np.savetxt(log, rows, fmt="%d", delimiter=",", header="user,item", comments="")
    del rows
    written = time.perf_counter() - start, time.process_time() - spent
    out.mkdir(exist_ok=True)
    split = strop.split(open_table(log).clicks, seed=SEED)
    page.write(strop.audit_clicks(split, files=out), out / "report.html")
    wall, cpu = time.perf_counter() - start - written[0], time.process_time() - spent - written[1]
    tell(
        figure="audit",
        clicks=sum(map(len, (split.train, split.validation, split.test))),
        wall=wall,
        cpu=cpu,
        imported=imported,
    )


if __name__ == "__main__":
    answer({"whole": whole, "audit": audit}, strop.__version__)
