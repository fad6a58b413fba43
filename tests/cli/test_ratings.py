"""Self-selected ratings and a uniform sample from two files to a page."""

import numpy as np
import pytest

from strop.report import store


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """60 users and 30 items of two tastes; likes are rated three times as often, 8 pairs a user are drawn uniformly."""
    folder, random = tmp_path_factory.mktemp("ratings"), np.random.default_rng(0)
    liked = (np.arange(60)[:, None] + np.arange(30)) % 2 == 0
    stars = np.where(liked ^ (random.random((60, 30)) < 0.15), 5, 1)
    given = random.random((60, 30)) < np.where(stars == 5, 0.45, 0.15)
    drawn = np.argsort(random.random((60, 30)), axis=1) < 8
    for name, mask in (("chosen", given), ("uniform", drawn)):
        rows = "".join(f"u{u},i{i},{stars[u, i]}\n" for u, i in np.argwhere(mask))
        (folder / f"{name}.csv").write_text("user,item,rating\n" + rows)
    return folder


@pytest.mark.slow
def test_from_two_files_to_a_page(files, strop, tmp_path):
    chosen, uniform, out = files / "chosen.csv", files / "uniform.csv", tmp_path / "out"
    line = ("ratings", chosen, uniform, "--threshold", 3, "--seeds", 1, "--uniform-share", 0.2, "-o", out, "-q")
    status, said, err = strop(*line)
    assert status == 0, err
    found = store.read(out / "result.json")
    names = [arm.name for arm in found.arms]
    assert {"naive", "naive, biases", "ips naive bayes", "dr", "kernel dr"} <= set(names)
    assert "tells likes best" in said and found.arms[0].figure("auc").value > 0.7
    assert (out / "report.html").exists() and "strop ratings" in found.command


def test_what_is_missing_is_said(files, strop):
    chosen = files / "chosen.csv"
    for line, code in (
        (("ratings", chosen), "no threshold"),
        (("ratings", chosen, "--threshold", 3, "--k-core", 2), "k-core"),
        (("ratings", chosen, "--threshold", 3, "--rating", "none"), "S204"),
        (("ratings", chosen, "--threshold", 3), "no uniformly drawn ratings"),
        (("ratings", chosen, files / "none.csv", "--threshold", 3), "none.csv"),
        (("ratings", chosen, files / "uniform.csv", "--threshold", 9), "S209"),
    ):
        status, said, err = strop(*line, "-q")
        assert status > 0 and code in err and not said
