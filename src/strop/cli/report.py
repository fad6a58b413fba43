"""strop report: a result drawn again, as a table or a page."""

from pathlib import Path

import click

from strop.cli.shared import show, write_page


@click.command(
    "report", help="Draw a result again.\n\n\b\n  strop report runs/a\n  strop report runs/a/result.json --page a.html"
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--page", type=click.Path(path_type=Path), help="Write the page here.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def command(source: Path, page: Path | None, as_json: bool) -> None:
    """Reads result.json and shows it."""
    from strop.report import store

    result = store.read(source / "result.json" if source.is_dir() else source)
    show(result, output=None, as_json=as_json, quiet=False)
    if page is not None and write_page(result, page, quiet=False):
        click.echo(f"page: {page}")
