"""strop ratings: do weights mend ratings that users chose to give, judged by ratings of uniformly drawn pairs?"""

from pathlib import Path
from typing import Any

import click

from strop.cli.shared import claim_folder, narrate, read_source, reading, say, set_threads, show, writing
from strop.errors import StropError


@click.command(
    "ratings",
    help="Self-selected ratings, judged by uniformly drawn ones: plain, weighted, balanced, doubly robust.\n\n"
    "\b\n  strop ratings chosen.csv uniform.csv --threshold 3 -o out\n  strop ratings coat --threshold 3",
)
@click.argument("source")
@click.argument("uniform", required=False)
@click.option(
    "--uniform-share", default=0.05, show_default=True, help="Of the uniform ratings, to set weights by; not judged by."
)
@click.option("--seeds", default=10, show_default=True, help="Seeds an arm.")
@click.option("--seed", default=0, show_default=True)
@reading
@writing
def command(
    source: str, uniform: str | None, output: Path | None, as_json: bool, quiet: bool, threads: int, **flags: Any
) -> None:
    """Reads both, trains every arm, and writes the comparison."""
    narrate(quiet, epochs=False)
    set_threads(threads)
    claim_folder(output)
    if flags["threshold"] is None:
        raise StropError("S301", "no threshold", "--threshold N: the least rating that is a like")
    if flags["k_core"]:
        raise StropError("S301", "a k-core leaves out clicks, and here all ratings count", "without --k-core")
    from dataclasses import replace

    from strop.experiments.rated import compare_ratings

    chosen, drawn = _both(source, uniform, flags, quiet)
    result = compare_ratings(
        chosen,
        drawn,
        threshold=flags["threshold"],
        uniform_share=flags["uniform_share"],
        seeds=flags["seeds"],
        seed=flags["seed"],
    )
    typed = f"strop ratings {source}{f' {uniform}' if uniform else ''} --threshold {flags['threshold']:g} --seeds {flags['seeds']} --seed {flags['seed']}"
    show(replace(result, command=typed), output=output, as_json=as_json, quiet=quiet)


def _both(source: str, uniform: str | None, flags: dict[str, Any], quiet: bool) -> tuple[Any, Any]:
    """The two sets of ratings over one table. Errors: S301 no uniform ones, and as reading."""
    from strop.feedback import datasets
    from strop.feedback.together import one_table

    found = []
    for name in (source, uniform) if uniform else (source,):
        reading = read_source(name, flags)
        for note in reading.notes:
            say(quiet, note)
        found.append(reading.ratings)
    if uniform:
        return one_table(*found)
    if source != "coat":
        raise StropError("S301", "no uniformly drawn ratings", "strop ratings CHOSEN UNIFORM")
    return found[0], datasets.coat_test()
