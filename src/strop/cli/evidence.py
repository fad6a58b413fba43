"""strop evidence: the experiment behind a method's claim, under the rule that was committed before it."""

from pathlib import Path

import click

from strop.cli.shared import narrate
from strop.errors import StropError, suggestion

METHODS = (
    "ches",
    "conqord",
    "conqord_start",
    "curriculum",
    "flips_on_clicks",
    "ipl",
    "kernel_balancing",
    "nbpo",
    "negative_reinforcement",
    "ngrpo",
    "rce",
    "rdpo",
    "relmf",
    "reverse_bpr",
    "sgl",
    "simgcl",
    "suspicion",
    "suspicion_pairs",
    "tce",
    "w2sr",
    "w2sr_ablations",
)


@click.command(
    "evidence",
    help="Run the experiment behind a method's claim.\n\n\b\n  strop evidence ipl\n  strop evidence ipl --jobs 2 --show",
)
@click.argument("method")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("evidence"),
    show_default=True,
    help="Where rules and receipts lie.",
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--show", is_flag=True, help="Only show the receipt that is there.")
@click.option("-q", "--quiet", is_flag=True, help="No narration.")
def command(method: str, folder: Path, jobs: int, show: bool, quiet: bool) -> None:
    """Runs all splits (those already done are kept), and writes result.json and figure.svg."""
    if method not in METHODS:
        raise StropError(
            "S102", f'no receipt for "{method}"{suggestion(method, list(METHODS))}', "all: " + ", ".join(METHODS)
        )
    from dataclasses import replace

    from strop.records import Recovered
    from strop.report import store, terminal

    place = folder / method
    if not show:
        narrate(quiet, epochs=False)
        from strop.experiments.receipts import drawings, run
        from strop.report.figures import receipt_svg, theme
        from strop.report.lines import dose
        from strop.report.recovery import recovered
        from strop.report.reliability import alone

        receipt = run(method, place, jobs=jobs)
        store.write(receipt, place / "result.json")
        store.write_bytes(receipt_svg(receipt).encode(), place / "figure.svg")
        for name, one in drawings(method, place, receipt).items():
            if isinstance(one, Recovered):
                drawn = recovered(one, style=theme())
            else:
                drawn = (alone if one.form else dose)(one, style=theme())
                name = name if one.form else f"dose-{name}"
            store.write_bytes(drawn.encode(), place / f"{name}.svg")
    found = store.read(place / "result.json")
    told = tuple(f for f in found.figures if " of " in f.name)  # what the conditions are about, not every level
    click.echo(terminal.table(replace(found, figures=told), width=100))
    click.echo(f"all {len(found.figures)} figures: {place / 'result.json'}")
