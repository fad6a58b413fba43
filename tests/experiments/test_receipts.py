"""Does a receipt follow its rule: committed before, rows kept, conditions and verdict as written?"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from strop.errors import StropError
from strop.experiments.claims import ipl, ipl_verdict
from strop.experiments.receipts import committed, drawings
from strop.experiments.worlds import planted_likes
from strop.report import store
from strop.report.figures import theme
from strop.report.lines import dose

EVIDENCE = Path(__file__).parents[2] / "evidence"
RULE = json.loads((EVIDENCE / "ipl" / "rule.json").read_text())


def git(folder, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_rule_must_be_in_the_history_as_it_stands(tmp_path):
    rule = tmp_path / "rule.json"
    with pytest.raises(StropError, match="S201"):
        committed(rule)
    rule.write_text("{}")
    git(tmp_path, "init", "-q")
    with pytest.raises(StropError, match="S306"):
        committed(rule)
    git(tmp_path, "add", "."), git(tmp_path, "commit", "-qm", "rule")
    assert committed(rule) == git(tmp_path, "rev-parse", "HEAD")
    rule.write_text('{"margin": 2}')
    with pytest.raises(StropError, match="S306"):
        committed(rule)


def test_the_worked_case_strength_0_and_the_gradient():
    assert ipl_verdict.worked_case()
    assert ipl.identical_at_zero()
    assert ipl.gradient_error() < 1e-6


def test_reo_at_a_matched_recall():
    """From (0.40, 1.5) to (0.38, 1.1), recall 0.39 lies half way: REO 1.3. A path that stays above never gets there."""
    assert ipl.at_recall([(0.40, 1.5), (0.38, 1.1), (0.30, 0.5)], 0.39) == pytest.approx(1.3)
    assert ipl.at_recall([(0.40, 1.5), (0.395, 1.4)], 0.39) is None


def row(data, seed, change, *, half=0.001):
    """A row in which every arm stands at its change of the control: name -> (recall, reo, di)."""
    control = {"recall@20": 0.4, "reo@20": 1.5, "di@20 gamma=1.0": 1.6}
    arms = {"control": (0.0, 0.0, 0.0), **change}
    wobble = 1 + 0.001 * np.sin(seed)
    figures = {
        a: {n: v * (1 + d * wobble) for (n, v), d in zip(control.items(), c, strict=True)} for a, c in arms.items()
    }
    return {
        "data": data, "seed": seed, "checksum": "0" * 64, "figures": figures,
        "half widths": {a: dict.fromkeys(control, half) for a in change},
        "against ipl": {"ips mild": 0.05 + 0.001 * np.cos(seed)},
        "matched": {"ipl": 1.2 + 0.001 * np.cos(seed), "log_popularity": 1.3},
    }  # fmt: skip


def rows(mild=(-0.002, -0.15, -0.1), strong=(-0.02, -0.4, -0.2), half=0.001):
    change = {"ipl mild": mild, "ipl strong": strong, "ips mild": (-0.01, -0.1, -0.1)}
    return [row(data, seed, change, half=half) for data in RULE["data"] for seed in range(1, 6)]


def judged(found):
    return ipl_verdict.receipt(RULE, found, commit="c", cost={}, command="strop evidence ipl")


def test_verdicts_follow_the_rule():
    assert judged(rows()).verdict == "holds"
    # too little recall is kept for the mild claim, enough for the strong one
    assert judged(rows(mild=(-0.03, -0.15, -0.1))).verdict == "in part"
    lost = [
        {**r, "matched": {"ipl": 1.3 + 0.001 * np.cos(r["seed"]), "log_popularity": 1.2}}
        for r in rows(mild=(-0.03, 0.05, 0.05), strong=(-0.1, 0.1, 0.1))
    ]
    assert judged(lost).verdict == "not here"


def test_a_wide_user_interval_is_not_hidden_by_equal_seeds():
    receipt = judged(rows(half=0.05))
    recall = next(c for c in receipt.conditions if c["name"].startswith("3a: recall"))
    assert recall["low"] == pytest.approx(-0.002 - 0.05, abs=1e-4)
    assert recall["met"] is False


def test_who_beats_ipl_is_said_first():
    found = [{**r, "against ipl": {"ips mild": -0.05 + 0.001 * np.cos(r["seed"])}} for r in rows()]
    assert judged(found).sentence.startswith(
        "Under the same selection these have a lower REO than IPL: ips mild on ml-100k"
    )


def test_the_planted_world_tests_on_truth_and_not_on_its_log():
    data = planted_likes(seed=1, users=400, items=100)
    log, truth = (np.corrcoef(data.train.popularity, part.popularity)[0, 1] for part in (data.validation, data.test))
    assert log > 0.7
    assert truth < 0  # what was much shown is clicked already


def test_the_table_of_receipts_says_what_each_of_them_says():
    folder = Path(__file__).parents[2] / "evidence"
    rows = [line.split("|") for line in (folder / "README.md").read_text().splitlines() if line.startswith("| ")]
    told = {row[1].strip(): row[3].strip() for row in rows[1:]}
    assert told == {path.parent.name: json.loads(path.read_text())["verdict"] for path in folder.glob("*/result.json")}


def test_the_dose_curves_of_a_receipt_are_its_own_figures():
    """rdpo's drawings: every point is a figure of result.json, and the files are those that would be drawn again."""
    place = EVIDENCE / "rdpo"
    receipt = store.read(place / "result.json")
    drawn = drawings("rdpo", place, receipt)
    assert set(drawn) == {"constant", "margin", "length", "rater"}
    values = {figure.name: figure.value for figure in receipt.figures}
    rdpo = dict(drawn["length"].lines["rdpo"])
    assert rdpo[0.15].value == values["planted letters: rdpo, length, 15%, true accuracy"]
    assert rdpo[0].value == values["planted letters: dpo, clean, true accuracy"]
    for name, curve in drawn.items():
        assert (place / f"dose-{name}.svg").read_text() == dose(curve, style=theme())
    assert drawings("ches", EVIDENCE / "ches", receipt) == {}
