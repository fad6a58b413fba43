"""How do strop and TRL compare, side by side in one run? Starts each arm in its own environment, in turn, in rounds.

usage: compare.py [MODEL, ...]     Reads BENCH_ENVS, BENCH_DATA, BENCH_WORK, BENCH_ROUNDS (3); writes results.jsonl beside this
file, in which rows of models that are not named stay.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PYTHON = {"strop": Path(sys.executable), "trl": Path(os.environ["BENCH_ENVS"]) / "trl/bin/python"}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
STEPS = 5
TASKS: list[tuple[str, dict[str, Any]]] = [
    ("dpo", {"cached": False}),
    ("dpo", {"cached": True}),
    ("sft", {}),
    ("reward", {}),
    ("grpo", {}),
]
MODELS = {
    "tiny17m": ROUNDS,
    "tiny4k": ROUNDS,
    "smollm2": 1,
}  # rounds of each: a step of the last takes TRL half a minute


def do(arm: str, task: tuple[str, str, dict[str, Any]], round: int) -> list[dict[str, Any]]:
    """One task in a process of its own, so that its peak of memory is its own."""
    work = Path(os.environ["BENCH_WORK"])
    lines = work / "lines.jsonl"
    lines.unlink(missing_ok=True)
    print(f"{time.strftime('%H:%M:%S')} round {round}: {arm} {task}", flush=True)
    environment = {**os.environ, **ONE_THREAD, "BENCH_LINES": str(lines)}
    with (work / "said.txt").open("a") as said:
        command = [PYTHON[arm], HERE / f"arm_{arm}.py", json.dumps([task])]
        code = subprocess.run(command, env=environment, stdout=said, stderr=said, check=False).returncode
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []
    told = [{"arm": arm, "model": task[1], "round": round, **row} for row in found]
    return (
        told
        if not code
        else [*told, {"arm": arm, "model": task[1], "round": round, "figure": "failed", "task": task[0]}]
    )


def main() -> None:
    rows: list[dict[str, Any]] = [
        {
            "figure": "machine",
            "date": time.strftime("%Y-%m-%d"),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "rounds": ROUNDS,
        }
    ]
    chosen, path = sys.argv[1:] or list(MODELS), HERE / "results.jsonl"
    before = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    rows += [row for row in before if row.get("model") not in (None, *chosen)]
    for model in chosen:
        for round in range(1, MODELS[model] + 1):
            for task, settings in TASKS:
                for arm in PYTHON:
                    rows += do(arm, (task, model, {"steps": STEPS, **settings}), round)
                    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
