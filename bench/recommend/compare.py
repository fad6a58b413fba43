"""How do strop and its peers compare, side by side in one run? Starts every arm in its own environment, in turn, in rounds.

usage: compare.py [graphs]     graphs: measures LightGCN and its kin and Rel-MF alone; the other rows stay. Reads BENCH_ENVS, BENCH_DATA, BENCH_WORK, BENCH_ROUNDS (3); writes results.jsonl beside this file.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import judge
from measuring import WORK

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ["BENCH_ENVS"])
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PYTHON = {
    "strop": Path(sys.executable),
    "machine": Path(sys.executable),
    "process": Path(sys.executable),
    "implicit": ENVIRONMENTS / "light/bin/python",
    "cornac": ENVIRONMENTS / "light/bin/python",
    "recbole": ENVIRONMENTS / "recbole/bin/python",
}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
SHARE = 0.99  # of the best validation NDCG@20: where a fit has arrived
EPOCHS = {"ml100k": 200, "synth": 80}
SLOW_EPOCHS = 60  # for RecBole, whose best comes early and whose epochs cost thirty times as much
CHECKPOINTS = (2, 4, 6, 8, 10, 12, 15, 18, 22, 26, 30, 35, 40, 50, 60, 70, 80, 100, 120, 150, 200)

# The same number of settings a library: its defaults first, then values around those that are known to do well.
TRIALS: dict[str, dict[str, list[tuple[float, float]]]] = {
    "ml100k": {
        "strop": [(0.05, 0.02), (0.1, 0.02), (0.1, 0.01), (0.05, 0.04)],
        "implicit": [(0.01, 0.01), (0.05, 0.01), (0.02, 0.01), (0.02, 0.05)],
        "cornac": [(0.001, 0.01), (0.05, 0.01), (0.02, 0.01), (0.05, 0.02)],
        "recbole": [(1e-3, 0.0), (5e-3, 0.0), (2e-3, 1e-5), (5e-3, 1e-5)],
    },
    "synth": {
        "strop": [(0.05, 0.02), (0.1, 0.02), (0.05, 0.04)],
        "implicit": [(0.01, 0.01), (0.005, 0.01), (0.01, 0.03)],
        "cornac": [(0.01, 0.01), (0.02, 0.01), (0.01, 0.02)],
    },
}
ALS_EPOCHS = 15
ALS: dict[str, list[dict[str, float]]] = {
    "strop": [
        {"regularisation": regularisation, "unobserved_weight": weight}
        for regularisation, weight in ((0.02, 0.15), (0.003, 0.15), (0.02, 0.03), (0.05, 0.3))
    ],
    "implicit": [
        {"regularization": regularisation, "alpha": alpha}
        for regularisation, alpha in ((0.01, 1.0), (1.0, 1.0), (10.0, 1.0), (10.0, 4.0))
    ],
}
EASE = {"regularisation": 400.0}

GRAPHS = ("lightgcn", "sgl", "simgcl", "relmf", "graphs alone")  # figures of `graphs`

results: list[dict[str, Any]] = []


def note(**facts: Any) -> None:
    results.append(facts)
    (HERE / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in results))


def do(arm: str, *tasks: tuple[str, str, dict[str, Any]], round: int = 0, label: str = "", **env: str) -> list[Any]:
    """Starts one arm and returns what it told; what it said besides is kept in the work folder."""
    lines = WORK / "lines.jsonl"
    lines.unlink(missing_ok=True)
    print(f"{time.strftime('%H:%M:%S')} round {round}: {arm}", *(" ".join(t[:2]) for t in tasks), flush=True)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(WORK / "numba"), **ONE_THREAD, "BENCH_LINES": str(lines), **env}
    command = [PYTHON[arm], HERE / f"arm_{arm}.py", json.dumps(tasks)]
    with (WORK / "said.txt").open("a") as said:
        code = subprocess.run(command, env=environment, stdout=said, stderr=said, check=False).returncode
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []
    common = {"arm": label or arm, "data": tasks[0][1], "round": round}
    told = [{**common, **row, "library": arm} for row in found]
    if code:
        told.append({**common, "library": arm, "figure": "failed", "tasks": [t[0] for t in tasks], "code": code})
        print("  failed; see", WORK / "said.txt", flush=True)
    return told


def keep(rows: list[Any]) -> None:
    for row in rows:
        note(**row)


def search(data: str, arm: str) -> dict[str, Any]:
    """All trials of one library; notes each one's curve, and returns where it did best and the curve of that trial."""
    checkpoints = [
        epoch for epoch in CHECKPOINTS if epoch <= EPOCHS[data] and (arm != "recbole" or epoch <= SLOW_EPOCHS)
    ]
    trials = [{"rate": rate, "l2": l2} for rate, l2 in TRIALS[data][arm]]
    rows = do(arm, ("search", data, {"trials": trials, "checkpoints": checkpoints}))
    curves = []
    for row in rows:
        if row["figure"] != "search":
            note(**row)
            continue
        curve = []
        for epoch in checkpoints:
            path = WORK / f"{data}.{arm}.{row['trial']}.{epoch}.npz"
            ndcg = judge.of_factors(path, data, seen=("fit",), part="validation")["ndcg"]
            curve.append((epoch, round(row["after"][epoch - 1], 3), round(ndcg, 5)))
        curves.append({"settings": trials[row["trial"]], "trial": row["trial"], "curve": curve})
    best = max(curves, key=lambda c: max(ndcg for _, _, ndcg in c["curve"]))
    epoch, _, ndcg = max(best["curve"], key=lambda point: point[2])
    path = WORK / f"{data}.{arm}.{best['trial']}.{epoch}.npz"
    tested = judge.of_factors(path, data, seen=("fit", "validation"), part="test")
    for path in WORK.glob(f"{data}.{arm}.*.npz"):
        path.unlink()
    for curve in curves:
        note(figure="search", library=arm, data=data, **curve)
    note(figure="best", library=arm, data=data, epoch=epoch, ndcg=ndcg, test=tested, settings=best["settings"])
    return {"curves": curves, "best": ndcg}


def first(found: dict[str, Any], level: float) -> dict[str, Any] | None:
    """The setting and the epochs that reach the level in the fewest CPU seconds; None where none does."""
    there = [
        (spent, {**curve["settings"], "epochs": epoch})
        for curve in found["curves"]
        for epoch, spent, ndcg in curve["curve"]
        if ndcg >= level
    ]
    return min(there, key=lambda pair: pair[0])[1] if there else None


def goals(data: str) -> list[tuple[str, str, dict[str, Any], float]]:
    """What is timed: (library, label, settings, level) for the target, or each library's own best where it is not reached."""
    found = {arm: search(data, arm) for arm in TRIALS[data]}
    target = SHARE * max(f["best"] for f in found.values())
    peers = SHARE * max(f["best"] for arm, f in found.items() if arm != "strop")
    note(figure="target", data=data, level=target, peers=peers)
    wanted = []
    for arm, curves in found.items():
        settings = first(curves, target)
        level = target if settings else SHARE * curves["best"]
        settings = settings or first(curves, level)
        assert settings is not None
        wanted.append((arm, "target" if level == target else "own best", settings, level))
    for label, level in (("target, cold", target), ("peers' best, cold", peers)):
        settings = first(found["strop"], level)
        if settings is not None:
            wanted.append(("strop", label, settings, level))
    return wanted


def timed(data: str, wanted: list[tuple[str, str, dict[str, Any], float]], round: int) -> None:
    """Fits to each goal anew, in a process of its own; cold: numba finds no cache."""
    for arm, label, settings, level in wanted:
        empty = WORK / "empty"
        shutil.rmtree(empty, ignore_errors=True)
        cold = {"NUMBA_CACHE_DIR": str(empty)} if "cold" in label else {}
        for row in do(arm, ("timed", data, settings), round=round, label=label, **cold):
            if row["figure"] == "timed":
                ndcg = judge.of_factors(WORK / f"{data}.timed.npz", data, seen=("fit",), part="validation")["ndcg"]
                note(**row, settings=settings, level=level, ndcg=ndcg)


def best_als(data: str) -> dict[str, dict[str, float]]:
    """Of each library's settings the one with the best validation NDCG@20."""
    chosen = {}
    for arm, trials in ALS.items():
        do(arm, ("als", data, {"part": "fit", "epochs": ALS_EPOCHS, "trials": trials}))
        paths = [WORK / f"{data}.als.{arm}.{n}.{ALS_EPOCHS}.npz" for n in range(len(trials))]
        found = [judge.of_factors(path, data, seen=("fit",), part="validation")["ndcg"] for path in paths]
        chosen[arm] = trials[found.index(max(found))]
        note(figure="als search", library=arm, data=data, trials=trials, ndcg=found)
    return chosen


def als(data: str, chosen: dict[str, dict[str, float]], round: int) -> None:
    for arm, settings in chosen.items():
        for row in do(arm, ("als", data, {"part": "train", "epochs": ALS_EPOCHS, "trials": [settings]}), round=round):
            if row["figure"] == "als":
                path = WORK / f"{data}.als.{arm}.0.{ALS_EPOCHS}.npz"
                row |= {"settings": settings, "test": judge.of_factors(path, data, seen=("train",), part="test")}
            note(**row)


def ease(data: str, round: int) -> None:
    for arm in ("strop", "cornac", "recbole"):
        for row in do(arm, ("ease", data, EASE), round=round):
            if row["figure"] == "ease":
                row["test"] = judge.of_scores(WORK / f"{data}.ease.npy", data)
            note(**row)


def graphs(round: int) -> None:
    """LightGCN and the two with views, in turn; Rel-MF where Coat is at hand."""
    epochs = {"epochs": 3}
    for name in ("lightgcn", "sgl"):
        for arm in ("strop", "recbole"):
            keep(do(arm, (name, "ml100k", epochs), round=round))
    keep(do("strop", ("simgcl", "ml100k", epochs), round=round))
    if "STROP_DATA" in os.environ:
        keep(do("strop", ("relmf", "coat", {}), round=round))


def import_seconds(round: int) -> None:
    """`import strop` in a fresh interpreter, the median of five."""
    code = "import time; w, c = time.perf_counter(), time.process_time(); import strop; print(time.perf_counter() - w, time.process_time() - c)"
    said = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    wall, spent = (statistics.median(v) for v in zip(*(map(float, s.stdout.split()) for s in said), strict=True))
    note(figure="import", library="strop", data="", round=round, wall=wall, cpu=spent)


def one_round(round: int, wanted: dict[str, Any], chosen: dict[str, Any]) -> None:
    few, many = {"epochs": 8}, {"epochs": 60}
    for data, arms in (("ml100k", many), ("synth", few)):
        speed = ("speed", data, arms)
        ranking = [("rank", data, {})] if data == "synth" else []
        keep(do("machine", ("copy", data, {}), round=round))
        keep(do("strop", speed, round=round))
        keep(do("implicit", speed, *ranking, round=round))
        keep(do("cornac", speed, *ranking, round=round))
        keep(do("recbole", ("speed", data, {"epochs": 3 if data == "ml100k" else 2}), *ranking, round=round))
        if ranking:
            keep(do("strop", *ranking, round=round))
        timed(data, wanted[data], round)
        als(data, chosen[data], round)
    graphs(round)
    ease("ml100k", round)
    if round == 1:
        ease("synth", round)
    import_seconds(round)
    keep(do("process", ("whole", "ml100k", {}), round=round))


def only_graphs() -> None:
    """Measures these rows anew and keeps all others, starts of processes too, as they were."""
    rows = [json.loads(line) for line in (HERE / "results.jsonl").read_text().splitlines()]
    results.extend(row for row in rows if row["figure"] not in GRAPHS)
    others, before = len(results), os.getloadavg()
    for round in range(1, ROUNDS + 1):
        graphs(round)
    results[others:] = [row for row in results[others:] if row["figure"] != "start"]
    note(figure="graphs alone", date=time.strftime("%Y-%m-%d"), rounds=ROUNDS, load=[before[0], os.getloadavg()[0]])


def main() -> None:
    start = time.time()
    facts = {"cores": os.cpu_count(), "rounds": ROUNDS, "model": _processor()}
    note(figure="machine", load=os.getloadavg(), date=time.strftime("%Y-%m-%d"), **facts)
    wanted = {data: goals(data) for data in TRIALS}
    chosen = {data: best_als(data) for data in TRIALS}
    for round in range(1, ROUNDS + 1):
        note(figure="load", round=round, load=os.getloadavg())
        one_round(round, wanted, chosen)
    for threads in ("2", "1"):
        keep(do("strop", ("ipl", "ml100k", {}), label=f"{threads} threads", OMP_NUM_THREADS=threads))
    keep(do("process", ("audit", "synth", {})))
    note(figure="end", load=os.getloadavg(), seconds=time.time() - start)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(chain((line.split(":")[1].strip() for line in lines if line.startswith("model name")), ["unknown"]))


if __name__ == "__main__":
    only_graphs() if sys.argv[1:] == ["graphs"] else main()
