"""A run from end to end: stopped in every way it goes on to the same model; what it left answers and is compared."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from strop.checkpoints.files import calls
from strop.experiments import run_folder
from strop.experiments.recommending import open_recommender
from strop.records import Arm, Difference, Figure
from strop.report import store

SHORT = ("--epochs", 30, "--patience", 0, "--dimensions", 8, "-q")


@pytest.fixture(scope="module")
def whole(clicks, tmp_path_factory):
    """The folder of a run that nothing stopped."""
    from strop.cli import status_of

    folder = tmp_path_factory.mktemp("runs") / "whole"
    titles = folder.parent / "titles.csv"
    titles.write_text("item,title\n" + "".join(f'i{i},"Film {i}"\n' for i in range(100)))
    line = ["run", "bpr", clicks, *SHORT, "--titles", titles, "-o", folder]
    assert status_of([str(word) for word in line]) == 0
    return folder


def model(folder):
    return (folder / "model.safetensors").read_bytes()


def test_what_stands_in_the_folder(whole, clicks, strop):
    inside = {path.name for path in whole.iterdir()}
    assert {"run.json", "split", "checkpoints", "model.safetensors", "titles.json", "result.json"} <= inside
    result = store.read(whole / "result.json")
    assert [arm.name for arm in result.arms] == ["bpr", "popular", "ease", "ials"]
    assert {d.baseline for d in result.differences} == {"ease"}
    assert result.command == (
        f"strop run bpr {clicks} --dimensions 8 --epochs 30 --patience 0 --titles {whole.parent / 'titles.csv'}"
    )
    assert result.settings["epochs"] == 30 and result.settings["rate"] == 0.05
    assert result.verdict.startswith("bpr finds ")
    status, out, _ = strop("report", whole)
    assert status == 0 and result.verdict.split(";")[0] in " ".join(out.split())


def test_a_finished_run_is_left_alone(whole, strop, clicks):
    before = {path.name: path.stat().st_mtime_ns for path in whole.iterdir() if path.name != "lock"}
    status, _, err = strop("resume", whole)
    assert status == 0 and "is finished" in err
    assert strop("run", "bpr", clicks, "-q", "-o", whole)[0] == 8
    assert {path.name: path.stat().st_mtime_ns for path in whole.iterdir() if path.name != "lock"} == before


def test_the_plan_trains_nothing(clicks, strop, tmp_path):
    status, out, _ = strop("run", "ipl", clicks, "--dry-run", "--json", "-q", "-o", tmp_path / "a")
    facts = json.loads(out)
    assert status == 0 and facts["users"] == 300 and facts["settings"]["strength"] == 0.3
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("recipe", ["ease", "bpr"])
def test_a_folder_at_work_is_refused(recipe, clicks, strop, tmp_path):
    with run_folder.held(tmp_path):
        status, _, err = strop("run", recipe, clicks, *SHORT[:6] * (recipe == "bpr"), "-q", "-o", tmp_path)
    assert status == 8 and f"process {os.getpid()}" in err
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("moment", [20, 64])
def test_a_full_disk_ends_it_with_6_and_it_goes_on_to_the_same_model(
    moment, whole, clicks, strop, tmp_path, monkeypatch
):
    real, made = calls.write, []

    def full(descriptor, data):
        made.append(0)
        if len(made) > moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(calls, "write", full)
    status, _, err = strop("run", "bpr", clicks, *SHORT, "--save-seconds", 0, "-o", tmp_path / "a")
    monkeypatch.undo()
    assert status == 6 and err.startswith("error[S501]") and not run_folder.finished(tmp_path / "a")
    assert strop("recommend", tmp_path / "a", "--user", "u1")[0] == 4
    assert strop("resume", tmp_path / "a", "-q")[0] == 0
    assert model(tmp_path / "a") == model(whole)


def test_ctrl_c_ends_it_with_130_and_it_goes_on_to_the_same_model(whole, clicks, strop, tmp_path):
    code = "import sys; from strop.cli import main; main(sys.argv[1:])"
    folder = tmp_path / "a"
    line = ["run", "bpr", clicks, *SHORT[:1], 100, *SHORT[2:], "--save-seconds", 0, "-o", folder]
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, line)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        end = time.monotonic() + 60
        while not list(folder.glob("checkpoints/checkpoint-*")) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and f"strop resume {folder}" in err
    assert not run_folder.finished(folder)
    status = strop("resume", folder, "-q")[0]
    assert status == 0
    assert strop(*line[:-3], 3600, "-o", tmp_path / "b")[0] == 0
    assert model(folder) == model(tmp_path / "b")


def unfinished(whole, folder):
    """A copy of the run as it was before its result was written."""
    import shutil

    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("result.json", "report.html", "model.safetensors"))
    return folder


def test_killed_before_its_run_json_it_can_be_run_again(whole, clicks, strop, tmp_path):
    """The split it left is taken over where it is the same, and never overwritten where it is another."""
    folder = unfinished(whole, tmp_path / "a")
    (folder / "run.json").unlink()
    status, _, err = strop("run", "popular", clicks, "-q", "--split-seed", 1, "-o", folder)
    assert status == 8 and "S702" in err
    assert strop("run", "bpr", clicks, *SHORT, "-o", folder)[0] == 0
    assert model(folder) == model(whole)


@pytest.mark.parametrize("name", ["torch", "strop", "device", "data"])
def test_what_changed_is_refused_or_said(name, whole, strop, tmp_path):
    folder = unfinished(whole, tmp_path / "a")
    run = json.loads((folder / "run.json").read_text())
    run["pins"][name] = "another"
    (folder / "run.json").write_text(json.dumps(run))
    status, _, err = strop("resume", folder, "-q")
    assert status == 4 and "S304" in err and f"{name} was another" in err and f"--allow-change {name}" in err
    assert strop("resume", folder, "-q", "--allow-change", name)[0] == 0
    assert any(
        note.startswith(f"not bit-exact: {name} was another") for note in store.read(folder / "result.json").notes
    )


def test_another_number_of_threads_is_a_change(whole, strop, tmp_path):
    folder = unfinished(whole, tmp_path / "a")
    status, _, err = strop("resume", folder, "-q", "--threads", 2)
    assert status == 4 and "threads was 1 and is 2" in err
    assert strop("resume", folder, "-q")[0] == 0 and model(folder) == model(whole)


def test_a_part_of_the_split_that_was_edited_is_refused(whole, strop, tmp_path):
    folder = unfinished(whole, tmp_path / "a")
    part = folder / "split" / "train.tsv"
    part.write_text("\n".join(part.read_text().splitlines()[:-1]) + "\n")
    status, _, err = strop("resume", folder, "-q")
    assert status == 4 and "S304" in err


def test_recommendations_leave_out_what_was_clicked(whole, clicks, strop, tmp_path):
    """Nothing of any part of the split; and taste decides: most of a user's list is of the quarter they click most."""
    clicked, likes = {}, 0
    for row in csv.DictReader(clicks.open()):
        clicked.setdefault(row["user"], set()).add(row["item"])
    assert strop("recommend", whole, "--all", "-o", tmp_path / "lists.csv", "-k", 5)[0] == 0
    rows = list(csv.DictReader((tmp_path / "lists.csv").open()))
    assert len(rows) == 300 * 5 and not [row for row in rows if row["item"] in clicked[row["user"]]]
    for row in rows:
        quarters = np.bincount([int(item[1:]) // 25 for item in clicked[row["user"]]], minlength=4)
        likes += int(row["item"][1:]) // 25 == quarters.argmax()
    assert likes / len(rows) > 0.6  # by chance a quarter
    out = strop("recommend", whole, "--user", "u7", "-k", 5, "--json")[1]
    found = json.loads(out)
    assert [one["item"] for one in found] == [row["item"] for row in rows if row["user"] == "u7"]
    assert found[0]["title"] == f"Film {found[0]['item'][1:]}"


def test_lists_for_somebody_new_and_near_items(whole, strop):
    assert strop("recommend", whole, "--items", "i1,i2,i3", "-k", 100)[1].count("Film") == 97
    status, out, _ = strop("recommend", whole, "--similar", "i1", "-k", 200)
    assert status == 0 and len(out.splitlines()) == 99 and " i1 " not in out
    assert open_recommender(whole).similar("i1", k=3) == [line.split()[1] for line in out.splitlines()[:3]]
    for line in (("--user", "u3000"), ("--items", "i1,i1000"), ("--similar", "i10x")):
        status, _, err = strop("recommend", whole, *line)
        assert status == 3 and "S216" in err and "did you mean" in err
    assert strop("recommend", whole, "--items", ",")[0] == 2


def test_a_damaged_model_is_told(whole, strop, tmp_path):
    import shutil

    folder = shutil.copytree(whole, tmp_path / "a")
    data = bytearray(model(folder))
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    status, _, err = strop("recommend", folder, "--user", "u1")
    assert status == 4 and "S302" in err


@pytest.mark.slow
def test_comparison_with_another_tools_scores_and_splits_for_it(clicks, strop, tmp_path):
    status, out, _ = strop("check", clicks, "--json")
    assert status == 0 and json.loads(out)["users"] == 300
    for form in ("tsv", "recbole", "lightgcn"):
        status, out, _ = strop("data", clicks, "--write", tmp_path / form, "--format", form, "-q")
        assert status == 0 and "train" in out
    rows = [line.split("\t") for line in (tmp_path / "tsv" / "test.tsv").read_text().splitlines()[1:]]
    (tmp_path / "scores.csv").write_text("user,item,score\n" + "".join(f"{u},{i},1\n" for u, i, _ in rows))
    line = (
        "compare",
        clicks,
        "--arms",
        "bpr",
        "--trials",
        2,
        "--seeds",
        2,
        "--scores",
        "oracle",
        tmp_path / "scores.csv",
    )
    status, _, err = strop(*line, "-q", "-o", tmp_path / "out", "--fail-if-worse", "oracle")
    assert status == 0, err
    found = store.read(tmp_path / "out" / "result.json")
    oracle = next(arm for arm in found.arms if arm.name == "oracle")
    assert oracle.figure("recall@20").value == 1.0 and "oracle recommends best" in found.verdict


def test_the_verdict_names_ease_only_where_the_interval_does():
    """0.30 against 0.35: below where the paired interval ends below 0, above where it begins above 0, else not told."""
    arms = [Arm(name, (Figure("recall@20", value),)) for name, value in (("bpr", 0.30), ("ease", 0.35))]

    def said(low, high):
        gap = Difference("bpr", "ease", Figure("recall@20", -0.05, low, high))
        return run_folder.verdict(arms, (gap,), "ease").split("; ")[1]

    assert said(-0.07, -0.03) == "below EASE (0.300 against 0.350)."
    assert said(-0.07, 0.01) == "not told from EASE (0.300 against 0.350)."
    assert said(0.01, 0.02) == "above EASE (0.300 against 0.350)."
    assert said(None, None) == "not told from EASE (0.300 against 0.350)."
