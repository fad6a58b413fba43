"""strop demo teacher: models and problems that the next command takes."""

import json

import pytest

from strop.experiments.procedural import arithmetic, worked_chain


@pytest.mark.slow
def test_what_is_made_is_what_the_next_command_needs(strop, tmp_path):
    place = tmp_path / "strop-demo"
    status, out, err = strop("demo", "teacher", "-q", "-o", place)
    assert status == 0, err
    rows = [json.loads(line) for line in (place / "problems.jsonl").read_text().splitlines()]
    assert len({row["prompt"] for row in rows}) == 1000
    for row in rows[:50]:
        truth = worked_chain(row["prompt"], arithmetic(7))
        assert (row["answer"], row["solution"]) == (truth.answer, truth.solution)
    command = out.split("Next: strop ")[1].strip().replace('"{question}"', "{question}").split()
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in rows[:120]))
    command[2], command[command.index("-o") + 1] = str(few), str(tmp_path / "run")
    command[command.index("--passes") + 1] = "1"
    status, out, err = strop(*command, "--arms", "plain", "--vote", "0", "-q")
    assert status == 0, err
    figures = {f["name"]: f for f in json.loads((tmp_path / "run/result.json").read_text())["figures"]}
    assert 0.2 < figures["traces right, share"]["value"] < 0.6
