"""Which clicks are all libraries timed on? ML-100K, a fifth of each user's clicks for the test, and a drawn set of 1 M.

usage: make_data.py     Writes $BENCH_DATA/{ml100k,synth}/{train,test}.tsv (user<TAB>item, positions from 0, seed 2026) where
they are missing, checks their sha256, and splits a tenth of each user's train clicks off as validation, in $BENCH_WORK.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from measuring import DATA, WORK, Array, pairs

from strop.feedback import datasets

SEED = 2026
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
SHA256 = {
    "ml100k/train": "28b835c87af1ffb7deee400a604ffefcb4f018f278c78a049167e87598133e48",
    "ml100k/test": "39c8fdf7faece9b0d63d5c0c1a1d5883ca6737135ac57d466a478823e53bfd5e",
    "synth/train": "1eb452cca749d6afa068e63611239725a071a562e67aeb76db5892bbfdd04846",
    "synth/test": "8d05d5b29a21adbffb95b9ac2766369fb7c9e6318fc6f0fa43de9f7a9398df4c",
}


def write(path: Path, rows: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, fmt="%d", delimiter="\t")


def held_out(users: Array, share: float, generator: np.random.Generator) -> Array:
    """Which rows are kept apart: of each user, in the order of the rows, a random share and at least one."""
    apart = np.zeros(len(users), bool)
    order = np.argsort(users, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(users))[:-1]):
        apart[generator.permutation(rows)[: max(1, round(share * len(rows)))]] = True
    return apart


def ml_100k() -> None:
    """Every rating is a click, in the order of the published file."""
    datasets.ml_100k(cache=DATA / "cache")  # fetched and checked
    file = DATA / "cache" / "ml-100k" / "ml-100k.inter"
    raw = np.loadtxt(file, skiprows=1, delimiter="\t", usecols=(0, 1)).astype(np.int64)
    rows = np.column_stack([np.unique(column, return_inverse=True)[1] for column in raw.T])
    apart = held_out(rows[:, 0], TEST_SHARE, np.random.default_rng(SEED))
    write(DATA / "ml100k" / "train.tsv", rows[~apart])
    write(DATA / "ml100k" / "test.tsv", rows[apart])


def synthetic(*, n_users: int = 6_000, n_items: int = 4_000, clicks: int = 1_000_000, taste: int = 16) -> None:
    """Zipf popularity (exponent 0.8) times a latent taste; each user's items without repetition, by Gumbel top-k."""
    generator = np.random.default_rng(SEED)
    popularity = 1.0 / np.arange(1, n_items + 1) ** 0.8
    of_users, of_items = (generator.normal(size=(n, taste)).astype(np.float32) for n in (n_users, n_items))
    activity = generator.lognormal(0.0, 0.7, n_users)
    degrees = np.clip((activity / activity.mean() * clicks / n_users).astype(int), 20, n_items // 4)
    chosen = []
    for user, degree in enumerate(degrees):
        appeal = np.log(popularity) + 1.2 * (of_items @ of_users[user]) / np.sqrt(taste)
        chosen.append(np.argpartition(-(appeal + generator.gumbel(size=n_items)), degree)[:degree])
    names = generator.permutation(n_items)  # so that positions do not tell popularity
    rows = np.column_stack([np.repeat(np.arange(n_users), degrees), names[np.concatenate(chosen)]])
    apart = held_out(rows[:, 0], TEST_SHARE, generator)
    write(DATA / "synth" / "train.tsv", rows[~apart])
    write(DATA / "synth" / "test.tsv", rows[apart])


def check() -> None:
    """Stops where a file is not the one that the committed results were measured on."""
    for name, expected in SHA256.items():
        found = hashlib.sha256((DATA / f"{name}.tsv").read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"{DATA / name}.tsv is not the file of the benchmark: its sha256 is {found}")


def split_train(data: str) -> None:
    """Writes the parts of train, and the shape of the whole table."""
    train, test = pairs(data, "train"), pairs(data, "test")
    train = train[np.lexsort(train.T[::-1])]
    apart = held_out(train[:, 0], VALIDATION_SHARE, np.random.default_rng(SEED))
    write(WORK / data / "fit.tsv", train[~apart])
    write(WORK / data / "validation.tsv", train[apart])
    shape = np.concatenate([train, test]).max(axis=0) + 1
    (WORK / data / "shape").write_text(f"{shape[0]} {shape[1]}\n")


if __name__ == "__main__":
    for name, make in (("ml100k", ml_100k), ("synth", synthetic)):
        if not (DATA / name / "test.tsv").is_file():
            make()
    check()
    for name in ("ml100k", "synth"):
        split_train(name)
