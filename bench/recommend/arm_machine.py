"""How fast could this machine move the bytes that pairwise learning touches? usage: arm_machine.py TASKS; started by compare.py.

The tables of factors have the size that they have on the data. Two ways to read and write every byte of them: in a row, and
a vector at a time in random order, as learning does. The arithmetic is one product a number.
"""

import numba
import numpy as np
from measuring import DIMENSIONS, WORK, Array, answer, cpu, tell
from numba import njit

UPDATES = 12_000_000  # vectors


@njit(fastmath=True)
def _in_a_row(table: Array, passes: int) -> None:
    flat, factor = table.reshape(-1), np.float32(0.999)
    for _ in range(passes):
        for k in range(len(flat)):
            flat[k] *= factor


@njit(fastmath=True)
def _at_random(table: Array, rows: Array, passes: int) -> None:
    factor = np.float32(0.999)
    for _ in range(passes):
        for row in rows:
            for k in range(table.shape[1]):
                table[row, k] *= factor


def copy(data: str) -> None:
    """Bytes per CPU second, read and written ones counted together."""
    n_users, n_items = (int(v) for v in (WORK / data / "shape").read_text().split())
    table = np.ones((n_users + n_items, DIMENSIONS), np.float32)
    rows = np.random.default_rng(1).integers(len(table), size=200_000, dtype=np.int32)
    _in_a_row(table, 1)
    _at_random(table, rows, 1)
    table[:] = 1
    row, whole = 2 * table.shape[1] * 4, UPDATES // len(table)
    ordered, _ = cpu(lambda: _in_a_row(table, whole), repeats=3)
    random, _ = cpu(lambda: _at_random(table, rows, UPDATES // len(rows)), repeats=3)
    tell(figure="bytes", table=table.nbytes, ordered=whole * len(table) * row / ordered, random=UPDATES * row / random)


if __name__ == "__main__":
    answer({"copy": copy}, numba.__version__)
