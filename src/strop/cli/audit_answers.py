"""strop audit for a file of answers with confidences."""

from pathlib import Path
from typing import Any

from strop.cli.shared import claim_folder, narrate, say, set_threads, show
from strop.errors import StropError


def looks_like_answers(source: str, encoding: str) -> bool:
    """Whether the columns of a file are answers with a confidence or a verdict, by its first lines."""
    from strop.feedback.answers import has_answers

    return Path(source).is_file() and has_answers(source, encoding=encoding)


def audit(source: str, *, output: Path | None, as_json: bool, quiet: bool, threads: int, **flags: Any) -> None:
    """Reads, judges where a verifier is named, measures, and says it in words."""
    if flags["write"] not in (None, "jsonl"):
        raise StropError("S208", f"answers are not written as {flags['write']}", "--write jsonl")
    if flags["write"] is not None and output is None:
        raise StropError("S101", "--write needs a folder to write to", "-o DIR")
    narrate(quiet, epochs=False)
    claim_folder(output)
    set_threads(threads)
    from contextlib import nullcontext
    from dataclasses import replace

    from strop.experiments.audit_answers import audit_answers
    from strop.feedback.answers import read_answers
    from strop.sandbox.verifiers import Verifier

    reading = {name: flags[name] for name in ("format", "separator", "encoding", "bad_rows")}
    with nullcontext() if flags["verifier"] is None else Verifier(flags["verifier"]) as verifier:
        found = read_answers(source, verifier=verifier, **reading)
    for note in found.notes:
        say(quiet, note)
    result = audit_answers(found, seed=flags["seed"], notes=found.notes, files=output)
    judged = "" if flags["verifier"] is None else f" --verifier {flags['verifier']}"
    show(
        replace(result, command=f"strop audit {source} --as answers{judged}"),
        output=output,
        as_json=as_json,
        quiet=quiet,
    )
