"""How do strop and transformers' generate compare, side by side in one run? Each arm in a process of its own, in turn, in rounds.

usage: compare.py [MODEL, ...]     Reads BENCH_DATA, BENCH_WORK, BENCH_ROUNDS (3); writes results.jsonl, in which rows of
models that are not named stay.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from work import PLACE, SIZES, TASKS

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ARMS = ("strop", "transformers")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def characters() -> None:
    """A model of two layers of width 64 that reads a character at a time; random weights, so that any token may end an answer."""
    from strop.models.language.opening import keep_model
    from strop.models.language.tiny import character_tokenizer, small_llama

    if not (PLACE / "characters").is_dir():
        tokenizer = character_tokenizer("0123456789+-*/=() ,.")
        keep_model(small_llama(tokenizer), tokenizer, PLACE / "characters")


def do(arm: str, model: str, task: str, round: int) -> list[dict[str, Any]]:
    """What one process tells."""
    place = Path(os.environ["BENCH_WORK"])
    lines = place / "decoding.jsonl"
    lines.unlink(missing_ok=True)
    print(f"{time.strftime('%H:%M:%S')} round {round}: {arm} {model}, {task}", flush=True)
    wanted = json.dumps([("write", model, {"task": task})])
    with (place / "said.txt").open("a") as said:
        command = [sys.executable, HERE / f"arm_{arm}.py", wanted]
        environment = {**os.environ, **ONE_THREAD, "BENCH_LINES": str(lines)}
        code = subprocess.run(command, env=environment, stdout=said, stderr=said, check=False).returncode
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []
    failed = [{"figure": "failed", "task": task}] if code else []
    return [{"arm": arm, "model": model, "round": round, **row} for row in [*found, *failed]]


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of greedy answers, how many are those of generate's first way, and the rows without the answers themselves."""
    truth = next((r["answers"] for r in rows if r["arm"] == "transformers" and r["figure"] == "greedy"), None)
    for row in rows:
        answers = row.pop("answers", None)
        if answers is not None and row["figure"] == "greedy" and truth is not None:
            both = [
                (a, b) for ours, theirs in zip(answers, truth, strict=True) for a, b in zip(ours, theirs, strict=True)
            ]
            row["equal_answers"] = sum(a == b for a, b in both)
            row["of_answers"] = len(both)
            same = [next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(b)) for a, b in both]
            row["equal_tokens"] = round(sum(same) / sum(len(b) for _, b in both), 5)  # up to the first that differs
    return rows


def main() -> None:
    characters()
    chosen, path = sys.argv[1:] or list(SIZES), HERE / "results.jsonl"
    before = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    rows = [row for row in before if row.get("model") not in chosen and row["figure"] != "machine"]
    rows.insert(
        0, {"figure": "machine", "date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    )
    for model in chosen:
        for round in range(1, ROUNDS + 1):
            for task, size in zip(TASKS, SIZES[model], strict=True):
                if size is not None:
                    rows += compared([row for arm in ARMS for row in do(arm, model, task, round)])
                    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
