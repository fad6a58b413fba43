"""The process that gets killed: a server that forks a child for each training, and kills it when it is told to.

A job is one line of JSON on stdin: what (a key of RECIPES), folder, every (seconds between checkpoints), and where it
ends early: `delay` seconds after it started by the signal `how`, or at the `call`-th call that changes the disk, by
kill -9 or from then on by `errno`. The answer is one line on stdout: the child's exit status (negative: the signal), how
many such calls it made, how long it took, and a checksum of all it learned, or what it said.
"""

import hashlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from faults import die, fail, fault

from strop.checkpoints import Store
from strop.checkpoints.arrays import checksum
from strop.errors import StropError
from strop.losses.pairwise import logistic
from strop.models.recommend.lightgcn import Graph
from strop.models.recommend.matrix_factorisation import Draws, PairwiseLearner
from strop.recipes import bpr
from strop.recipes import lightgcn as lightgcn_recipe
from strop.records import Clicks, Split
from strop.training import PairLearner, pairwise

EPOCHS = 20
_pairs = np.random.default_rng(7).permutation(40 * 30)[:480]
_parts = (Clicks(p // 30, p % 30, np.arange(41), np.arange(30)) for p in (_pairs[:400], _pairs[400:]))
SPLIT = Split(*_parts, None)  # the last user clicked nothing
SAME = {"seed": 3, "dimensions": 8, "epochs": EPOCHS, "patience": 0}
RECIPES = {
    "bpr": lambda **where: bpr.run(SPLIT, **SAME, **where),
    "lightgcn": lambda **where: lightgcn_recipe.run(SPLIT, **SAME, batch=64, **where),
}


def learner(what):
    """What the recipe of that name learns with, for tests that disturb it."""
    if what == "bpr":
        return PairwiseLearner(SPLIT.train, dimensions=8, seed=3)
    return PairLearner(
        Graph(SPLIT.train, dimensions=8, seed=3), Draws(SPLIT.train, seed=3), objective=pairwise(logistic), batch=64
    )


def all_learned(folder, done):
    """A checksum of the last state, the model that was returned, and the road to it."""
    last = Store(folder).newest()
    parts = [checksum(last.state), checksum(done.scorer.state()), repr((last.step, last.facts, done.curve[-1]))]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def child(job, pipe):
    """Trains, and says what came of it in the pipe; the exit status."""
    act = fail(job["errno"]) if "errno" in job else die
    with fault(job.get("call", 0), act, lasting="errno" in job) as made:
        try:
            folder = Path(job["folder"])
            done = RECIPES[job["what"]](folder=folder, save_seconds=job.get("every", 0))
            state, status = all_learned(folder, done), 0
        except KeyboardInterrupt:
            state, status = None, 130
        except StropError as error:
            state, status = str(error), error.exit_status
    os.write(pipe, json.dumps({"state": state, "calls": len(made)}).encode())
    return status


def serve(job):
    """Forks, waits for the end or makes it, and answers."""
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork copies one thread only"
    start, (read, write) = time.monotonic(), os.pipe()
    pid = os.fork()
    if not pid:
        status = 70
        try:
            status = child(job, write)
        finally:
            os._exit(status)
    os.close(write)
    if "delay" in job and not select.select([read], [], [], job["delay"])[0]:
        os.kill(pid, getattr(signal, job["how"]))
    said = b"".join(iter(lambda: os.read(read, 4096), b""))
    os.close(read)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    answer = json.loads(said) if said else {"state": None, "calls": 0}
    return answer | {"status": status, "seconds": time.monotonic() - start}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for run in RECIPES.values():
        run()  # compiles and loads what each child would have to load again
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
