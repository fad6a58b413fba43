"""The command line: one file a verb, nothing heavy imported before it is needed."""

import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from strop.errors import CODES, StropError, suggestion

VERBS = {
    "demo": "the main job on real data: what ML-100K can teach, and four recommenders side by side",
    "check": "describe and validate a file of clicks or ratings",
    "run": "train one recipe, measure it beside popularity, EASE and iALS, and write a page",
    "resume": "go on with a run that was stopped",
    "audit": "what a log can and cannot teach, or what the lists of any tool do",
    "compare": "train several recipes on the same split with the same budget",
    "ratings": "self-selected ratings judged by uniformly drawn ones: plain, weighted, balanced, doubly robust",
    "evidence": "run the experiment behind a method's claim, under its committed rule",
    "report": "draw a result again as a table or a page",
    "recommend": "what a trained run recommends to a user, to a list, or beside an item",
    "forget": "a trained run without some of its users, items or clicks, and what proves it",
    "list": "everything in the house, a line each",
    "explain": "any method, loss, metric, weight, channel or error code",
    "doctor": "versions, threads, caches, and what mends what is missing",
    "data": "named data sets, their sources and terms; splits written for other tools",
}
VERSION = "0.1.0"


class Verbs(click.Group):
    """The verbs, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        return import_module(f"strop.cli.{name}").command  # type: ignore[no-any-return]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise StropError(
                "S102", f'no verb "{args[0]}"{suggestion(args[0], list(VERBS))}', "all: " + ", ".join(VERBS)
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    help="Learn from feedback that cannot be fully trusted, and see what that cost.\n\n"
    "\b\n  strop demo\n  strop audit clicks.csv\n  strop compare clicks.csv --arms bpr,ials,ease,ipl",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="strop")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def strop(debug: bool) -> None:
    """The front door."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs a command and ends the process with its exit status: see `strop explain` and the table of error codes."""
    sys.exit(status_of(sys.argv[1:] if arguments is None else arguments))


def status_of(arguments: list[str]) -> int:
    """The exit status of a command; every error is told in one line on stderr."""
    as_json, debug = "--json" in arguments, "--debug" in arguments
    # --debug may stand anywhere: it belongs to no verb
    arguments = [a for a in arguments if a != "--debug"]
    try:
        strop.main(arguments, prog_name="strop", standalone_mode=False)
        sys.stdout.flush()
        return 0
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message())
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "strop"
        return _told(StropError("S101", error.format_message(), f"{place} --help"), as_json)
    except StropError as error:
        if debug:
            raise
        return _told(error, as_json)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except (BrokenPipeError, SystemExit):  # click ends in SystemExit where nobody reads its output any more
        return 141
    except MemoryError:
        return _told(
            StropError("S502", "the machine's memory is used up", "a smaller file, or fewer items: --k-core 10"),
            as_json,
        )
    except OSError as error:
        import errno

        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = "S501" if full else "S503"
        return _told(StropError(code, f"{error.strerror}", "make room, then go on", str(error.filename or "")), as_json)
    except Exception as error:
        if debug:
            raise
        where = error.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename.rpartition('strop/')[2]}:{where.tb_lineno}" if where else ""
        message = f"{type(error).__name__}: {error} ({place})".replace("\n", " ")
        return _told(StropError("S900", message, "run it again with --debug and report what it prints"), as_json)


def _told(error: StropError, as_json: bool) -> int:
    if as_json:
        import json

        fields = ("code", "message", "help", "file", "row", "column")
        click.echo(json.dumps({name: getattr(error, name) for name in fields}), err=True)
    else:
        click.echo(str(error).replace("\n", " "), err=True)
        click.echo(f"help: {error.help or 'strop explain ' + error.code}".replace("\n", " "), err=True)
    return CODES[error.code].exit
