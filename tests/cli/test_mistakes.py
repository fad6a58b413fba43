"""Mistakes that people make: each ends in one line, its help and the right exit status, never in a traceback."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "empty.csv": b"",
    "header.csv": b"user,item,rating\n",
    "columns.csv": b"a,b\n1,2\n3,4\n",
    "one_user.csv": b"user,item\n" + b"".join(b"1,%d\n" % i for i in range(9)),
    "one_item.csv": b"user,item\n" + b"".join(b"%d,1\n" % i for i in range(9)),
    "nan.csv": b"user,item,rating\n1,2,3\n2,3,nan\n1,3,2\n",
    "inf.csv": b"user,item,rating\n1,2,3\n2,3,inf\n1,3,2\n",
    "text.csv": b"user,item,rating\n1,2,3\n2,3,good\n1,3,2\n",
    "ragged.csv": b"user,item,rating\n1,2,3\n2,3\n1,3,2,7,8\n",
    "latin.csv": "user,item\ncaf\xe9,b\nd,e\n".encode("latin-1"),
    "cut.csv.gz": gzip.compress(b"user,item\n" + b"1,2\n3,4\n" * 5000, mtime=0)[:60],
    "cut.parquet": b"PAR1" + bytes(40),
    "times.csv": b"user,item,time\n1,2,1000000000\n2,3,1000000000000\n1,3,1000000000000000\n",
    "no_time.csv": b"user,item\n" + b"".join(b"%d,%d\n" % (u, i) for u in range(9) for i in range(5)),
    "few.csv": b"user,item\n1,2\n2,1\n",
    "blank.csv": b"user,item\n1,2\n,3\n2,4\n",
    "fine.csv": b"user,item\n" + b"".join(b"%d,%d\n" % (u, i) for u in range(9) for i in range(5)),
    "broken_run/run.json": b"{",
    "other_run/run.json": b'{"recipe": "bpr"}',
    "held/result.json": b"{}",
}
# arguments, exit status, what the line must say
MISTAKES = [
    ("chek fine.csv", 2, 'did you mean "check"'),
    ("rnu bpr fine.csv", 2, 'did you mean "run"'),
    ("recomend held", 2, 'did you mean "recommend"'),
    ("auditt fine.csv", 2, 'did you mean "audit"'),
    ("explian S203", 2, 'did you mean "explain"'),
    ("frobnicate", 2, "frobnicate"),
    ("", 2, ""),
    ("check", 2, "SOURCE"),
    ("check fine.csv more", 2, "more"),
    ("check fine.csv --thresold 3", 2, "--threshold"),
    ("check fine.csv --threshold high", 2, "high"),
    ("check fine.csv --threshold 3", 3, "S204"),
    ("check fine.csv --k-core many", 2, "many"),
    ("check fine.csv --k-core -1", 4, "-1"),
    ("check fine.csv --k-core 50", 3, "S209"),
    ("check fine.csv --bad-rows skipp", 2, "skipp"),
    ("check fine.csv --user uesr", 3, "uesr"),
    ("check fine.csv --item itm", 3, "itm"),
    ("check fine.csv --rating stars", 3, "stars"),
    ("check fine.csv --format cvs", 2, 'did you mean "csv"'),
    ("check fine.csv --encoding utf-99", 2, "utf-99"),
    ("check fin.csv", 3, "fin.csv"),
    ("check ml-10k", 3, 'did you mean "ml-100k"'),
    ("check held", 3, "held"),
    ("check fine.csv --write out.docx", 3, ".docx"),
    ("check empty.csv", 3, "S202"),
    ("check header.csv", 3, "S202"),
    ("check columns.csv", 3, "S204"),
    ("check one_user.csv", 3, "S209"),
    ("check one_item.csv", 3, "S209"),
    ("check nan.csv", 3, "nan.csv:3"),
    ("check inf.csv", 3, "inf.csv:3"),
    ("check text.csv", 3, '"good" is not a number'),
    ("check ragged.csv", 3, "ragged.csv:3"),
    ("check latin.csv", 3, "S206"),
    ("check cut.csv.gz", 3, "S207"),
    ("check cut.parquet", 3, "S207"),
    ("check times.csv", 3, "S213"),
    ("check blank.csv", 3, "blank.csv:3"),
    ("run", 2, ""),
    ("run bpr", 2, "SOURCE"),
    ("run bprr fine.csv", 2, 'did you mean "bpr"'),
    ("run lightgnc fine.csv", 2, 'did you mean "lightgcn"'),
    ("run bpr fine.csv --epoch 3", 2, "--epochs"),
    ("run bpr fine.csv --loss logistik", 2, "logistic"),
    ("run bpr fine.csv --dimensions 0", 4, "dimensions"),
    ("run bpr fine.csv --dimensions wide", 2, "wide"),
    ("run bpr fine.csv --rate -1", 4, "rate"),
    ("run bpr fine.csv --epochs 0", 4, "epochs"),
    ("run bpr fine.csv --seed -1", 2, "-1"),
    ("run bpr fine.csv --split tiem", 2, "tiem"),
    ("run bpr no_time.csv --split time", 4, "times"),
    ("run bpr few.csv", 3, "S209"),
    ("run bpr fine.csv --titles none.csv", 3, "none.csv"),
    ("run bpr fine.csv --threads 0", 2, "0"),
    ("run bpr fine.csv -o held", 8, "S702"),
    ("run bpr fine.csv -o broken_run", 8, "S702"),
    ("run bpr fine.csv -o fine.csv", 6, "S503"),
    ("run bpr fine.csv -o fine.csv/a", 6, "S503"),
    ("run ips fine.csv --clip 0", 4, "clip"),
    ("run ease fine.csv --regularisation 0", 4, "regularisation"),
    ("run ipl fine.csv --strength -1", 4, "strength"),
    ("run ipl fine.csv --gama 2", 2, "--gamma"),
    ("resume none", 4, "S302"),
    ("resume broken_run", 4, "S302"),
    ("resume other_run", 4, "S302"),
    ("resume held --allow-change trch", 2, "torch"),
    ("recommend none --user 1", 4, "S302"),
    ("recommend held", 2, "--user"),
    ("recommend held --user 1 --similar 2", 2, "--user"),
    ("recommend held --all", 2, "-o"),
    ("recommend held --user 1 -k 0", 2, "0"),
    ("compare fine.csv --arms bpr,iasl", 2, 'did you mean "ials"'),
    ("compare fine.csv --baseline esae", 2, 'did you mean "ease"'),
    ("compare fine.csv --trials 0", 4, "trials"),
    ("compare fine.csv --scores mine none.csv", 3, "none.csv"),
    ("compare fine.csv -o held", 8, "S702"),
    ("report none", 3, "S201"),
    ("report held", 4, "S302"),
    ("list recipies", 2, 'did you mean "recipe"'),
    ("explain iplo", 2, 'did you mean "ipl"'),
    ("explain S999", 2, "S999"),
    ("data ml10k", 2, 'did you mean "ml-100k"'),
    ("data fine.csv", 2, "--write"),
    ("data fine.csv --write held", 8, "S702"),
    ("data fine.csv --write split --format recbol", 2, "recbole"),
    ("data --write split", 2, "FILE"),
]


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def names(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("line, status, said", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told_in_one_line_and_leaves_nothing(line, status, said, room, strop, monkeypatch):
    monkeypatch.chdir(room)
    before = names(room)
    found, out, err = strop(
        *line.split(), *(["-q"] if line.startswith(("run b", "run e", "run i", "compare", "data fine")) else [])
    )
    assert (found, said in err) == (status, True), err
    if len(line.split()) > 1:
        lines = err.splitlines()
        assert len(lines) == 2 and lines[0].startswith("error[S") and lines[1].startswith("help: ")
        assert not out
    assert names(room) == before


def test_with_json_the_error_is_an_object(room, strop, monkeypatch):
    monkeypatch.chdir(room)
    status, _, err = strop("check", "text.csv", "--json")
    told = json.loads(err)
    assert status == 3 and (told["code"], told["file"], told["row"], told["column"]) == (
        "S203",
        "text.csv",
        3,
        "rating",
    )


NOBODY = """
import json, os, sys
from strop.cli import status_of
status_of(["run", "popular", "open.csv", "-q", "-o", "warm"])  # all imports, while they may be read
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps([status_of(line) for line in json.loads(sys.argv[1])]))
"""


def test_what_an_ordinary_user_may_not_read_or_write(tmp_path, monkeypatch):
    """Root reads everything, so the commands are those of somebody who owns nothing."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o1000 or folder == Path("/"):  # the shared temporary folder, and what lies above it
            break
        folder.chmod(0o755)
    (tmp_path / "secret.csv").write_bytes(FILES["fine.csv"])
    (tmp_path / "open.csv").write_bytes(FILES["fine.csv"])
    (tmp_path / "secret.csv").chmod(0)
    (tmp_path / "closed").mkdir(mode=0o555)
    monkeypatch.chdir(tmp_path)
    lines = [
        ["check", "open.csv", "--json"],
        ["check", "secret.csv"],
        ["run", "popular", "open.csv", "-q", "-o", "closed/a"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, json.dumps(lines)], capture_output=True, text=True, timeout=60, check=False
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, 3, 6], done.stderr
    assert "secret.csv" in done.stderr and "closed/a" in done.stderr and "Traceback" not in done.stderr
