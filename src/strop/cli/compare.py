"""strop compare: several recipes, the same split, the same seeds, the same budget."""

from pathlib import Path
from typing import Any

import click

from strop.cli.shared import claim_folder, narrate, reading, set_threads, show, split_source, splitting, writing
from strop.errors import StropError


@click.command(
    "compare",
    help="Train recipes side by side.\n\n\b\n  strop compare ratings.csv --threshold 4\n  strop compare ml-100k --arms bpr,ease,ipl -o out",
)
@click.argument("source")
@click.option(
    "--arms", default="bpr,ials,ease,ipl", show_default=True, help="Recipes, with commas; `strop list recipe`."
)
@click.option("--baseline", default="bpr", show_default=True, help="What differences are taken from.")
@click.option("--trials", default=20, show_default=True, help="Settings tried an arm, on validation.")
@click.option("--seeds", default=10, show_default=True, help="Seeds an arm.")
@click.option("--seed", default=0, show_default=True)
@click.option("--scores", type=(str, click.Path()), multiple=True, help="NAME FILE: scores or lists of another tool.")
@click.option("--fail-if-worse", metavar="ARM", help="Exit 1 if this arm's recall@20 is worse than the baseline's.")
@reading
@splitting
@writing
def command(
    source: str, arms: str, output: Path | None, as_json: bool, quiet: bool, threads: int, **flags: Any
) -> None:
    """Reads, splits, tunes, trains, measures, and writes the comparison."""
    narrate(quiet, epochs=False)
    set_threads(threads)
    claim_folder(output)
    _, data = split_source(source, flags, quiet=quiet)
    from dataclasses import replace

    from strop.experiments.compare import compare

    lists = {name: read_lists(path, data) for name, path in flags["scores"]}
    names = tuple(name.strip() for name in arms.split(",") if name.strip())
    result = compare(
        data,
        names,
        baseline=flags["baseline"],
        trials=flags["trials"],
        seeds=flags["seeds"],
        seed=flags["seed"],
        lists=lists,
    )
    typed = f"strop compare {source} --arms {arms} --trials {flags['trials']} --seeds {flags['seeds']} --seed {flags['seed']}"
    show(replace(result, command=typed), output=output, as_json=as_json, quiet=quiet)
    gate(result, flags["fail_if_worse"])


def read_lists(path: str, data: Any) -> Any:
    """Another tool's scores or lists as top lists without the items of train and validation."""
    from strop.audits.given import top_of
    from strop.feedback.scores import Dense, read_scores

    given = read_scores(path, data.train)
    return top_of(given.scores if isinstance(given, Dense) else given.items, data)


def gate(result: Any, arm: str | None) -> None:
    """S103 where the arm is surely worse than the baseline in recall@20."""
    if arm is None:
        return
    for one in result.differences:
        if one.arm == arm and one.figure.name == "recall@20":
            if one.figure.high is not None and one.figure.high < 0:
                raise StropError(
                    "S103",
                    f"{arm} is worse than {one.baseline} by {-one.figure.value:.4f} in recall@20",
                    "see the table",
                )
            return
    raise StropError("S102", f'no arm "{arm}" beside the baseline', "name one of --arms")
