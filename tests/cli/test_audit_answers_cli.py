"""Does `strop audit ANSWERS` tell a file by its columns, write what it says it writes, and end in one line where it cannot?"""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "experiments"))
from answer_worlds import rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("answers")

    def write(name, told):
        (path / name).write_text("".join(json.dumps(row) + "\n" for row in told))

    for kind in ("over", "calibrated", "inverted"):
        write(f"{kind}.jsonl", rows(kind, 300, free=0.5))
    base = rows("calibrated", 60)
    bare = [{"question": r["question"], "answer": r["answer"], "confidence": r["confidence"]} for r in base]
    write("judge.jsonl", [r | {"reference": str(i + 3)} for i, r in enumerate(bare)])
    write("bare.jsonl", bare)
    write("percent.jsonl", [r | ({"confidence": 95} if i in (3, 7) else {}) for i, r in enumerate(base)])
    write("silent.jsonl", [{k: v for k, v in r.items() if k != "confidence"} for r in base])
    (path / "clicks.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u in range(9) for i in range(5)))
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("over", "overconfident by +0.3"),
        ("calibrated", "as sure as it is right"),
        ("inverted", "the surer, the more often wrong"),
    ],
)
def test_each_writer_is_found(strop, folder, tmp_path, kind, said):
    status, out, err = strop("audit", folder / f"{kind}.jsonl", "-o", tmp_path / "out", "--write", "jsonl")
    assert status == 0, err
    assert said in " ".join(out.split())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"result.json", "report.html", "calibrated.jsonl"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "As sure as it is right?" in page and "How many can be kept" in page
    assert page.count("<svg") >= 3 and "token_probability: As sure" in page


def test_a_verifier_judges(strop, folder):
    status, out, _ = strop("audit", folder / "judge.jsonl", "--verifier", "numeric", "--json")
    told = json.loads(out)
    assert status == 0 and told["command"].endswith("--as answers --verifier numeric")
    plain = json.loads(strop("audit", folder / "calibrated.jsonl", "--as", "answers", "--json", "-q")[1])
    assert told["data"]["answers"] == 60 and plain["data"]["answers"] == 300


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("bare.jsonl --as answers", 3, "no column says what is right"),
        ("silent.jsonl", 3, "no confidence"),
        ("percent.jsonl", 3, 'percent.jsonl:4: column "confidence": 95 is outside its range (also row 8)'),
        ("nowhere.jsonl --as answers", 3, "nowhere.jsonl"),
        ("clicks.csv --as answers", 3, "S204"),
        ("clicks.csv --verifier numeric", 2, "--verifier is for answers, and these are clicks"),
        ("over.jsonl --titles clicks.csv", 2, "--titles is for clicks, and these are answers"),
        ("over.jsonl --model none", 2, "--model is for pairs and rewards, and these are answers"),
        ("over.jsonl --checked over.jsonl", 2, "--checked is for clicks and pairs, and these are answers"),
        ("over.jsonl --write csv -o out", 3, "--write jsonl"),
        ("over.jsonl --write jsonl", 2, "needs a folder"),
        ("judge.jsonl --as answers --verifier odd", 2, "odd"),
    ],
)
def test_mistakes_end_in_one_line(strop, folder, monkeypatch, line, status, said):
    monkeypatch.chdir(folder)
    found, out, err = strop("audit", *line.split(), "-q")
    assert found == status and said in err and "Traceback" not in err and not out
    assert not (folder / "out").exists()


def test_bad_rows_may_be_left_out(strop, folder):
    status, _, err = strop("audit", folder / "percent.jsonl", "--bad-rows", "skip")
    assert status == 0 and "2 rows dropped [S211]" in err
