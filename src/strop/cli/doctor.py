"""strop doctor: what is here, what is missing, and which command mends it?"""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import click

from strop.errors import StropError

EXTRAS = ("report",)  # what a user may want; dev is for those who change strop
PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; mend: the one command, where something is missing."""

    name: str
    found: str
    state: str = "ok"  # ok, missing (needed), absent (may be wanted)
    mend: str = ""


def number(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 2.13.0+cpu is (2, 13, 0)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def required(extra: str = "") -> list[tuple[str, str]]:
    """(package, least version) that strop asks for, or that an extra adds."""
    found = []
    for line in metadata.requires("strop") or []:
        asked, _, condition = line.partition(";")
        match = re.match(r"\s*([\w.-]+)\s*(?:>=\s*([\w.]+))?", asked)
        marked = re.search(r"extra\s*==\s*[\"']([\w-]+)", condition)
        if match and (marked[1] if marked else "") == extra:
            found.append((match[1], match[2] or "0"))
    return found


def package(name: str, least: str, *, state: str, mend: str) -> Finding:
    """Whether a package is there, and new enough."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", state, mend)
    if number(version) < number(least):
        return Finding(name, f"{version}, older than {least}", state, mend)
    return Finding(name, version)


def packages() -> list[Finding]:
    """Python, strop, what it needs, and the extras."""
    python = "ok" if sys.version_info >= PYTHON else "missing"
    found = [
        Finding("python", platform.python_version(), python, "" if python == "ok" else "install Python 3.11 or newer")
    ]
    try:
        found.append(Finding("strop", metadata.version("strop")))
        needed = required()
    except metadata.PackageNotFoundError:
        return [*found, Finding("strop", "not installed", "missing", "pip install strop")]
    found += [package(name, least, state="missing", mend=f'pip install "{name}>={least}"') for name, least in needed]
    for extra in EXTRAS:
        mend = f'pip install "strop[{extra}]"'
        found += [package(name, least, state="absent", mend=mend) for name, least in required(extra)]
    return found


def machine() -> list[Finding]:
    """Cores, threads, memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    found = [Finding("threads", f"{cores} cores; OMP_NUM_THREADS {threads or 'not set'}; a run takes 1 unless told")]
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []:
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) << 10
    low = free < 500 << 20
    mend = "close other programs: a small run takes about 400 MB" if low else ""
    return [*found, Finding("free memory", f"{free / 1e9:.1f} GB", "absent" if low else "ok", mend)]


def disk() -> list[Finding]:
    """Room in the folder one stands in."""
    free = shutil.disk_usage(Path.cwd()).free
    low = free < 200 << 20
    return [Finding("free disk here", f"{free / 1e9:.1f} GB", "absent" if low else "ok", "make room" if low else "")]


def caches() -> list[Finding]:
    """Where compiled loops and fetched data are kept, and whether they can be written."""
    kernel = Path(__file__).parents[1] / "models" / "recommend" / "__pycache__"
    compiled = Path(os.environ.get("NUMBA_CACHE_DIR") or kernel)
    fetched = Path(os.environ.get("STROP_CACHE") or Path.home() / ".cache" / "strop")
    found = []
    for name, folder, variable in (
        ("compiled loops", compiled, "NUMBA_CACHE_DIR"),
        ("data sets", fetched, "STROP_CACHE"),
    ):
        parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = os.access(parent, os.W_OK | os.X_OK)
        held = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ""
        said = f"{folder}{f' ({held})' if held else ''}{'' if writable else ', not writable'}"
        mend = "" if writable else f"export {variable}=FOLDER that you may write to"
        found.append(Finding(name, said, "ok" if writable else "absent", mend))
    return found


def data() -> list[Finding]:
    """The folder of data sets that are not fetched."""
    folder = os.environ.get("STROP_DATA")
    if not folder:
        return [Finding("STROP_DATA", "not set", "absent", "export STROP_DATA=FOLDER that holds lastfm/ and coat/")]
    if not Path(folder).is_dir():
        return [Finding("STROP_DATA", f"{folder} is no folder", "absent", "export STROP_DATA=FOLDER that exists")]
    return [Finding("STROP_DATA", folder)]


CHECKS: dict[str, Callable[[], list[Finding]]] = {
    "packages": packages,
    "machine": machine,
    "disk": disk,
    "caches": caches,
    "data": data,
}


def examine() -> list[Finding]:
    """All checks; one that fails is a finding, not the end."""
    found = []
    for name, check in CHECKS.items():
        try:
            found += check()
        except Exception as error:
            found.append(Finding(name, f"could not be looked at: {error}", "absent", "strop doctor --debug"))
    return found


@click.command("doctor", help="Versions, threads, caches, and the command that mends what is missing.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def command(as_json: bool) -> None:
    """Looks at everything, imports nothing of it."""
    found = examine()
    if as_json:
        import json

        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        width = max(len(one.name) for one in found)
        for one in found:
            sign = {"ok": " ", "missing": "!", "absent": "-"}[one.state]
            click.echo(f"{sign} {one.name:<{width}}  {one.found}" + (f"  ->  {one.mend}" if one.mend else ""))
    needed = [one for one in found if one.state == "missing"]
    if needed:
        raise StropError("S403", "missing: " + ", ".join(one.name for one in needed), needed[0].mend)
