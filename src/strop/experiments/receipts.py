"""How is a receipt made? Its rule is looked up in the history, its splits are run and kept, its verdict follows."""

import hashlib
import json
import logging
import multiprocessing
import subprocess
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from strop.checkpoints import read_json, write_json
from strop.errors import StropError
from strop.experiments.claims import ipl_verdict
from strop.experiments.claims.judging import judge
from strop.experiments.running import peak_megabytes
from strop.records import DoseCurve, Receipt, Recovered

log = logging.getLogger("strop.evidence")


def committed(rule: Path) -> str:
    """The commit in which the rule last changed. Errors: S201 no rule, S306 it is not committed, or was changed since."""
    if not rule.exists():
        raise StropError("S201", "there is no rule", "write rule.json and commit it before the run", str(rule))

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=rule.parent, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    commit = git("log", "-n", "1", "--format=%H", "--", rule.name)
    if not commit or git("status", "--porcelain", "--", rule.name):
        raise StropError("S306", "the rule is not committed as it stands", "git commit it before the run", str(rule))
    return commit


def _one(task: tuple[str, dict[str, Any], str, int, str]) -> tuple[str, float]:
    """One split, in a process of its own with one thread; its row is written when it is whole."""
    import torch

    method, rule, data, seed, path = task
    torch.set_num_threads(1)
    start = time.process_time()
    row = import_module(f"strop.experiments.claims.{method}").one_split(rule, data, seed)
    row["cpu_seconds"] = time.process_time() - start
    row["peak_megabytes"] = peak_megabytes()
    write_json(Path(path), row)
    return f"{data}, seed {seed}", row["cpu_seconds"]


def drawings(method: str, place: Path, receipt: Receipt) -> dict[str, DoseCurve | Recovered]:
    """What a claim draws of its receipt, by name: its `curves`, and its `recoveries` of a gap; nothing for most."""
    claim, rule = import_module(f"strop.experiments.claims.{method}"), read_json(place / "rule.json")
    makers = [getattr(claim, kind) for kind in ("curves", "recoveries") if hasattr(claim, kind)]
    return {name: one for make in makers for name, one in make(rule, receipt).items()}


def run(method: str, place: Path, *, jobs: int = 1) -> Receipt:
    """Runs what is missing of a method's splits and gives its receipt. Rows lie in place/rows, under the rule's hash.

    Errors: S306 and S201 as `committed`, S302 a damaged rule.
    """
    commit = committed(place / "rule.json")
    rule: Any = read_json(place / "rule.json")
    key = hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:12]
    rows = place / "rows" / key
    rows.mkdir(parents=True, exist_ok=True)
    tasks = []
    for data, about in rule["data"].items():
        for seed in about["seeds"]:
            path = rows / f"{data.replace(' ', '-')}-{seed}.json"
            tasks.append((method, rule, data, seed, str(path)))
    left = [task for task in tasks if not Path(task[-1]).exists()]
    log.info("%s: %d splits, %d to run", method, len(tasks), len(left))
    with multiprocessing.get_context("spawn").Pool(max(1, jobs)) as pool:
        for done, (name, seconds) in enumerate(pool.imap_unordered(_one, left)):
            log.info("%s: %s in %.0f CPU s, %d of %d", method, name, seconds, done + 1, len(left))
    found: list[Any] = [read_json(Path(task[-1])) for task in tasks]
    cost = {
        "cpu_seconds": sum(row.pop("cpu_seconds") for row in found),
        "peak_megabytes": max(row.pop("peak_megabytes") for row in found),
    }
    command = f"strop evidence {method}"
    if "margins" in rule:  # the first receipt's rule is not in the form that judging reads
        return ipl_verdict.receipt(rule, found, commit=commit, cost=cost, command=command)
    claim = import_module(f"strop.experiments.claims.{method}")
    exact = claim.exact(rule) if hasattr(claim, "exact") else []
    return judge(rule, found, exact, commit=commit, cost=cost, command=command)
