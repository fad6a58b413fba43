"""strop run: train one recipe, and see it beside what one would have picked anyway."""

import ast
import shlex
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from strop import catalogue
from strop.cli import run_texts
from strop.cli.shared import (
    READING,
    claim_folder,
    finish,
    narrate,
    options,
    reading,
    say,
    set_threads,
    show,
    split_source,
    splitting,
    titles_for,
    writing,
)
from strop.errors import StropError, suggestion

NO_FLAGS = ("seed", "folder", "save_seconds")
LARGEST = 10**12
TYPES = {"int": int, "float": float, "str": str, "bool": bool}


class Recipes(click.Group):
    """The recipes, each with the flags that its signature says; none is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [e.name for e in catalogue.entries() if e.room == "recipe"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return recipe_command(name) if name in self.list_commands(ctx) else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args and args[0] not in known and args[0] in losses_of("dpo"):  # rdpo and such: dpo with another loss
            args = ["dpo", *args[1:], "--loss", args[0]]
        if args and args[0] not in known and not args[0].startswith("-"):
            raise StropError("S102", f'no recipe "{args[0]}"{suggestion(args[0], known)}', "all: " + ", ".join(known))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(e.name, e.summary) for e in catalogue.entries() if e.room == "recipe"]
        room = formatter.width - max(len(name) for name, _ in found) - 6
        with formatter.section("Recipes (strop explain NAME tells more)"):
            formatter.write_dl([(name, shorten(summary, room, placeholder=" ...")) for name, summary in found])


@click.group(
    "run",
    cls=Recipes,
    subcommand_metavar="RECIPE SOURCE [FLAGS]...",
    help="Train one recipe, measure it beside popularity, EASE and iALS, and write a page.\n\n"
    "\b\n  strop run bpr clicks.csv -o runs/a\n  strop run ipl ml-100k --strength 0.2 --seed 1\n\n"
    "The flags of a recipe: strop run RECIPE --help",
)
def command() -> None:
    """Hands over to the recipe."""


def losses_of(recipe: str) -> tuple[str, ...]:
    """The losses that a recipe can be told by name."""
    named = next(p.annotation for p in catalogue.parameters(recipe) if p.name == "loss")
    found: tuple[str, ...] = ast.literal_eval(f"({named[len('Literal[') : -1]},)")
    return found


def flag(parameter: catalogue.Parameter) -> click.Option:
    """A recipe's keyword as a flag; the type comes from its annotation."""
    name, kind = parameter.name.replace("_", "-"), parameter.annotation.removesuffix(" | None")
    told = {
        "help": parameter.text[:1].upper() + parameter.text[1:],
        "default": parameter.default,
        "show_default": parameter.default not in (None, ""),
    }
    if kind.startswith("Literal["):
        choices = ast.literal_eval(f"({kind[len('Literal[') : -1]},)")
        return click.Option([f"--{name}"], type=click.Choice(choices), **told)
    if kind == "bool":
        return click.Option([f"--{name}/--no-{name}"], **told)
    return click.Option([f"--{name}"], type=TYPES[kind], callback=_bounded, **told)


def _bounded(_context: Any, _parameter: Any, value: Any) -> Any:
    """Refuses what no array can hold; the range that makes sense is the recipe's own business."""
    if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
        raise click.BadParameter(f"{value} is not a number between -1e12 and 1e12")
    return value


def recipe_command(name: str) -> click.Command:
    """The command of one recipe: its own flags first, then those of every run."""

    def train(source: str, **flags: Any) -> None:
        start(name, source, **flags)

    entry = next(e for e in catalogue.entries() if e.room == "recipe" and e.name == name)
    if entry.parameters[0].annotation in ("PairSplit", "QuestionSplit"):
        return texts_command(name, entry)
    made: click.Command = click.command(name, help=entry.text.split("\n\n")[0] + f"\n\nMore: strop explain {name}")(
        options(
            click.argument("source"),
            click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of all that is random."),
            click.option("--titles", type=click.Path(), help="File of items with their titles."),
            click.option("--dry-run", is_flag=True, help="Print the plan; train nothing."),
            click.option("--save-seconds", default=5.0, hidden=True, type=click.FloatRange(0)),
            reading,
            splitting,
            writing,
        )(train)
    )
    own = [flag(p) for p in catalogue.parameters(name) if p.name not in NO_FLAGS]
    made.params = [made.params[0], *own, *made.params[1:]]
    return made


def texts_command(name: str, entry: catalogue.Entry) -> click.Command:
    """The command of a recipe that learns from preference pairs, or from questions."""

    def train(source: str, **flags: Any) -> None:
        own = {p.name: flags.pop(p.name) for p in catalogue.parameters(name) if p.name not in NO_FLAGS}
        run_texts.start(name, source, own=own, typed=typed(), **flags)

    text = entry.text.split("\n\n")[0] + f"\n\n--data SOURCE is the same as SOURCE. More: strop explain {name}"
    made: click.Command = click.command(name, cls=run_texts.Texts, help=text)(
        options(
            click.argument("source"),
            *run_texts.OF_RUN.get(name, ()),
            click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of all that is random."),
            click.option("--save-seconds", default=300.0, hidden=True, type=click.FloatRange(0)),
            *run_texts.OPTIONS,
            writing,
        )(train)
    )
    own = [flag(p) for p in catalogue.parameters(name) if p.name not in NO_FLAGS]
    made.params = [made.params[0], *own, *made.params[1:]]
    return made


def start(
    recipe: str,
    source: str,
    *,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    threads: int,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Reads, splits, writes down what was asked for, trains, and shows the result."""
    narrate(quiet)
    if not dry_run:
        claim_folder(output)
    set_threads(threads)
    _, data = split_source(source, flags, quiet=quiet)
    titles = titles_for(source, flags["titles"])
    from strop.experiments import run_folder

    own = {p.name: flags[p.name] for p in catalogue.parameters(recipe) if p.name not in NO_FLAGS}
    settings = run_folder.settings_of(recipe, own)
    if dry_run:
        plan(recipe, data, settings, as_json=as_json)
        return
    run = run_folder.Run(
        recipe,
        settings,
        flags["seed"],
        source,
        {name: flags[name] for name in (*READING, "kind", "split_seed")},
        typed(),
        run_folder.pins_of(data),
        run_folder.versions(),
        flags["save_seconds"],
    )
    if output is None:
        say(quiet, "nothing is kept without -o DIR")
        show(run_folder.complete(run, data, folder=None), output=None, as_json=as_json, quiet=quiet)
        return
    with run_folder.held(output):
        claim_folder(output)  # another run may have come and gone while this one was reading
        run_folder.begin(output, run, data, titles)
        finish(lambda: run_folder.complete(run, data, folder=output), output, as_json=as_json, quiet=quiet)


def typed() -> str:
    """The command as it was typed, without what only says where the result goes."""
    context = click.get_current_context()
    given = [context.command_path, context.params["source"]]
    for option in context.command.params:
        name = str(option.name)
        chosen = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if not chosen or not isinstance(option, click.Option) or name in ("output", "as_json", "quiet"):
            continue
        value = context.params[name]
        if option.is_flag:
            given.append((option.opts if value else option.secondary_opts)[0])
        else:
            given += [option.opts[-1], "any" if value is None else str(value)]
    return " ".join(given[:1] + [shlex.quote(word) for word in given[1:]])


def plan(recipe: str, data: Any, settings: dict[str, Any], *, as_json: bool) -> None:
    """What would be done, on stdout."""
    from strop.experiments.run_folder import rough_megabytes

    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    facts = {
        "recipe": recipe,
        "users": data.train.n_users,
        "items": data.train.n_items,
        **{f"{name} clicks": len(part) for name, part in parts.items()},
        "settings": settings,
        "beside it": "popularity, EASE, iALS",
        "memory": f"about {rough_megabytes(data, settings):,.0f} MB",
    }
    if as_json:
        import json

        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} = {one}" for key, one in value.items()) or "none"
        click.echo(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}")
