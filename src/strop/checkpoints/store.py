"""Where did a run stand when it was stopped, and which of its checkpoints is sound?"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from strop.checkpoints.arrays import State, pack, unpack
from strop.checkpoints.files import (
    JSON,
    TEMPORARY,
    calls,
    remove,
    removed_on_error,
    sealed,
    sync_folder,
    unsealed,
    write_file,
    writing,
)
from strop.errors import StropError

STATE, FACTS = "state.safetensors", "facts.json"
_NAME = re.compile(r"checkpoint-[0-9]{8,}(-[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a run stood after `step`; skipped: a sentence for each newer checkpoint that was found damaged."""

    step: int
    state: State
    facts: dict[str, JSON]
    skipped: tuple[str, ...] = ()


@final
class Store:
    """The checkpoints of one run, in one folder; whoever writes there holds its lock. keep: how many stay, the newest."""

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        if keep < 1:
            raise StropError("S301", f"keep is {keep}", "keep at least one checkpoint")
        self.folder = Path(folder)
        self.keep = keep
        self._locked = False
        self._damaged: set[Path] = set()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder, made where missing, for this process alone; the lock dies with the process.

        Removes what a killed process left half-written. Errors: S701 at once where the folder is held; S501, S503.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = calls.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._take(descriptor)
            self._locked = True
            self._remove_leftovers()
            try:
                yield
            finally:
                self._locked = False
        finally:
            os.close(descriptor)

    def save(self, step: int, state: State, facts: dict[str, JSON]) -> None:
        """Adds the checkpoint of `step`; then drops all but the newest `keep`, and those that `newest` found damaged.

        Whatever happens meanwhile, the older ones stay until this one is on the disk. facts: plain values, as for JSON.
        Errors: S501 no room (twice the size must be free), S503 cannot write.
        """
        if not self._locked:
            raise RuntimeError("take the lock before a save")
        sound = [path for path in self._found() if path not in self._damaged]
        if sound and _order(sound[0])[0] > step:
            raise RuntimeError(f"{sound[0].name} is ahead of step {step}: go on from newest()")
        data = pack(state)
        body = {"step": step, "facts": facts, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        note = sealed(body).encode()
        self._remove_leftovers()
        path = self._free_name(step)
        temporary = self.folder / f"{TEMPORARY}{path.name}"
        with writing(path), removed_on_error(temporary):
            self._check_room(2 * len(data))
            calls.mkdir(temporary)
            write_file(temporary / STATE, data)
            write_file(temporary / FACTS, note)
            sync_folder(temporary)
            calls.rename(temporary, path)
            sync_folder(self.folder)
        with writing(self.folder):
            self._drop(set(self._found()) - {path, *sound[: self.keep - 1]})

    def newest(self) -> Checkpoint | None:
        """The newest sound checkpoint, which names the damaged ones after it; None where there is no checkpoint at all.

        Errors: S303 where there are checkpoints and all of them are damaged: each is named.
        """
        skipped: list[str] = []
        for path in self._found():
            try:
                return _read(path, tuple(skipped))
            except ValueError as reason:
                self._damaged.add(path)
                skipped.append(f"{path.name} is damaged: {reason}")
        if skipped:
            raise StropError("S303", "; ".join(skipped), "start again in another folder", str(self.folder))
        return None

    def _take(self, descriptor: int) -> None:
        with writing(self.folder / "lock"):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                who = f"process {pid}" if pid else "another process"
                help = "wait until it ends, stop it, or choose another folder"
                raise StropError("S701", f"{who} is at work in this folder", help, str(self.folder)) from None
            os.ftruncate(descriptor, 0)
            calls.write(descriptor, f"{os.getpid()}\n".encode())

    def _found(self) -> list[Path]:
        """All checkpoints, sound or not, newest first: found by listing, for a pointer can lie."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in paths if _NAME.fullmatch(path.name)), key=_order, reverse=True)

    def _free_name(self, step: int) -> Path:
        """checkpoint-00000012, or checkpoint-00000012-1 where that is taken: what is there is not touched before a save."""
        path, again = self.folder / f"checkpoint-{step:08d}", 0
        while path.exists():
            again += 1
            path = self.folder / f"checkpoint-{step:08d}-{again}"
        return path

    def _drop(self, paths: set[Path]) -> None:
        for path in sorted(paths):
            aside = self.folder / f"{TEMPORARY}{path.name}"  # so that none keeps its name half-removed
            calls.rename(path, aside)
            remove(aside)

    def _remove_leftovers(self) -> None:
        for path in self.folder.glob(TEMPORARY + "*"):
            with suppress(OSError):  # it does no harm, and a disk that refuses more than this speaks up at the save
                remove(path)

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(errno.ENOSPC, f"a save needs {needed / 1e6:.1f} MB free, and {free / 1e6:.1f} MB are left")


def _order(path: Path) -> tuple[int, int]:
    """Later is greater: the step, and how often it had been saved before."""
    _, step, *again = path.name.split("-")
    return int(step), int(again[0]) if again else 0


def _read(path: Path, skipped: tuple[str, ...]) -> Checkpoint:
    """One checkpoint; ValueError says what is wrong with it."""
    try:
        body = _read_facts(path / FACTS)
        size = (path / STATE).stat().st_size
        if size != body["size"]:
            raise ValueError(f"{STATE} has {size} bytes instead of {body['size']}")
        data = (path / STATE).read_bytes()
    except OSError as error:
        raise ValueError(f"{Path(error.filename).name}: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != body["sha256"]:
        raise ValueError(f"{STATE} differs from its sha256")
    if body["step"] != _order(path)[0]:
        raise ValueError(f"{FACTS} speaks of step {body['step']}")
    return Checkpoint(body["step"], unpack(data), body["facts"], skipped)


def _read_facts(path: Path) -> dict[str, JSON]:
    try:
        return unsealed(path.read_bytes(), {"step": int, "facts": dict, "size": int, "sha256": str})
    except ValueError as reason:
        raise ValueError(f"{path.name}: {reason}") from None
