"""strop recommend: what does a trained run recommend?"""

from pathlib import Path
from typing import Any

import click

from strop.errors import StropError


@click.command(
    "recommend",
    help="What a trained run recommends; never what the user clicked.\n\n\b\n"
    "  strop recommend runs/a --user 196\n"
    "  strop recommend runs/a --items 50,181,172\n"
    "  strop recommend runs/a --similar 50\n"
    "  strop recommend runs/a --all -o lists.csv",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--user", help="A user of the data, by name.")
@click.option("--items", help="What somebody new clicked: names with commas.")
@click.option("--similar", help="An item, by name: what is near it.")
@click.option("--all", "everybody", is_flag=True, help="Lists for all users, into the file of -o.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="csv file for --all: user, item, rank.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def command(
    folder: Path,
    user: str | None,
    items: str | None,
    similar: str | None,
    everybody: bool,
    k: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Loads the model and names its best items."""
    if sum((user is not None, items is not None, similar is not None, everybody)) != 1:
        raise StropError("S101", "one of --user, --items, --similar, --all is needed", "strop recommend --help")
    if everybody != (output is not None):
        raise StropError("S101", "--all and -o FILE.csv belong together", "strop recommend DIR --all -o lists.csv")
    from strop.experiments.recommending import open_recommender

    found = open_recommender(folder)
    if output is not None:
        rows = found.write_all(output, k=k)
        click.echo(f"{rows:,} rows: {output}")
        return
    if user is not None:
        names = found.for_user(user, k=k)
    elif similar is not None:
        names = found.similar(similar, k=k)
    else:
        names = found.for_items([name.strip() for name in str(items).split(",") if name.strip()], k=k)
    tell(names, found.titles, as_json=as_json)


def tell(names: list[str], titles: dict[str, str], *, as_json: bool) -> None:
    """One item a line: rank, name, and title where one is known."""
    rows: list[dict[str, Any]] = [
        {"rank": rank, "item": name, "title": titles.get(name)} for rank, name in enumerate(names, 1)
    ]
    if as_json:
        import json

        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("nothing is left to recommend", err=True)
    width = max((len(name) for name in names), default=0)
    for row in rows:
        click.echo(f"{row['rank']:>3}  {row['item']:<{width}}  {row['title'] or ''}".rstrip())
