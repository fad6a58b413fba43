"""strop data: which data sets have a name, on which terms, and how do other tools get the same split?"""

import os
from pathlib import Path
from typing import Any

import click

from strop.cli.shared import options, reading_columns, split_source, splitting
from strop.errors import StropError, suggestion


@click.command(
    "data",
    help="Named data sets, and splits written for other tools.\n\n\b\n"
    "  strop data\n"
    "  strop data ml-100k\n"
    "  strop data ml-100k --write split --format recbole\n"
    "  strop data clicks.csv --split time --write split",
)
@click.argument("source", required=False)
@click.option("--write", type=click.Path(path_type=Path), help="Folder for the split.")
@click.option(
    "--format",
    "written",
    type=click.Choice(["tsv", "recbole", "lightgcn"]),
    default="tsv",
    show_default=True,
    help="Of the written split.",
)
@options(click.option("--read-format", "format", help="The file's format, where it cannot be told."), reading_columns)
@splitting
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No narration.")
def command(source: str | None, write: Path | None, written: str, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Lists, shows, or writes."""
    from strop.feedback import datasets

    if write is not None:
        if source is None:
            raise StropError("S101", "whose split is to be written?", "strop data FILE --write DIR")
        save(source, write, written, as_json=as_json, quiet=quiet, flags=flags)
        return
    if source is not None and source not in datasets.SOURCES and Path(source).exists():
        raise StropError("S101", "what is to be done with this file?", f"strop check {source}, or --write DIR")
    if source is not None and source not in datasets.SOURCES:
        known = list(datasets.SOURCES)
        raise StropError("S102", f'no data set "{source}"{suggestion(source, known)}', "all: " + ", ".join(known))
    tell([source] if source else list(datasets.SOURCES), as_json=as_json)


def save(source: str, folder: Path, written: str, *, as_json: bool, quiet: bool, flags: dict[str, Any]) -> None:
    """Splits a source and writes the parts."""
    from strop.feedback.writers import write_split

    _, data = split_source(source, flags, quiet=quiet)
    write_split(data, folder, format=written)  # type: ignore[arg-type]
    files = sorted(path.name for path in folder.iterdir())
    if as_json:
        import json

        click.echo(json.dumps({"folder": str(folder), "files": files, "notes": list(data.notes)}))
        return
    click.echo(f"{folder}: {', '.join(files)}")


def where(name: str) -> str:
    """Where a named data set lies on this machine, or what brings it here; nothing is fetched."""
    from strop.feedback import datasets

    if name == "ml-100k":
        folder = Path(os.environ.get("STROP_CACHE") or Path.home() / ".cache" / "strop") / name
        if all((folder / file).is_file() for file in datasets.MEMBERS):
            return f"cached in {folder}"
        return "not cached: fetched when it is first used"
    root = os.environ.get("STROP_DATA")
    if root and (Path(root) / name).is_dir():
        return f"in {Path(root) / name}"
    return f"not here: put it into $STROP_DATA/{name}"


def tell(names: list[str], *, as_json: bool) -> None:
    """Title, source, terms, citation and place of each."""
    from dataclasses import asdict

    from strop.feedback.datasets import SOURCES

    facts = {name: {**asdict(SOURCES[name]), "here": where(name)} for name in names}
    if as_json:
        import json

        click.echo(json.dumps(facts))
        return
    for name, about in facts.items():
        click.echo(f"{name}: {about['title']}")
        for key in ("url", "terms", "citation", "here"):
            click.echo(f"  {'source' if key == 'url' else key}: {about[key]}")
