"""What do the verbs have in common? Flags for reading, folders for writing, narration on stderr, results on stdout."""

import logging
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from strop.errors import StropError, suggestion

READING = ("format", "user", "item", "rating", "time", "separator", "encoding", "threshold", "k_core", "bad_rows")


def options(*adders: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in the order in which help shows them."""

    def add(function: Any) -> Any:
        for adder in reversed(adders):
            function = adder(function)
        return function

    return add


def _threshold(_context: Any, _parameter: Any, value: str | None) -> float | None:
    if value in (None, "any"):
        return None
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a number and not any") from None


reading_columns = options(
    click.option("--user", help="Column of users."),
    click.option("--item", help="Column of items."),
    click.option("--rating", help="Column of ratings, or none."),
    click.option("--time", help="Column of times, or none."),
    click.option("--separator", help="Between fields."),
    click.option("--encoding", default="utf-8", show_default=True),
    click.option("--threshold", callback=_threshold, help="Least rating that counts as a click; any: all."),
    click.option("--k-core", default=0, show_default=True, help="Leave out users and items of fewer clicks."),
    click.option("--bad-rows", type=click.Choice(["refuse", "skip"]), default="refuse", show_default=True),
)
reading = options(click.option("--format", help="The file's format, where it cannot be told."), reading_columns)
splitting = options(
    click.option("--split", "kind", type=click.Choice(["random", "time", "last"]), default="random", show_default=True),
    click.option("--split-seed", default=0, show_default=True, type=click.IntRange(0)),
)
writing = options(
    click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the result and its page."),
    click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout."),
    click.option("-q", "--quiet", is_flag=True, help="No narration."),
    click.option(
        "--threads",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="Of torch; small batches gain nothing from more.",
    ),
)


class _Narration(logging.Handler):
    """Progress on stderr: one line that is rewritten on a terminal, a plain line every few seconds elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.told, self.on_terminal, self.open = 0.0, sys.stderr.isatty(), False

    def emit(self, record: logging.LogRecord) -> None:
        passing = hasattr(record, "share")  # progress may be left out; what was decided may not
        now = time.monotonic()
        if passing and now - self.told < (0.2 if self.on_terminal else 5.0):
            return
        self.told = now
        text = record.getMessage()
        if self.on_terminal:
            click.echo(f"\r\033[K{text}", nl=not passing, err=True)
        else:
            click.echo(text, err=True)
        self.open = passing

    def close(self) -> None:
        if self.open and self.on_terminal:
            click.echo("\r\033[K", nl=False, err=True)
        super().close()


def narrate(quiet: bool, *, epochs: bool = True) -> None:
    """Lets the house's narration through to stderr, unless quiet; epochs: also that of each training."""
    log = logging.getLogger("strop")
    log.handlers[:] = [] if quiet else [_Narration()]
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False
    logging.getLogger("strop.training").setLevel(logging.NOTSET if epochs else logging.WARNING)


def say(quiet: bool, text: str) -> None:
    """One line of narration on stderr."""
    if not quiet:
        click.echo(text, err=True)


def set_threads(threads: int) -> None:
    """How many threads torch uses; it is part of a run's record."""
    if threads < 1:
        raise StropError("S301", f"threads is {threads}", "at least 1")
    # read when torch is loaded: its idle threads would spin, and take the time of those at work
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    for library in ("OMP", "OPENBLAS", "MKL"):  # two of them on a busy machine take thirty times as long as one
        os.environ.setdefault(f"{library}_NUM_THREADS", str(threads))
    import torch

    torch.set_num_threads(threads)


def read_source(source: str, flags: dict[str, Any]) -> Any:
    """A Reading of a file, or of a named data set."""
    from strop.feedback import datasets, readers

    if source in datasets.SOURCES and not Path(source).exists():
        return datasets.load(source, threshold=flags["threshold"], k_core=flags["k_core"])
    if not Path(source).exists() and "/" not in source and "." not in source:
        known = list(datasets.SOURCES)
        raise StropError(
            "S201", f"no such file or data set{suggestion(source, known)}", "data sets: " + ", ".join(known), source
        )
    return readers.open_table(source, **{name: flags[name] for name in READING})


def split_source(source: str, flags: dict[str, Any], *, quiet: bool) -> Any:
    """(Reading, Split) of a source; what was decided on the way is said aloud."""
    from strop.feedback.splits import split

    reading = read_source(source, flags)
    data = split(reading.clicks, kind=flags["kind"], seed=flags["split_seed"])
    for note in (*reading.notes, *data.notes):
        say(quiet, note)
    return reading, data


def titles_for(source: str, path: str | None) -> dict[str, str]:
    """Item -> title, from a file or from the named data set; empty where there are none."""
    from strop.feedback import datasets, readers

    if path is not None:
        return readers.read_titles(path)
    return datasets.titles(source) if source in datasets.SOURCES and not Path(source).exists() else {}


HELD = {"result.json": "a result already", "run.json": "a run that was begun"}


def claim_folder(folder: Path | None) -> None:
    """Looks whether the output folder may be used, and makes nothing yet: S702 it holds a result, S503 not writable."""
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise StropError("S503", "it is a file, not a folder", "choose another name", str(folder))
    held = next((what for name, what in HELD.items() if (folder / name).exists()), None)
    if held:
        raise StropError("S702", f"it holds {held}", "choose another folder, or `strop resume` it", str(folder))
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise StropError("S503", f"cannot write in {parent}", "choose another folder", str(folder))


def show(result: Any, *, output: Path | None, as_json: bool, quiet: bool) -> None:
    """The result on stdout, as a table or JSON; and in the folder result.json and, with the report extra, report.html."""
    from strop.report import store, terminal

    page = None
    if output is not None:
        page = write_page(result, output / "report.html", quiet=quiet)
        store.write(result, output / "result.json")  # last: a folder with a result is finished
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(result).decode())
        return
    import shutil

    colour = sys.stdout.isatty()
    text = terminal.table(result, width=min(shutil.get_terminal_size((100, 40)).columns, 120), colour=colour)
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))
    if page is not None:
        click.echo(f"page: {page}")


def finish(train: Callable[[], Any], folder: Path, *, as_json: bool, quiet: bool) -> None:
    """Trains to the end and writes the result; an interruption says how to go on."""
    try:
        result = train()
    except KeyboardInterrupt:
        click.echo(f"go on with: strop resume {shlex.quote(str(folder))}", err=True)
        raise
    show(result, output=folder, as_json=as_json, quiet=quiet)


def write_page(result: Any, path: Path, *, quiet: bool) -> Path | None:
    """The page, or a line that says which extra it needs."""
    from strop.report import page

    try:
        return page.write(result, path)
    except StropError as error:
        if error.code != "S401":
            raise
        say(quiet, f"no page: {error.help}")
        return None
