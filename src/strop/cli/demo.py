"""strop demo: the main job on real data, from the log to a verdict."""

import shutil
import time
from pathlib import Path

import click

from strop.cli.shared import narrate, say, set_threads, show
from strop.errors import StropError


@click.command(
    "demo", help="ML-100K: an audit of the log, then BPR, iALS, EASE and IPL side by side.\n\n\b\n  strop demo"
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("strop-demo"), show_default=True)
@click.option("--trials", default=20, show_default=True, help="Settings tried an arm, on validation.")
@click.option("--seeds", default=10, show_default=True, help="Seeds an arm.")
@click.option("--threads", default=1, show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No narration.")
def command(output: Path, trials: int, seeds: int, threads: int, quiet: bool) -> None:
    """Fetches the data, audits the log, compares four recipes, and writes two pages."""
    start = time.monotonic()
    narrate(quiet, epochs=False)
    set_threads(threads)
    _make_room(output)
    from dataclasses import replace

    from strop.experiments.audit_clicks import audit_clicks
    from strop.experiments.compare import compare
    from strop.feedback import datasets
    from strop.feedback.splits import split

    found = datasets.load("ml-100k", k_core=10)
    data = split(found.clicks)
    for note in (*found.notes, *data.notes):
        say(quiet, note)
    click.echo("1. What the log can teach\n")
    (output / "audit").mkdir()
    audit = audit_clicks(data, notes=found.notes, titles=datasets.titles("ml-100k"), files=output / "audit")
    audit = replace(audit, command=f"strop audit ml-100k --k-core 10 -o {output / 'audit'}")
    show(audit, output=output / "audit", as_json=False, quiet=quiet)
    click.echo("\n2. Four recommenders, chosen fairly\n")
    (output / "compare").mkdir()
    result = compare(data, ("bpr", "ials", "ease", "ipl"), trials=trials, seeds=seeds)
    result = replace(result, command=f"strop compare ml-100k --k-core 10 --trials {trials} --seeds {seeds}")
    show(result, output=output / "compare", as_json=False, quiet=quiet)
    click.echo(
        f"\n{time.monotonic() - start:.0f} s. Next: strop audit YOUR.csv  |  strop explain ipl  |  strop run bpr YOUR.csv -o runs/a"
    )


def _make_room(output: Path) -> None:
    """Clears an earlier demo; S702 for a folder that holds anything else."""
    ours = {"audit", "compare"}
    if output.is_dir() and {p.name for p in output.iterdir()} - ours:
        raise StropError("S702", "it holds more than an earlier demo", "choose another folder: -o", str(output))
    try:
        if output.exists():
            shutil.rmtree(output)
        output.mkdir(parents=True)
    except OSError as error:
        raise StropError("S503", f"cannot write: {error.strerror}", "choose another folder: -o", str(output)) from None
