"""How many CPU seconds does it take to rank the whole catalogue for everybody, with every figure and its interval?

usage: bench/ranking.py [threads]     One thread unless told. BENCH_DATA: a folder with synth/train.tsv and synth/test.tsv
(user<TAB>item, positions from 0); without it 1,000,000 clicks of 6,000 users on 4,000 items are drawn, a fifth for the test.
Four scorers: factors learned from the clicks (64 singular vectors), random factors (every item is shown), popularity (many
lists have ties), and all scores equal (nothing but ties).
"""

import os
import sys

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import resource  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy.sparse.linalg import svds  # noqa: E402

from strop.audits.measure import measure  # noqa: E402
from strop.audits.ranking import top_k  # noqa: E402
from strop.records import Clicks  # noqa: E402

USERS, ITEMS, CLICKS, REPEATS = 6_000, 4_000, 1_000_000, 5


@dataclass
class Factors:
    """Scores that are products of a user's and an item's vector."""

    users: torch.Tensor
    items: torch.Tensor

    def __post_init__(self) -> None:
        self.n_users, self.n_items = len(self.users), len(self.items)

    def score(self, users: Any) -> torch.Tensor:
        return self.users[torch.from_numpy(users)] @ self.items.T


def drawn() -> tuple[Any, Any]:
    """Train and test rows (user, item): Zipf popularity times a taste of 16 dimensions, a fifth of each user's for the test."""
    rng = np.random.default_rng(2026)
    taste = rng.normal(size=(ITEMS, 16))
    rare = 0.8 * np.log(rng.permutation(ITEMS) + 1.0)
    activity = rng.lognormal(0.0, 0.7, USERS)
    degrees = np.clip((activity / activity.mean() * CLICKS / USERS).astype(int), 20, ITEMS // 4)
    train, test = [], []
    for user, degree in enumerate(degrees):
        appeal = 0.3 * taste @ rng.normal(size=16) - rare + rng.gumbel(size=ITEMS)
        items = rng.permutation(np.argpartition(-appeal, degree)[:degree])
        held = max(1, round(0.2 * degree))
        test.append(np.column_stack([np.full(held, user), items[:held]]))
        train.append(np.column_stack([np.full(degree - held, user), items[held:]]))
    return np.concatenate(train), np.concatenate(test)


def data() -> tuple[Clicks, Clicks]:
    folder = os.environ.get("BENCH_DATA")
    if folder:
        rows = [np.loadtxt(Path(folder) / "synth" / f"{part}.tsv", dtype=np.int64) for part in ("train", "test")]
    else:
        rows = list(drawn())
    names = [np.arange(max(int(part[:, column].max()) for part in rows) + 1) for column in (0, 1)]
    train, test = (Clicks(part[:, 0], part[:, 1], *names) for part in rows)
    return train, test


def least(work: Any) -> tuple[float, Any]:
    """The smallest CPU time of some repeats, and what was made."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        made = work()
        times.append(time.process_time() - start)
    return min(times), made


def main() -> None:
    torch.set_num_threads(THREADS)
    train, test = data()
    _ = train.popularity, train.indptr, test.popularity, test.indptr
    rng = np.random.default_rng(0)
    left, size, right = svds(train.matrix(), k=64, random_state=0)
    popular = torch.from_numpy(train.popularity.astype(np.float32))[:, None]
    scorers = {
        "learned factors": Factors(torch.from_numpy(left * size), torch.from_numpy(right.T.copy())),
        "random factors": Factors(
            *(torch.from_numpy(rng.normal(size=(n, 64)).astype(np.float32)) for n in (train.n_users, train.n_items))
        ),
        "popularity": Factors(torch.ones(train.n_users, 1), popular),
        "all equal": Factors(torch.ones(train.n_users, 1), torch.ones(train.n_items, 1)),
    }
    print(
        f"{train.n_users} users x {train.n_items} items, {len(train)} train and {len(test)} test clicks; {THREADS} thread(s)"
    )
    print("CPU seconds, the least of", REPEATS)
    print(f"{'scorer':<16} {'top 20':>8} {'figures':>8} {'both':>8} {'1,000 draws':>12}")
    for name, scorer in scorers.items():
        ranked, top = least(lambda scorer=scorer: top_k(scorer, [train], k=20))
        told, _ = least(lambda top=top: measure(top, train=train, truth=test).figures(draws=0))
        with_draws, _ = least(lambda top=top: measure(top, train=train, truth=test).figures(draws=1000))
        print(f"{name:<16} {ranked:>8.3f} {told:>8.3f} {ranked + told:>8.3f} {with_draws - told:>12.3f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
