"""strop forget: a trained run without some of its users, items or clicks, in a new folder."""

import csv
import shlex
from pathlib import Path

import click

from strop.cli.shared import claim_folder, narrate, say, set_threads, show
from strop.errors import StropError


@click.command(
    "forget",
    help="Make a trained run forget users, items or clicks: a new run folder, and the proof.\n\n"
    "EASE forgets exactly; BPR approximately, by reverse BPR. The old folder is left as it is.\n\n\b\n"
    "  strop forget runs/a --user 196 -o runs/b\n"
    "  strop forget runs/a --item 50 --item 181 -o runs/b\n"
    "  strop forget runs/a --pairs clicks.csv -o runs/b",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--user", "users", multiple=True, help="A user, by name, with all clicks; may be given again.")
@click.option("--item", "items", multiple=True, help="An item, by name, with all clicks; may be given again.")
@click.option("--pairs", type=click.Path(), help="File of single clicks: columns user and item.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the new run.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the passes over the clicks.")
@click.option("--threads", type=click.IntRange(1), help="Of torch; as the run was started where it is not given.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No narration.")
def command(
    folder: Path,
    users: tuple[str, ...],
    items: tuple[str, ...],
    pairs: str | None,
    output: Path,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Loads the run, forgets, and writes a new one."""
    if not users and not items and pairs is None:
        raise StropError("S101", "say what to forget: --user, --item or --pairs", "strop forget --help")
    narrate(quiet)
    claim_folder(output)
    from strop.experiments import forgotten_run, run_folder
    from strop.experiments.requests import named

    set_threads(threads or int(run_folder.open_run(folder).pins["threads"]))
    run, scorer, data = forgotten_run.open_finished(folder)
    request = named(data, users=list(users), items=list(items), pairs=read_pairs(pairs))
    if not any((request.users, request.items, request.pairs)):
        say(False, "nothing is to be forgotten: no folder was written")
        return
    words = ["strop", "forget", str(folder), *(w for user in users for w in ("--user", user))]
    words += [w for item in items for w in ("--item", item)] + (["--pairs", pairs] if pairs else [])
    typed = " ".join([*map(shlex.quote, words), "--seed", str(seed)])
    now, after, remaining, result = forgotten_run.forgotten(run, scorer, data, request, seed=seed, command=typed)
    with run_folder.held(output):
        claim_folder(output)
        forgotten_run.write(output, now, after, remaining, run_folder.titles_of(folder))
        show(result, output=output, as_json=as_json, quiet=quiet)


def read_pairs(path: str | None) -> list[tuple[str, str]]:
    """The (user, item) names of a csv or tsv file with such columns; none for a file without a row.

    A pair may stand alone, which no file of clicks to learn from may. Errors: S201, S204 no such columns, S206, S210.
    """
    if path is None:
        return []
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise StropError("S206", "not UTF-8", "save it as UTF-8", path) from None
    except OSError as error:
        raise StropError("S201", str(error.strerror), "name a file of users and items", path) from None
    rows = csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    if lines and not {"user", "item"} <= set(rows.fieldnames or ()):
        raise StropError(
            "S204", "no columns user and item in the first line", "user,item and then a click a line", path
        )
    found = []
    for row in rows:
        if not row["user"] or not row["item"]:
            raise StropError("S210", "no user or no item", "a name in both columns", path, rows.line_num)
        found.append((row["user"], row["item"]))
    return found
