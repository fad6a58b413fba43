"""strop run for recipes that learn from texts: preference pairs, or questions with their answers."""

from pathlib import Path
from typing import Any

import click

from strop.cli.shared import claim_folder, finish, narrate, say, set_threads, show

READING = ("format", "bad_rows")
OPTIONS = (
    click.option("--format", help="The file's format, where it cannot be told."),
    click.option("--bad-rows", type=click.Choice(["refuse", "skip"]), default="refuse", show_default=True),
    click.option("--split-seed", default=0, show_default=True, type=click.IntRange(0)),
)

# What the run of one recipe takes beside the recipe's own keywords: of the comparison, and of what is read.
OF_RUN = {
    "w2sr": (
        click.option("--test", type=click.Path(), help="Questions to test on; none may stand in SOURCE."),
        click.option(
            "--arms",
            default="plain,vote,self,answers,oracle,teacher",
            show_default=True,
            help="Beside it: every, or of plain, vote, self, correct, all, incorrect, answers, oracle, labels, structure, teacher, grpo.",
        ),
        click.option("--vote", default=8, show_default=True, type=int, help="Draws of a vote, and of pass@k; 0: none."),
        click.option(
            "--grpo-steps", default=0, show_default=True, type=int, help="Of GRPO from the student; 0: not run."
        ),
        click.option("--grpo-rate", default=1e-6, show_default=True, type=float, help="Of GRPO."),
        click.option(
            "--trials",
            default=1,
            show_default=True,
            type=int,
            help="Rates that each arm tries, chosen by validation: as asked for, 3 times, a third, 10 times.",
        ),
    )
}
SETTINGS = (
    "arms",
    "vote",
    "grpo_steps",
    "grpo_rate",
    "trials",
)  # of these what is learned and compared; the others say what is read


class Texts(click.Command):
    """The command of a recipe that learns from texts; its source may be named: --data SOURCE."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Takes the name away: what is left stands where the source does."""
        named = [word.removeprefix("--data=") for word in args if word != "--data"]
        return super().parse_args(ctx, named)


def start(
    recipe: str,
    source: str,
    *,
    own: dict[str, Any],
    output: Path | None,
    as_json: bool,
    quiet: bool,
    threads: int,
    typed: str,
    **flags: Any,
) -> None:
    """Reads, splits by question, writes down what was asked for, trains, and shows the result."""
    narrate(quiet)
    claim_folder(output)
    set_threads(threads)
    from strop.experiments import run_folder, text_runs

    runs = text_runs.runs_of(recipe)
    settings = run_folder.settings_of(recipe, own) | {name: flags[name] for name in SETTINGS if name in flags}
    reading = {name: flags[name] for name in (*READING, "split_seed", "test") if name in flags}
    data, told = runs.read(source, **reading)
    for note in (*told, *data.notes):
        say(quiet, note)
    run = run_folder.Run(
        recipe,
        settings,
        flags["seed"],
        source,
        reading,
        typed,
        runs.pins_of(data),
        run_folder.versions(),
        flags["save_seconds"],
    )
    if output is None:
        say(quiet, "nothing is kept without -o DIR")
        show(runs.complete(run, data, folder=None), output=None, as_json=as_json, quiet=quiet)
        return
    with run_folder.held(output):
        claim_folder(output)
        runs.begin(output, run, data)
        finish(lambda: runs.complete(run, data, folder=output), output, as_json=as_json, quiet=quiet)


def resume(run: Any, runs: Any, folder: Path, *, allowed: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Goes on, if nothing that its bytes depend on has changed. Errors: S304."""
    from strop.experiments import run_folder

    data = runs.read_parts(folder)
    changed = run_folder.changed(run, runs.pins_of(data), folder, allowed=allowed)
    notes = tuple(f"not bit-exact: {one}" for one in changed)
    for note in notes:
        say(quiet, note)
    finish(lambda: runs.complete(run, data, folder=folder, notes=notes), folder, as_json=as_json, quiet=quiet)
