"""Trainings that are killed, interrupted, refused by the disk or diverge: each goes on to the bytes of the one left alone.

STROP_KILLS sets how often each model is killed (10).
"""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from victim import EPOCHS, all_learned, learner

from strop.checkpoints import Store
from strop.errors import StropError
from strop.training import fit

KILLS = int(os.environ.get("STROP_KILLS", "10"))
MODELS = ["bpr", "lightgcn"]
SAVE = 16  # calls of one save that change the disk, from the third of a run on; the lock and the first two make 26


@pytest.fixture(scope="module")
def server():
    """A process that has imported torch once, with one thread, and forks the victims."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("victim.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=os.environ | threads,
    ) as process:

        def ask(**job):
            process.stdin.write(json.dumps(job) + "\n")
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@pytest.fixture(scope="module", params=MODELS)
def victim(request, server, tmp_path_factory):
    """(ask, how the uninterrupted training ended): run twice, for the quicker one's seconds."""

    def ask(folder, **job):
        return server(what=request.param, folder=str(folder), **job)

    whole, again = (ask(tmp_path_factory.mktemp("whole")) for _ in range(2))
    assert whole["status"] == 0 and whole["state"] == again["state"] and whole["calls"] == again["calls"] > 200
    return ask, whole | {"seconds": min(whole["seconds"], again["seconds"])}


def assert_finished(ask, folder, whole):
    """Left alone it now ends as the uninterrupted one, and leaves two checkpoints and the lock."""
    end = ask(folder)
    assert end["status"] == 0 and end["state"] == whole["state"]
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == ["checkpoint", "checkpoint", "lock"]


def test_how_often_it_saves_changes_nothing(victim, tmp_path):
    ask, whole = victim
    assert ask(tmp_path, every=3600)["state"] == whole["state"]


def test_killed_at_random_moments_it_ends_with_the_same_bytes(victim, tmp_path):
    """Every second kill falls inside a save, at its calls in turn (half-way through a write too); the others anywhere."""
    ask, whole = victim
    random, kills, inside, runs = np.random.default_rng(0), 0, 0, 0
    while kills < KILLS:
        folder, runs = tmp_path / str(runs), runs + 1
        for _ in range(int(random.integers(1, 4))):
            in_save = inside <= kills // 2
            call = 27 + SAVE * int(random.integers(EPOCHS - 3)) + inside % SAVE
            delay = float(random.uniform(0, whole["seconds"]))
            end = ask(folder, call=call) if in_save else ask(folder, delay=delay, how="SIGKILL")
            if end["status"] == 0:  # it was faster this time, or had less left to do
                assert end["state"] == whole["state"]
                break
            assert end["status"] == -signal.SIGKILL
            kills, inside = kills + 1, inside + in_save
        assert_finished(ask, folder, whole)
    assert inside >= KILLS // 2


def test_interrupted_it_goes_on_to_the_same_bytes(victim, tmp_path):
    ask, whole = victim
    ends = []
    for share in (0.1, 0.3, 0.6):
        folder = tmp_path / str(share)
        ends.append(ask(folder, delay=share * whole["seconds"], how="SIGINT")["status"])
        assert_finished(ask, folder, whole)
    assert set(ends) <= {130, 0} and 130 in ends


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fills_while_it_trains_ends_it_with_6_and_its_checkpoint(victim, tmp_path, number):
    ask, whole = victim
    for call in (50, 53, 145):
        folder = tmp_path / str(call)
        end = ask(folder, call=call, errno=number)
        assert end["status"] == 6 and "error[S501]" in end["state"]
        assert 2 <= Store(folder).newest().step <= 10
        assert_finished(ask, folder, whole)


def test_a_second_training_in_the_folder_ends_with_8_at_once(victim, tmp_path):
    ask, whole = victim
    with Store(tmp_path).lock():
        end = ask(tmp_path)
    assert end["status"] == 8 and f"process {os.getpid()} " in end["state"]
    assert_finished(ask, tmp_path, whole)


def train(learner, folder, every=0):
    return all_learned(folder, fit(learner, epochs=EPOCHS, folder=folder, save_seconds=every))


class Disturbed:
    """A learner to which something happens in the midst of one epoch: disturb(its state) before that epoch learns."""

    def __init__(self, learner, at, disturb):
        self.learner, self.at, self.disturb = learner, at, disturb
        self.state, self.load, self.scorer = learner.state, learner.load, learner.scorer

    def epoch(self, number):
        told = self.disturb(self.state()) if number == self.at else None
        loss = self.learner.epoch(number)
        return loss if told is None else told


def spoil_parameters(value):
    """In the vector of the user without clicks, so that no loss tells."""

    def disturb(state):
        state["left"][-1, 0] = value

    return disturb


@pytest.mark.parametrize("model", MODELS)
def test_what_diverges_is_S601_and_its_last_checkpoint_is_intact(model, tmp_path):
    """A NaN or an infinity in the loss or a parameter, at once and later: seen in that epoch, and never saved."""
    whole = train(learner(model), tmp_path / "whole")
    kinds = [lambda state: np.nan, lambda state: np.inf, spoil_parameters(np.nan), spoil_parameters(-np.inf)]
    for at in (0, 7):
        for i, disturb in enumerate(kinds):
            folder = tmp_path / f"{at} {i}"
            with pytest.raises(StropError) as caught:
                train(Disturbed(learner(model), at, disturb), folder)
            assert (caught.value.code, caught.value.exit_status) == ("S601", 7)
            found = Store(folder).newest()
            assert (found.step if found else 0) == at
            assert all(np.isfinite(array).all() for array in (found.state if found else {}).values())
        assert train(learner(model), folder) == whole


@pytest.mark.parametrize("model", MODELS)
def test_interrupted_it_saves_the_epochs_that_are_done(model, tmp_path):
    """Ctrl-C within epoch 8, with an hour between checkpoints: only the interruption itself can have saved."""
    whole = train(learner(model), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(Disturbed(learner(model), 7, lambda state: signal.raise_signal(signal.SIGINT)), tmp_path / "run", 3600)
    assert Store(tmp_path / "run").newest().step in (7, 8)
    assert train(learner(model), tmp_path / "run") == whole
