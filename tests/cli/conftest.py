"""A small file of clicks with a planted taste, and the command line called in this process."""

import numpy as np
import pytest

from strop.cli import status_of


def table(n_users=300, n_items=100, seed=0):
    """(user, item) pairs: four tastes, each liking its quarter of the items four times out of five."""
    random = np.random.default_rng(seed)
    pairs = set()
    for user in range(n_users):
        taste = int(random.integers(4))
        for _ in range(int(random.integers(8, 20))):
            group = taste if random.random() < 0.8 else int(random.integers(4))
            pairs.add((user, group * n_items // 4 + int(random.integers(n_items // 4))))
    return sorted(pairs)


@pytest.fixture(scope="session")
def clicks(tmp_path_factory):
    """The file: user, item, time."""
    path = tmp_path_factory.mktemp("clicks") / "clicks.csv"
    lines = [f"u{user},i{item},{10**9 + user * 1000 + item}\n" for user, item in table()]
    path.write_text("user,item,time\n" + "".join(lines))
    return path


@pytest.fixture
def strop(capsys):
    """strop("check", path) -> (exit status, stdout, stderr)."""

    def call(*arguments):
        capsys.readouterr()
        status = status_of([str(a) for a in arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return call
