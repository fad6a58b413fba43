"""strop demo: the main jobs, from a log, preference pairs or answers to a verdict."""

import shutil
import time
from pathlib import Path

import click

from strop.cli.shared import narrate, say, set_threads, show
from strop.errors import StropError


@click.command(
    "demo",
    help="clicks: ML-100K, an audit of the log, then BPR, iALS, EASE and IPL side by side. pairs: preference pairs with trouble "
    "that we planted, and what an audit finds of it. answers: the same for answers that say how sure they are. "
    "teacher: two small models and problems, for strop run w2sr.\n\n\b\n  strop demo\n  strop demo pairs\n  strop demo answers\n  strop demo teacher",
)
@click.argument("what", type=click.Choice(["clicks", "pairs", "answers", "teacher"]), default="clicks")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("strop-demo"), show_default=True)
@click.option("--trials", default=20, show_default=True, help="Settings tried an arm, on validation.")
@click.option("--seeds", default=10, show_default=True, help="Seeds an arm.")
@click.option("--threads", default=1, show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No narration.")
def command(what: str, output: Path, trials: int, seeds: int, threads: int, quiet: bool) -> None:
    """Hands over to one of them."""
    start = time.monotonic()
    narrate(quiet, epochs=False)
    set_threads(threads)
    _make_room(output)
    if what == "clicks":
        told = _clicks(output, trials=trials, seeds=seeds, quiet=quiet)
    else:
        told = {"pairs": _pairs, "answers": _answers, "teacher": _teacher}[what](output, quiet=quiet)
    click.echo(f"\n{time.monotonic() - start:.0f} s. Next: {told}")


def _clicks(output: Path, *, trials: int, seeds: int, quiet: bool) -> str:
    """Fetches the data, audits the log, compares four recipes, and writes two pages."""
    from dataclasses import replace

    from strop.experiments.audit_clicks import audit_clicks
    from strop.experiments.compare import compare
    from strop.feedback import datasets
    from strop.feedback.splits import split

    found = datasets.load("ml-100k", k_core=10)
    data = split(found.clicks)
    for note in (*found.notes, *data.notes):
        say(quiet, note)
    click.echo("1. What the log can teach\n")
    (output / "audit").mkdir()
    audit = audit_clicks(data, notes=found.notes, titles=datasets.titles("ml-100k"), files=output / "audit")
    audit = replace(audit, command=f"strop audit ml-100k --k-core 10 -o {output / 'audit'}")
    show(audit, output=output / "audit", as_json=False, quiet=quiet)
    click.echo("\n2. Four recommenders, chosen fairly\n")
    (output / "compare").mkdir()
    result = compare(data, ("bpr", "ials", "ease", "ipl"), trials=trials, seeds=seeds)
    result = replace(result, command=f"strop compare ml-100k --k-core 10 --trials {trials} --seeds {seeds}")
    show(result, output=output / "compare", as_json=False, quiet=quiet)
    return "strop audit YOUR.csv  |  strop explain ipl  |  strop run bpr YOUR.csv -o runs/a"


def _pairs(output: Path, *, quiet: bool) -> str:
    """Writes the pairs and a checked slice of them, audits them, and says what was planted beside what was found."""
    from dataclasses import replace

    import numpy as np

    from strop.experiments.audit_pairs import audit_pairs
    from strop.experiments.demo_pairs import CHECKED, CONTRADICTED, FEW, planted
    from strop.feedback.pairs_out import write_pairs

    made = planted()
    files = {name: output / f"{name}.jsonl" for name in ("pairs", "few", "checked")}
    write_pairs(made.pairs, files["pairs"])
    write_pairs(made.pairs.take(np.arange(FEW)), files["few"])
    write_pairs(made.checked, files["checked"])
    click.echo(
        f"Planted: {made.turned.mean():.1%} of {len(made.pairs):,} labels are wrong, good answers are padded in half of the "
        f"pairs, {CONTRADICTED:.0%} of the questions are judged both ways; {CHECKED} pairs were checked.\n"
    )
    (output / "audit").mkdir()
    found = audit_pairs(made.pairs, checked=made.checked, files=output / "audit")
    typed = f"strop audit {files['pairs']} --checked {files['checked']} -o {output / 'audit'}"
    show(replace(found, command=typed), output=output / "audit", as_json=False, quiet=quiet)
    return f"strop run dpo {files['few']} --adapter 8 --rate 2e-4 -o runs/dpo  |  strop audit YOUR.jsonl"


def _answers(output: Path, *, quiet: bool) -> str:
    """Writes answers of somebody who is too sure, audits them, and says what was planted beside what was found."""
    import json
    from dataclasses import replace

    import numpy as np

    from strop.experiments.audit_answers import audit_answers
    from strop.experiments.demo_answers import LOOKED_UP, planted
    from strop.feedback.answers import read_answers

    made, file = planted(), output / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in made.rows))
    right = np.mean([bool(row["right"]) for row in made.rows])
    click.echo(
        f"Planted: {len(made.rows):,} answers that say {made.said.mean():.2f} and are right {right:.2f} of the time; samples that "
        f"agree as often as they are right; look-ups that are right {LOOKED_UP:.0%} of the time.\n"
    )
    (output / "audit").mkdir()
    found = read_answers(file)
    result = audit_answers(found, notes=found.notes, files=output / "audit")
    typed = f"strop audit {file} -o {output / 'audit'}"
    show(replace(result, command=typed), output=output / "audit", as_json=False, quiet=quiet)
    return "strop audit YOUR.jsonl  |  strop run conqord QUESTIONS.jsonl -o runs/c"


def _teacher(output: Path, *, quiet: bool) -> str:
    """Makes a student, its teacher and problems, small enough that learning from the one takes seconds."""
    from strop.experiments.demo_teacher import make

    say(quiet, "two small models are trained from nothing: half a minute or so")
    make(output, tell=click.echo)
    return (
        f"strop run w2sr {output / 'problems.jsonl'} --teacher {output / 'teacher'} --student {output / 'student'} "
        '--prompt "{question}" --verifier exact --mark A --temperature 1 --rate 3e-3 --passes 40 --batch 16 '
        "--most-tokens 32 --window 64 -o runs/w2sr"
    )


def _make_room(output: Path) -> None:
    """Clears an earlier demo; S702 for a folder that holds anything else."""
    ours = {
        "audit",
        "compare",
        "pairs.jsonl",
        "few.jsonl",
        "checked.jsonl",
        "answers.jsonl",
        "problems.jsonl",
        "teacher",
        "student",
    }
    if output.is_dir() and {p.name for p in output.iterdir()} - ours:
        raise StropError("S702", "it holds more than an earlier demo", "choose another folder: -o", str(output))
    try:
        if output.exists():
            shutil.rmtree(output)
        output.mkdir(parents=True)
    except OSError as error:
        raise StropError("S503", f"cannot write: {error.strerror}", "choose another folder: -o", str(output)) from None
