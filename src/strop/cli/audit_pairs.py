"""strop audit for preference pairs."""

from pathlib import Path
from typing import Any

import click

from strop.cli.shared import claim_folder, narrate, say, set_threads, show
from strop.errors import StropError

CLICKS_ONLY = ("scores", "titles", "fail_over", "user", "item", "rating", "time", "threshold", "k_core", "kind", "split_seed")  # fmt: skip
PAIRS_ONLY = ("model", "test")


def refuse_others(context: click.Context, pairs: bool) -> None:
    """Errors: S101 an option was typed that says nothing here."""
    typed = click.core.ParameterSource.COMMANDLINE
    for option in context.command.params:
        if option.name in (CLICKS_ONLY if pairs else PAIRS_ONLY) and context.get_parameter_source(option.name) == typed:
            flag = option.opts[0]
            raise StropError(
                "S101",
                f"{flag} is for {'clicks' if pairs else 'pairs'}, and these are {'pairs' if pairs else 'clicks'}",
                f"leave {flag} out, or say what they are: --as",
            )


def looks_like_pairs(source: str, encoding: str) -> bool:
    """Whether the columns of a file are a chosen and a rejected answer, by its first lines."""
    from strop.feedback.pairs import has_pairs

    return Path(source).is_file() and has_pairs(source, encoding=encoding)


def audit(
    source: str, what: str, *, output: Path | None, as_json: bool, quiet: bool, threads: int, **flags: Any
) -> None:
    """Reads, measures, and says it in words."""
    from dataclasses import replace

    narrate(quiet, epochs=False)
    claim_folder(output)
    set_threads(threads)
    from strop.experiments.audit_pairs import audit_pairs
    from strop.feedback.pairs import read_pairs
    from strop.feedback.unpaired import read_unpaired

    reading = {name: flags[name] for name in ("format", "separator", "encoding", "bad_rows")}
    read = read_pairs if what == "pairs" else read_unpaired
    found = read(source, **reading)
    for note in found.notes:
        say(quiet, note)
    others = {name: None if flags[name] is None else read_pairs(flags[name]).pairs for name in ("test", "checked")}
    suffix = flags["write"] or "jsonl"
    if suffix == "tsv":
        raise StropError("S208", "pairs are not written as tsv", "--write jsonl, csv or parquet")
    result = audit_pairs(
        found.pairs,
        model=flags["model"],
        seed=flags["seed"],
        notes=found.notes,
        files=output,
        suffix=suffix,
        **others,
    )
    show(replace(result, command=f"strop audit {source}"), output=output, as_json=as_json, quiet=quiet)
