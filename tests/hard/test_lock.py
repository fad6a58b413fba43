"""Several runs in one folder: one works, the others are turned away at once, and a killed holder leaves it free."""

import os
import signal
import time

import pytest
from faults import in_child

from strop.checkpoints import Store
from strop.errors import StropError


def holder(folder, ready):
    """A child that takes the lock, says so in the pipe, and holds it until it is killed."""
    pid = os.fork()
    if not pid:
        try:
            with Store(folder).lock():
                os.write(ready, b"!")
                time.sleep(60)
        finally:
            os._exit(0)
    return pid


def test_one_of_eight_runs_gets_the_folder_and_a_killed_holder_frees_it(tmp_path):
    ready, say = os.pipe()
    pid = holder(tmp_path, say)
    assert os.read(ready, 1) == b"!"

    def try_it():
        start = time.monotonic()
        with pytest.raises(StropError, match=f"process {pid} ") as caught, Store(tmp_path).lock():
            pass
        assert caught.value.code == "S701" and time.monotonic() - start < 1

    assert [in_child(try_it) for _ in range(7)] == [0] * 7
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with Store(tmp_path).lock():
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_of_runs_that_start_at_once_exactly_one_works(tmp_path):
    """Eight children wait at a gate and then all take the lock; the one that has it holds it until all have spoken."""
    gate, open_gate = os.pipe()
    answers, say = os.pipe()
    pids = []
    for _ in range(8):
        pid = os.fork()
        if not pid:
            try:
                os.close(open_gate)
                os.read(gate, 1)
                try:
                    with Store(tmp_path).lock():
                        os.write(say, b"w")
                        time.sleep(60)
                except StropError as error:
                    os.write(say, b"8" if error.exit_status == 8 else b"?")
            finally:
                os._exit(0)
        pids.append(pid)
    os.close(open_gate)
    heard = b""
    while len(heard) < 8:
        heard += os.read(answers, 8)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert sorted(heard.decode()) == ["8"] * 7 + ["w"]
