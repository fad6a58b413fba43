"""strop check: what is in this file, and is it sound?"""

from typing import Any

import click

from strop.cli.shared import read_source, reading


@click.command(
    "check",
    help="Describe and validate a file of clicks or ratings.\n\n\b\n  strop check ratings.csv\n  strop check ml-100k",
)
@click.argument("source")
@reading
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@click.option("--write", type=click.Path(), help="Write the cleaned clicks to this csv or parquet file.")
def command(source: str, as_json: bool, write: str | None, **flags: Any) -> None:
    """Reads the whole file and says what was found."""
    import numpy as np

    found = read_source(source, flags)
    clicks = found.clicks
    per_user, per_item = np.diff(clicks.indptr), clicks.popularity
    head = np.sort(per_item)[::-1][: max(1, clicks.n_items // 10)].sum() / max(len(clicks), 1)
    facts = {
        "format": found.format,
        "columns": found.columns,
        "users": clicks.n_users,
        "items": clicks.n_items,
        "clicks": len(clicks),
        "density": len(clicks) / (clicks.n_users * clicks.n_items),
        "clicks per user (least, median, most)": [int(x) for x in np.quantile(per_user, [0, 0.5, 1])],
        "clicks per item (least, median, most)": [int(x) for x in np.quantile(per_item, [0, 0.5, 1])],
        "share of clicks on the top tenth of items": float(head),
        "times": clicks.times is not None,
        "checksum": clicks.checksum,
        "notes": list(found.notes),
    }
    if write:
        from strop.feedback.writers import write_clicks

        write_clicks(clicks, write)
    if as_json:
        import json

        click.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        if key != "notes":
            click.echo(f"{key}: {_plain(value)}")
    for note in found.notes:
        click.echo(f"- {note}")


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{role} = {name}" for role, name in value.items())
    if isinstance(value, list):
        return ", ".join(f"{x:,}" for x in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
