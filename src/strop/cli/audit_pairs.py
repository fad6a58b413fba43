"""strop audit for preference pairs, and for rewards of both answers."""

from pathlib import Path
from typing import Any

import click

from strop.cli.shared import claim_folder, narrate, say, set_threads, show
from strop.errors import StropError

CLICKS = (
    "scores",
    "titles",
    "fail_over",
    "user",
    "item",
    "rating",
    "time",
    "threshold",
    "k_core",
    "kind",
    "split_seed",
)
FOR: dict[str, tuple[str, ...]] = dict.fromkeys(CLICKS, ("clicks",)) | {
    "model": ("pairs", "rewards"),
    "rewards": ("pairs", "rewards"),
    "test": ("pairs",),
    "checked": ("clicks", "pairs"),
    "verifier": ("answers",),
}
NAMED = {"unpaired": "pairs", "reward": "rewards"}


def refuse_others(context: click.Context, what: str) -> None:
    """what: as --as says it. Errors: S101 an option was typed that says nothing here."""
    typed, these = click.core.ParameterSource.COMMANDLINE, NAMED.get(what, what)
    for option in context.command.params:
        name = option.name or ""
        if these not in FOR.get(name, (these,)) and context.get_parameter_source(name) == typed:
            flag = option.opts[0]
            raise StropError(
                "S101",
                f"{flag} is for {' and '.join(FOR[name])}, and these are {these}",
                f"leave {flag} out, or say what they are: --as",
            )


def looks_like_pairs(source: str, encoding: str) -> bool:
    """Whether the columns of a file are a chosen and a rejected answer, by its first lines."""
    from strop.feedback.pairs import has_pairs
    from strop.feedback.solutions import NAME

    return source == NAME or (Path(source).is_file() and has_pairs(source, encoding=encoding))


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
    from strop.feedback.solutions import open_pairs
    from strop.feedback.unpaired import read_unpaired

    reading = {name: flags[name] for name in ("format", "separator", "encoding", "bad_rows")}
    read = read_unpaired if what == "unpaired" else open_pairs
    found = read(source, **reading)
    pairs, notes = found.pairs, found.notes
    if flags["rewards"] is not None:
        from strop.feedback.given_file import with_given

        pairs, more = with_given(pairs, flags["rewards"], encoding=flags["encoding"])
        notes = (*notes, *more)
    for note in notes:
        say(quiet, note)
    suffix = flags["write"] or "jsonl"
    if suffix == "tsv":
        raise StropError("S208", "pairs are not written as tsv", "--write jsonl, csv or parquet")
    shared = {"model": flags["model"], "seed": flags["seed"], "notes": notes, "files": output, "suffix": suffix}
    if what == "reward":
        from strop.experiments.audit_reward import audit_reward

        result = audit_reward(pairs, **shared)
    else:
        others = {name: None if flags[name] is None else read_pairs(flags[name]).pairs for name in ("test", "checked")}
        result = audit_pairs(pairs, **shared, **others)
    show(replace(result, command=f"strop audit {source}"), output=output, as_json=as_json, quiet=quiet)
