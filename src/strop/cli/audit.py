"""strop audit: what can this log, or these pairs, teach, what is a reward, or a confidence, worth, or what do lists do?"""

from pathlib import Path
from typing import Any

import click

from strop.cli import audit_answers, audit_pairs
from strop.cli.shared import (
    claim_folder,
    narrate,
    reading,
    set_threads,
    show,
    split_source,
    splitting,
    titles_for,
    writing,
)
from strop.errors import StropError


@click.command(
    "audit",
    help="What clicks, or preference pairs, can and cannot teach, what is wrong with them, what the lists of any tool do, or"
    " whether the confidence of answers can be trusted."
    "\n\n\b\n  strop audit ratings.csv --threshold 4 -o out\n  strop audit ratings.csv --checked out/check_random.csv"
    "\n  strop audit ratings.csv --scores mine lists.csv\n  strop audit pairs.jsonl --test test.jsonl -o out"
    "\n  strop audit pairs.jsonl --as reward --rewards scored.jsonl -o out"
    "\n  strop audit answers.jsonl --verifier numeric -o out",
)
@click.argument("source")
@click.option(
    "--as",
    "what",
    type=click.Choice(["clicks", "pairs", "unpaired", "reward", "answers"]),
    help="Pairs have a chosen and a rejected answer, unpaired ones a label, answers a confidence; told from the columns. reward: judge the rewards of both.",
)
@click.option(
    "--scores", type=(str, click.Path()), multiple=True, help="NAME FILE: audit these scores or lists instead."
)
@click.option(
    "--checked",
    type=click.Path(),
    help="Drawn at random and checked by somebody: clicks with `false`, pairs with `checked`, 1 or 0.",
)
@click.option(
    "--write",
    type=click.Choice(["csv", "tsv", "parquet", "jsonl"]),
    help="Form of the files beside the page: what to check, weights, what is clean.  [default: csv; jsonl of pairs and answers]",
)
@click.option(
    "--model",
    default="none",
    show_default=True,
    help="What reads the pairs: none (words alone), smollm2, a folder; with --as reward a folder with a reward model.",
)
@click.option(
    "--rewards",
    type=click.Path(),
    help="File of another tool's rewards or log-probabilities: by prompt and answers, or row by row.",
)
@click.option(
    "--verifier",
    type=click.Choice(["exact", "numeric", "math"]),
    help="Judges the answers by a column of right answers, in place of a column of verdicts.",
)
@click.option("--test", type=click.Path(), help="Pairs that a model will be judged by: do they stand here too?")
@click.option("--titles", type=click.Path(), help="File of items with their titles.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--fail-over", type=float, metavar="X", help="Exit 1 if popularity reaches more than this share of the best recall."
)
@reading
@splitting
@writing
@click.pass_context
def command(context: click.Context, source: str, what: str | None, **flags: Any) -> None:
    """Hands over to what audits clicks, pairs, or answers."""
    what = what or _told_by_columns(source, flags["encoding"])
    audit_pairs.refuse_others(context, what)
    if what == "clicks":
        audit(source, **flags)
    elif what == "answers":
        audit_answers.audit(source, **flags)
    else:
        audit_pairs.audit(source, what, **flags)


def _told_by_columns(source: str, encoding: str) -> str:
    if audit_pairs.looks_like_pairs(source, encoding):
        return "pairs"
    return "answers" if audit_answers.looks_like_answers(source, encoding) else "clicks"


def audit(source: str, *, output: Path | None, as_json: bool, quiet: bool, threads: int, **flags: Any) -> None:
    """Reads, splits, measures, and says it in words."""
    if flags["write"] == "jsonl":
        raise StropError("S208", "clicks are not written as jsonl", "--write csv, tsv or parquet")
    narrate(quiet, epochs=False)
    set_threads(threads)
    claim_folder(output)
    found, data = split_source(source, flags, quiet=quiet)
    from dataclasses import replace

    from strop.experiments.audit_clicks import POPULARITY_SHARE, audit_clicks, audit_lists

    if flags["scores"]:
        from strop.cli.compare import read_lists

        result = audit_lists({name: read_lists(path, data) for name, path in flags["scores"]}, data)
    else:
        result = audit_clicks(
            data,
            seed=flags["seed"],
            notes=found.notes,
            titles=titles_for(source, flags["titles"]),
            checked=None if flags["checked"] is None else read_checked(flags["checked"]),
            files=output,
            suffix=flags["write"] or "csv",
        )
    show(replace(result, command=f"strop audit {source}"), output=output, as_json=as_json, quiet=quiet)
    bound = flags["fail_over"]
    shares = [f.value for f in result.figures if f.name == POPULARITY_SHARE and f.value is not None]
    if bound is not None and shares and shares[0] > bound:
        raise StropError(
            "S103", f"popularity reaches {shares[0]:.1%} of the best recall, over {bound:.1%}", "see the audit"
        )


def read_checked(path: str) -> Any:
    """The checked clicks of a file: the rows in which `false` is filled in. Errors: S204 no such column, as readers."""
    from strop.feedback import readers

    try:
        found = readers.open_table(path, rating="false", time="none", bad_rows="skip")
    except StropError as error:
        if error.code != "S209":
            raise
        what = error.message.removesuffix(" are left")
        mend = "a slice drawn at random has several users and items: fill in more rows of check_random"
        raise StropError("S209", f"the rows with a verdict are of {what}", mend, path) from None
    for note in found.notes:
        click.echo(note, err=True)
    assert found.ratings is not None
    return found.ratings
