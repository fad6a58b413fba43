"""strop forget: a finished run forgets into a new folder, the old one stays, and what cannot be done is told."""

import csv
import json
import shutil

import pytest

from strop.experiments import run_folder
from strop.experiments.recommending import open_recommender
from strop.feedback.writers import read_split
from strop.report import store

SHORT = ("--epochs", 30, "--patience", 0, "--dimensions", 8, "-q")


@pytest.fixture(scope="module")
def runs(clicks, tmp_path_factory):
    """Finished runs of an exact and an approximate model."""
    from strop.cli import status_of

    folder = tmp_path_factory.mktemp("forgetting")
    for recipe, flags in (("bpr", SHORT), ("ease", ("-q",))):
        assert status_of([str(w) for w in ("run", recipe, clicks, *flags, "-o", folder / recipe)]) == 0
    return folder


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def pair_of(folder, part="train", row=5):
    table = getattr(read_split(folder / "split"), part)
    return str(table.user_ids[table.users[row]]), str(table.item_ids[table.items[row]])


@pytest.mark.parametrize(("recipe", "way"), [("ease", "exactly"), ("bpr", "approximately")])
def test_a_user_is_forgotten_into_a_new_folder(recipe, way, runs, strop, tmp_path):
    before = contents(runs / recipe)
    status, out, err = strop("forget", runs / recipe, "--user", "u7", "-o", tmp_path / "new")
    assert status == 0, err
    assert way in out and "of 1 user on" in out and "remove it yourself" in " ".join(out.split())
    assert "out of the test part" in out
    assert contents(runs / recipe) == before
    left, old = (read_split(f / "split") for f in (tmp_path / "new", runs / recipe))
    for part in ("train", "validation", "test"):
        names = [str(getattr(left, part).user_ids[u]) for u in getattr(left, part).users]
        assert "u7" not in names
        gone = sum(str(getattr(old, part).user_ids[u]) == "u7" for u in getattr(old, part).users)
        assert gone > 0 and len(getattr(old, part)) == len(getattr(left, part)) + gone
    assert run_folder.open_run(tmp_path / "new").pins["data"] == run_folder.pins_of(left)["data"]
    assert strop("recommend", tmp_path / "new", "--user", "u7")[0] == 0
    assert strop("report", tmp_path / "new")[0] == 0
    status, _, err = strop("resume", tmp_path / "new")
    assert status == 0 and "is finished" in err


def test_ease_forgets_as_if_it_had_never_seen_the_user(runs, strop, tmp_path):
    import numpy as np

    from strop.models.recommend import ease

    assert strop("forget", runs / "ease", "--user", "u7", "-q", "-o", tmp_path / "new")[0] == 0
    left = read_split(tmp_path / "new" / "split")
    found = open_recommender(tmp_path / "new").scorer.weights.numpy()
    np.testing.assert_allclose(found, ease.fit(left.train).weights.numpy(), atol=1e-6)


def test_the_same_seed_gives_the_same_bytes(runs, strop, tmp_path):
    for name in "ab":
        assert strop("forget", runs / "bpr", "--item", "i3", "--seed", 4, "-q", "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    assert (tmp_path / "a/model.safetensors").read_bytes() != (runs / "bpr/model.safetensors").read_bytes()


def test_single_clicks_from_a_file(runs, strop, tmp_path):
    user, item = pair_of(runs / "bpr")
    file = tmp_path / "pairs.csv"
    file.write_text(f"user,item\n{user},{item}\n")
    status, out, err = strop("forget", runs / "bpr", "--pairs", file, "--json", "-q", "-o", tmp_path / "new")
    assert status == 0, err
    told = json.loads(out)
    assert told["verdict"].startswith("Forgot 1 click of 1 user on 1 item approximately")
    assert store.read(tmp_path / "new" / "result.json").command.startswith("strop forget")
    rows = list(csv.DictReader((tmp_path / "new/split/train.tsv").open(), delimiter="\t"))
    assert not [row for row in rows if (row["user"], row["item"]) == (user, item)]
    assert len(rows) == len(read_split(runs / "bpr" / "split").train) - 1
    status, _, err = strop("forget", tmp_path / "new", "--pairs", file, "-q", "-o", tmp_path / "again")
    assert status == 3 and "S216" in err and "there is no such click" in err


def test_nothing_to_forget_writes_nothing(runs, strop, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("user,item\n")
    status, _, err = strop("forget", runs / "bpr", "--pairs", file, "-q", "-o", tmp_path / "new")
    assert status == 0 and "nothing is to be forgotten" in err and not (tmp_path / "new").exists()
    assert strop("forget", runs / "bpr", "-o", tmp_path / "new")[0] == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [("a,b\nu1,i1\n", "S204"), ("user,item\nu1,\n", "S210"), (b"user,item\nu\xff,i1\n", "S206"), (None, "S201")],
)
def test_a_bad_file_of_pairs(text, code, runs, strop, tmp_path):
    file = tmp_path / "pairs.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    status, _, err = strop("forget", runs / "ease", "--pairs", file, "-o", tmp_path / "new")
    assert status == 3 and code in err and not (tmp_path / "new").exists()


def test_a_click_of_the_test_part_is_refused(runs, strop, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("user,item\n{},{}\n".format(*pair_of(runs / "ease", "test")))
    status, _, err = strop("forget", runs / "ease", "--pairs", file, "-o", tmp_path / "new")
    assert status == 4 and "S307" in err and "test part" in err and not (tmp_path / "new").exists()


def test_everything_is_refused(runs, strop, tmp_path):
    everybody = [word for user in range(300) for word in ("--user", f"u{user}")]
    status, _, err = strop("forget", runs / "bpr", *everybody, "-q", "-o", tmp_path / "new")
    assert status == 4 and "S307" in err and "every click" in err and not (tmp_path / "new").exists()


def test_an_unknown_name_is_suggested(runs, strop, tmp_path):
    for flags in (("--user", "u3000"), ("--item", "i10x")):
        status, _, err = strop("forget", runs / "bpr", *flags, "-o", tmp_path / "new")
        assert status == 3 and "S216" in err and "did you mean" in err


@pytest.mark.parametrize("change", [{"recipe": "ipl"}, {"settings": {"loss": "hinge"}}])
def test_a_model_that_cannot_forget_says_so(change, runs, strop, tmp_path):
    folder = shutil.copytree(runs / "bpr", tmp_path / "old")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(run | change))
    status, _, err = strop("forget", folder, "--user", "u7", "-o", tmp_path / "new")
    assert status == 4 and "S307" in err and "train it again" in err and not (tmp_path / "new").exists()


def test_the_old_folder_is_never_the_new_one(runs, strop, tmp_path):
    before = contents(runs / "bpr")
    status, _, err = strop("forget", runs / "bpr", "--user", "u7", "-o", runs / "bpr")
    assert status == 8 and "S702" in err and contents(runs / "bpr") == before
    assert strop("forget", tmp_path, "--user", "u7", "-o", tmp_path / "new")[0] == 4
