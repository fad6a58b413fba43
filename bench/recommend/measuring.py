"""What do all arms share? The data, one meter of CPU seconds and memory, and one line of JSON a measurement.

Needs numpy and scipy alone, so that it runs in every library's own environment.
"""

import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Array = npt.NDArray[Any]
DATA = Path(os.environ.get("BENCH_DATA", ".bench/data")).absolute()
WORK = Path(os.environ.get("BENCH_WORK", ".bench/work")).absolute()
SEED = 1
DIMENSIONS = 64
UNKNOWN = -np.inf  # the bias of an item that a library was not shown: it is never listed


def pairs(data: str, part: str) -> Array:
    """(n, 2) user and item of train, test, or of fit and validation, which are parts of train."""
    folder = DATA if part in ("train", "test") else WORK
    return np.loadtxt(folder / data / f"{part}.tsv", dtype=np.int64, delimiter="\t")


@cache
def matrix(data: str, part: str) -> sp.csr_matrix:
    """The part as float32 ones, in the table that train and test span."""
    n_users, n_items = (int(v) for v in (WORK / data / "shape").read_text().split())
    users, items = pairs(data, part).T
    found = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))
    found.sort_indices()
    return found


def peak_mb() -> float:
    """The largest memory this process held since it began, in MB (not what a parent held before it)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def tell(**facts: Any) -> None:
    """Writes one measurement."""
    facts = {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in facts.items()}
    facts.setdefault("peak_mb", round(peak_mb(), 1))
    with Path(os.environ["BENCH_LINES"]).open("a") as lines:
        lines.write(json.dumps(facts) + "\n")


def cpu(work: Callable[[], Any], *, repeats: int = 1) -> tuple[float, Any]:
    """The median CPU seconds of some repeats, all threads of the process together, and what the last one made."""
    spent, made = [], None
    for _ in range(repeats):
        start = time.process_time()
        made = work()
        spent.append(time.process_time() - start)
    return statistics.median(spent), made


class Laps:
    """CPU seconds since a fit began, epoch by epoch; what is done at checkpoints is not counted.

    checkpoints: epochs after which `factors`, a function that gives (left, right, bias), is called and its answer saved
    as NAME.EPOCH.npz.
    """

    def __init__(self, checkpoints: tuple[int, ...] = (), name: str = "") -> None:
        self.checkpoints, self.name = set(checkpoints), name
        self.after: list[float] = []
        self._start, self._apart = time.process_time(), 0.0

    def done(self, factors: Callable[[], tuple[Array, Array, Array]]) -> None:
        """To be called at the end of each epoch."""
        now = time.process_time()
        self.after.append(now - self._start - self._apart)
        if len(self.after) in self.checkpoints:
            left, right, bias = factors()
            path = WORK / f"{self.name}.{len(self.after)}.npz"
            np.savez(path, left=left, right=right, bias=bias)
        self._apart += time.process_time() - now

    def an_epoch(self) -> float:
        """The mean of all epochs but the first, which pays for what is set up or compiled."""
        return (self.after[-1] - self.after[0]) / (len(self.after) - 1)


def answer(tasks: dict[str, Callable[..., None]], version: str) -> None:
    """Does what the command line says, a list of [task, data, settings] as JSON. First tells what start and imports cost."""
    tell(figure="start", cpu=time.process_time(), version=version)
    wanted = json.loads(sys.argv[1])
    sys.argv = sys.argv[:1]  # one library reads it
    for task, data, settings in wanted:
        tasks[task](data, **settings)
