"""Disks that fill, fail and lie, and processes that die at every call of a save: the last sound checkpoint loads."""

import errno
import os
import shutil
import signal
import subprocess

import numpy as np
import pytest
from faults import die, fail, fault, in_child

from strop.checkpoints import Store, read_json, write_bytes, write_json
from strop.errors import StropError

ERRNOS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES]


def state(step):
    return {"weights": np.random.default_rng(step).normal(size=(20, 4)), "stream": np.array([2**64 - step], np.uint64)}


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".tmp-")]


def put(folder, *steps):
    store = Store(folder)
    with store.lock():
        for step in steps:
            store.save(step, state(step), {"epoch": step, "rate": 0.1})


def assert_sound(folder, steps):
    """A new process takes the lock, finds one of these steps with all its state, leaves no rest, and goes on."""
    store = Store(folder)
    with store.lock():
        found = store.newest()
        assert found.step in steps and found.facts == {"epoch": found.step, "rate": 0.1} and found.skipped == ()
        assert all(np.array_equal(found.state[name], array) for name, array in state(found.step).items())
        assert leftovers(folder) == []
        store.save(4, state(4), {"epoch": 4, "rate": 0.1})
    assert store.newest().step == 4
    assert len(list(folder.glob("checkpoint-*"))) == 2
    return found.step


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with the checkpoints 1 and 2, and the calls that saving a third makes."""
    folder = tmp_path_factory.mktemp("two") / "run"
    put(folder, 1, 2)
    shutil.copytree(folder, folder.parent / "counted")
    with fault() as made:
        put(folder.parent / "counted", 3)
    return folder, made


def copy(two, tmp_path, name):
    return shutil.copytree(two[0], tmp_path / str(name))


def test_all_is_synced_before_the_name_and_the_name_before_older_ones_go(two):
    """Written down by hand: lock, state, facts, the folder, the rename, its parent; then 1 is set aside and removed."""
    kinds = [name for name, _ in two[1]]
    assert kinds == (
        ["open", "write", "mkdir"]
        + ["open", "write", "fsync"] * 2
        + ["open", "fsync", "rename", "open", "fsync"]
        + ["rename", "unlink", "unlink", "rmdir"]
    )
    assert [arguments[1].name for name, arguments in two[1] if name == "rename"] == [
        "checkpoint-00000003",
        ".tmp-checkpoint-00000001",
    ]


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("number", ERRNOS)
def test_every_call_of_a_save_may_fail(two, tmp_path, number, lasting):
    """Once, or from then on for good (then even the tidying fails, and the next holder does it)."""
    seen = set()
    for n in range(1, len(two[1]) + 1):
        folder = copy(two, tmp_path, n)
        with fault(n, fail(number), lasting=lasting), pytest.raises(StropError) as caught:
            put(folder, 3)
        assert caught.value.exit_status == 6 and os.strerror(number) in str(caught.value)
        assert caught.value.code == ("S501" if number in ERRNOS[:3] else "S503")
        if not lasting:
            assert ".tmp-checkpoint-00000003" not in leftovers(folder)
        seen.add(assert_sound(folder, {2, 3}))
    assert seen == {2, 3}


def test_the_same_process_saves_again_when_there_is_room_once_more(two, tmp_path):
    """The disk refuses everything from the second write on, even the tidying; then it works again."""
    store = Store(copy(two, tmp_path, "run"))
    with store.lock():
        with fault(6, fail(errno.EIO), lasting=True), pytest.raises(StropError):
            store.save(3, state(3), {})
        assert leftovers(store.folder) == [".tmp-checkpoint-00000003"]
        store.save(3, state(3), {})
        assert leftovers(store.folder) == [] and store.newest().step == 3


def test_every_call_of_a_save_may_be_the_last(two, tmp_path):
    """kill -9 before each call, and in the midst of each write."""
    seen = []
    for n in range(1, len(two[1]) + 1):
        folder = copy(two, tmp_path, n)

        def killed(n=n, folder=folder):
            with fault(n, die):
                put(folder, 3)

        assert in_child(killed) == -signal.SIGKILL
        seen.append(assert_sound(folder, {2, 3}))
    renamed = [name for name, _ in two[1]].index("rename") + 1
    assert seen == [2] * renamed + [3] * (len(two[1]) - renamed)


def test_the_first_save_of_a_run_may_be_the_last(tmp_path):
    with fault() as made:
        put(tmp_path / "counted", 1)
    for n in range(1, len(made) + 1):
        folder = tmp_path / str(n)

        def killed(n=n, folder=folder):
            with fault(n, die):
                put(folder, 1)

        assert in_child(killed) == -signal.SIGKILL
        found = Store(folder).newest()
        assert found is None or found.step == 1
        put(folder, 2)


def test_a_whole_file_is_the_old_or_the_new_at_every_call(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"old": 1})
    with fault() as made:
        write_json(path, {"old": 1})
    for n in range(1, len(made) + 1):
        for number in ERRNOS:
            with fault(n, fail(number)), pytest.raises(StropError) as caught:
                write_json(path, {"new": [2] * 99})
            assert caught.value.exit_status == 6 and read_json(path) in ({"old": 1}, {"new": [2] * 99})
            assert leftovers(tmp_path) == []
            write_json(path, {"old": 1})

        def killed(n=n):
            with fault(n, die):
                write_json(path, {"new": [2] * 99})

        assert in_child(killed) == -signal.SIGKILL
        assert read_json(path) in ({"old": 1}, {"new": [2] * 99})
        put(tmp_path, n)  # the run folder's next holder removes what is left
        assert leftovers(tmp_path) == []
        write_json(path, {"old": 1})


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    from strop.checkpoints.files import calls

    monkeypatch.setattr(calls, "write", lambda descriptor, data: os.write(descriptor, data[:7]))
    write_bytes(tmp_path / "x", bytes(range(100)))
    assert (tmp_path / "x").read_bytes() == bytes(range(100))


def damages(folder):
    """(what, how) for each way in which the files of the newest checkpoint may be damaged."""
    newest, random = folder / "checkpoint-00000002", np.random.default_rng(0)
    for name in ("state.safetensors", "facts.json"):
        whole = (newest / name).read_bytes()
        for i in range(20):
            yield f"{name} cut", lambda n=name, w=whole, i=i: (newest / n).write_bytes(w[: len(w) * i // 20])
        for bit in random.choice(8 * len(whole), 100, replace=False).tolist():
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            yield f"{name} bit {bit}", lambda n=name, f=bytes(flipped): (newest / n).write_bytes(f)
        yield f"{name} longer", lambda n=name, w=whole: (newest / n).write_bytes(w + b"\0")
        yield f"{name} removed", lambda n=name: (newest / n).unlink()
        yield f"{name} a folder", lambda n=name: ((newest / n).unlink(), (newest / n).mkdir())
    yield "emptied", lambda: [path.unlink() for path in newest.iterdir()]
    yield "a file", lambda: (shutil.rmtree(newest), newest.write_text(""))
    yield "another's facts", lambda: shutil.copy(folder / "checkpoint-00000001" / "facts.json", newest)
    yield "another's state", lambda: shutil.copy(folder / "checkpoint-00000001" / "state.safetensors", newest)


def test_no_damage_is_silent(two, tmp_path):
    """250 kinds: the older checkpoint is taken, and the newer named with what is wrong with it."""
    folder = tmp_path / "run"
    shutil.copytree(two[0], folder)
    for what, damage in damages(folder):
        damage()
        found = Store(folder).newest()
        assert found.step == 1 and np.array_equal(found.state["weights"], state(1)["weights"]), what
        assert len(found.skipped) == 1 and found.skipped[0].startswith("checkpoint-00000002 is damaged: "), what
        newest = folder / "checkpoint-00000002"
        newest.unlink() if newest.is_file() else shutil.rmtree(newest)
        shutil.copytree(two[0] / newest.name, newest)


def test_a_cut_file_is_told_by_its_size(two, tmp_path):
    path = copy(two, tmp_path, "run") / "checkpoint-00000002" / "state.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:100])
    said = Store(tmp_path / "run").newest().skipped
    assert said == (f"checkpoint-00000002 is damaged: state.safetensors has 100 bytes instead of {size}",)


def test_all_damaged_is_S303_with_each_name(two, tmp_path):
    folder = copy(two, tmp_path, "run")
    for what, damage in list(damages(folder))[::25]:
        shutil.rmtree(folder)
        shutil.copytree(two[0], folder)
        (folder / "checkpoint-00000001" / "facts.json").write_bytes(b"")
        damage()
        with pytest.raises(StropError) as caught:
            Store(folder).newest()
        assert (caught.value.code, caught.value.exit_status) == ("S303", 4), what
        assert all(f"checkpoint-0000000{n} is damaged" in str(caught.value) for n in (1, 2))
        assert "\n" not in str(caught.value)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    """A file system of 1 MB in memory, filled for real; first seen before the save, then in the midst of it."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        put(disk / "run", 1, 2)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(700_000))
        big = {"weights": np.zeros(50_000)}
        for look_before in (True, False):
            if not look_before:
                monkeypatch.setattr(Store, "_check_room", lambda self, needed: None)
            store = Store(disk / "run")
            with store.lock(), pytest.raises(StropError) as caught:
                store.save(3, big, {})
            assert (caught.value.code, caught.value.exit_status) == ("S501", 6)
            assert ("a save needs 0.8 MB free" in str(caught.value)) is look_before
            with pytest.raises(StropError) as caught:
                write_bytes(disk / "run" / "model", bytes(400_000))
            assert caught.value.code == "S501"
            assert [p.name for p in sorted((disk / "run").iterdir())] == [
                "checkpoint-00000001",
                "checkpoint-00000002",
                "lock",
            ]
        ballast.unlink()
        assert_sound(disk / "run", {2})
    finally:
        subprocess.run(["umount", disk], check=True)
