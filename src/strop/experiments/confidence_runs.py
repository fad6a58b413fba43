"""What came of teaching a model to say how sure it is: is it surer of right answers than before, and than what is free?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.calibration import DEFINITIONS as CALIBRATION
from strop.audits.calibration import calibration, isotonic_map, temperature_map
from strop.audits.sureness import counted, resampled_bounds
from strop.errors import StropError
from strop.experiments import question_runs
from strop.experiments.confidence_asking import Asked, ask, keep_asked, kept_asked, probe_of
from strop.experiments.question_runs import begin as begin
from strop.experiments.question_runs import pins_of as pins_of
from strop.experiments.question_runs import read_parts as read_parts
from strop.experiments.run_folder import Run
from strop.experiments.running import peak_megabytes, versions
from strop.experiments.text_runs import keep, train_texts
from strop.feedback.answers import write_answers
from strop.feedback.confidence import check_written
from strop.feedback.results import Marked
from strop.models.language.opening import open_model
from strop.records import Advice, Arm, Difference, DoseCurve, Figure, Questions, QuestionSplit, Result
from strop.sandbox.verifiers import Verifier

Array = npt.NDArray[Any]
PROBED = 300  # of train, on whose answers a probe learns
BEFORE = "before.json"
READ = "parse rate, share"
FREE = ("token probability", "agreement", "P(True)", "top-2", "probe")
DEFINITIONS = CALIBRATION | {
    "stated": "Likeliest answers with the line that states a confidence. An answer whose confidence cannot be read counts as 0, and in the parse rate.",
    "token probability": "exp of the mean log-probability of the answer's tokens, its line left out, as the model gives them.",
    "agreement": "Of ten answers drawn at temperature 1, the share with the result of the likeliest.",
    "P(True)": "The model's chance of yes, against no, when it is asked whether its answer is right.",
    "top-2": "The model is asked for two guesses with a confidence each: the surer one.",
    "probe": f"A linear head on the model's last hidden states in its answer, learned from verdicts on its answers to {PROBED} train questions at most; the model itself does not learn.",
    "before": "The model without learning, asked in the same words; what is free is of that model and its answers.",
    "after a map": "Behind a rising map (isotonic), or log-odds divided by one number (temperature), fitted on validation questions.",
}  # fmt: skip


def read(source: str, *, format: str | None, bad_rows: Any, split_seed: int) -> tuple[QuestionSplit, tuple[str, ...]]:
    """The questions in their parts, as for every recipe that learns from questions."""
    return question_runs.read(source, format=format, bad_rows=bad_rows, split_seed=split_seed)


@dataclass(frozen=True, eq=False)
class Part:
    """One confidence on test and on validation (None where there is no test part): (confidence, right) each, right NaN unscored."""

    test: tuple[Array, Array]
    validation: tuple[Array, Array] | None


def complete(run: Run, data: QuestionSplit, *, folder: Path | None, notes: tuple[str, ...] = ()) -> Result:
    """Answers and is asked, trains, or goes on from the newest checkpoint, answers again; keeps the model in folder/model, both's answers in
    folder/answers-before.jsonl and -after.jsonl, for strop audit.

    The result is returned, not written. Errors: as the recipe; S501, S503.
    """
    parts = {"test": data.validation} if data.test is None else {"test": data.test, "validation": data.validation}
    drawn = {name: question_runs.some(part, seed=run.seed) for name, part in parts.items()}
    asked, less = {name: one for name, (one, _) in drawn.items()}, drawn["test"][1]
    opened, tokenizer = open_model(run.settings["model"])
    check_written(tokenizer)
    with Verifier(run.settings["verifier"]) as verifier:
        marked = Marked(verifier, mark=run.settings["mark"])
        before = asked_before(run, opened, tokenizer, asked, data.train, marked, folder)
        del opened  # the recipe opens its own
        trained = train_texts(run, data, folder)
        after = {
            name: ask(trained.scorer, tokenizer, part, marked, run.settings, seed=run.seed, free=False)
            for name, part in asked.items()
        }
    keep(trained.scorer, tokenizer, folder)
    keys = after["test"].answers.questions
    if folder is not None:
        for name, model in (("before", before), ("after", after)):
            write_answers(model["test"].answers, folder / f"answers-{name}.jsonl")
    found = by_arm(run.recipe, before, after)
    arms = tuple(arm_of(name, part, keys, run) for name, part in found.items())
    arms = (replace(arms[0], settings=run.settings, curve=trained.curve, unit="step"), *arms[1:])
    gaps = tuple(
        Difference(run.recipe, name, auroc_gap(found[run.recipe], found[name], keys, run.seed))
        for name in list(found)[1:]
    )
    lost = Difference(run.recipe, "before", accuracy_gap(found, run, keys))
    return Result(
        "run",
        f"{run.recipe} on {asked['test'].name}",
        verdict(run.recipe, arms, gaps, lost),
        run.command,
        arms,
        (*gaps, lost),
        advice=advice(arms, gaps, lost),
        curves=(reliability(found, keys, run.seed),),
        definitions=DEFINITIONS,
        settings={"recipe": run.recipe, **run.settings, "source": run.source, **run.reading},
        data={
            "name": asked["test"].name,
            "train questions": len(data.train),
            "validation questions": len(data.validation),
            "test questions": len(asked["test"]),
        },
        versions=versions(),
        cost={"peak_megabytes": peak_megabytes()},
        notes=(
            *trained.notes,
            *before["test"].notes,
            *(f"after: {one}" for one in after["test"].notes),
            *data.notes,
            *less,
            *notes,
        ),
        seed=run.seed,
    )


def asked_before(
    run: Run,
    model: Any,
    tokenizer: Any,
    asked: dict[str, Questions],
    train: Questions,
    marked: Marked,
    folder: Path | None,
) -> dict[str, Asked]:
    """What the model says of each part before it learns, with all that is free; kept in the folder, and not asked again."""
    if folder is not None and (folder / BEFORE).exists():
        return kept_asked(folder / BEFORE)
    some = question_runs.some(train, seed=run.seed, most=PROBED)[0]
    probe, without = probe_of(model, tokenizer, some, marked, run.settings, seed=run.seed)
    found = {
        name: ask(model, tokenizer, part, marked, run.settings, seed=run.seed, free=True, probe=probe)
        for name, part in asked.items()
    }
    found = {name: replace(one, notes=(*one.notes, *without)) for name, one in found.items()}
    if folder is not None:
        keep_asked(folder / BEFORE, found)
    return found


def by_arm(recipe: str, before: dict[str, Asked], after: dict[str, Asked]) -> dict[str, Part]:
    """Every confidence there is by the name of its arm, the trained one first."""
    found = {}
    for name, model, key in [
        (recipe, after, "stated"),
        ("before", before, "stated"),
        *((key, before, key) for key in FREE),
        ("token probability after", after, "token probability"),
    ]:
        pairs = {part: told for part, one in model.items() if (told := one.get(key)) is not None}
        if "test" in pairs:
            found[name] = Part(pairs["test"], pairs.get("validation"))
    return found


def arm_of(name: str, part: Part, keys: Array, run: Run) -> Arm:
    """Accuracy, AUROC, ECE, Brier and parse rate of one confidence, and ECE behind each map of validation."""
    confidence, right = part.test
    if np.isnan(right).all():
        return Arm(name, (Figure("accuracy", None), Figure("AUROC", None)), note="no answer has a verdict")
    told = calibration(np.nan_to_num(confidence), right, clusters=keys, seed=run.seed)
    known = ~np.isnan(right)
    share = Figure(READ, float((~np.isnan(confidence[known])).mean()), n=int(known.sum()))
    figures = [replace(told.accuracy, name="accuracy"), told.auroc, told.ece, told.brier, share]
    note = ""
    for how, fit in (("isotonic", isotonic_map), ("temperature", temperature_map)):
        if part.validation is None:
            break
        try:
            map_ = fit(np.nan_to_num(part.validation[0]), part.validation[1])
            after = calibration(map_(np.nan_to_num(confidence)), right, clusters=keys, seed=run.seed).ece
            figures.append(replace(after, name=f"ECE, {how}, error"))
        except StropError as error:  # too few, or of one kind
            figures.append(Figure(f"ECE, {how}, error", None))
            note = f"no map: {error.message}"
    return Arm(name, tuple(figures), note=note)


def auroc_gap(ours: Part, theirs: Part, keys: Array, seed: int) -> Figure:
    """Ours minus theirs in AUROC, each on its own answers to the same questions, the same questions drawn again for both."""
    known = ~np.isnan(ours.test[1]) & ~np.isnan(theirs.test[1])
    groups = np.unique(keys[known], return_inverse=True)[1]
    if len(np.unique(groups)) < 2:
        return Figure("AUROC", None, n=int(known.sum()))
    tables = [
        counted(np.nan_to_num(c[known]), right[known], groups, bins=10, scheme="width")
        for c, right in (ours.test, theirs.test)
    ]
    values = [table.found()["AUROC"] for table in tables]
    if not np.isfinite(values).all():
        return Figure("AUROC", None, n=int(known.sum()))
    drawn = [table.resampled(draws=1000, seed=seed)["AUROC"] for table in tables]
    gaps = drawn[0] - drawn[1]
    return Figure("AUROC", values[0] - values[1], *resampled_bounds(gaps[np.isfinite(gaps)]), int(known.sum()))


def accuracy_gap(found: dict[str, Part], run: Run, keys: Array) -> Figure:
    """What the answers themselves gained or lost."""
    after, before = (found[name].test[1] for name in (run.recipe, "before"))
    return question_runs.difference("accuracy", after, before, keys, seed=run.seed)


def verdict(recipe: str, arms: tuple[Arm, ...], gaps: tuple[Difference, ...], lost: Difference) -> str:
    """First what is free and surely better; then the confidence before and after, and the answers."""
    by_name = {arm.name: arm for arm in arms}
    better = [one for one in gaps if one.baseline in FREE and one.figure.high is not None and one.figure.high < 0]
    ours, theirs = by_name[recipe].figure("AUROC"), by_name["before"].figure("AUROC")
    first = ""
    if better:
        best = min(better, key=lambda one: one.figure.value or 0.0)
        free = by_name[best.baseline].figure("AUROC").value
        first = f"A free confidence is better: {best.baseline} of the untrained model orders its answers with an AUROC of {free:.2f}. "
    if ours.value is None:
        return (
            f"{first}{recipe} could not be measured: its held-out answers are all right, all wrong, or have no verdict."
        )
    was = "undefined" if theirs.value is None else f"{theirs.value:.2f}"
    kind = next(one.figure for one in gaps if one.baseline == "before")
    sure = "" if kind.low is None or kind.high is None else " (surely more)" if kind.low > 0 else " (surely less)" if kind.high < 0 else " (not told from chance)"  # fmt: skip
    fell = lost.figure.high is not None and lost.figure.high < 0
    told = f"{recipe}: what is stated orders right before wrong with an AUROC of {ours.value:.2f}, {was} before{sure}"
    return f"{first}{told}; " + ("the answers became worse." if fell else "the answers did not surely become worse.")


def advice(arms: tuple[Arm, ...], gaps: tuple[Difference, ...], lost: Difference) -> tuple[Advice, ...]:
    """What to use, and what to try."""
    told = []
    first, orders = arms[0], {arm.name: arm.figure("AUROC") for arm in arms}
    free = [one for one in gaps if one.baseline in FREE and one.figure.low is not None]
    useful = [one.baseline for one in free if (orders[one.baseline].low or 0.0) > 0.5]
    if useful and not any((one.figure.low or 0.0) > 0 for one in free):
        text = "Nothing free is surely worse than what is stated: use it, behind a map, unless the text itself must say how sure it is"
        told.append(Advice(text, ", ".join(useful)))
    order = orders[first.name]
    read = next((one.value for one in first.figures if one.name == READ), None)  # none where nothing has a verdict
    if read is not None and read < 0.95:
        told.append(Advice("Many confidences cannot be read: more --format-steps", f"{read:.0%} read", "warn"))
    least = order.value if order.low is None else order.low  # a constant has no interval
    if least is not None and least <= 0.5 and (read or 0.0) >= 0.5:
        mend = "" if first.settings.get("format_confidence") == "agreement" else ", or --format-confidence agreement"
        text = f"What is stated tells right from wrong no better than chance: more --steps{mend}"
        told.append(Advice(text, f"AUROC {order.value:.2f}", "warn"))
    if lost.figure.high is not None and lost.figure.high < 0:
        mend = "a higher --kl, a lower --alpha, or fewer --steps"
        if not first.settings.get("steps", 1):
            mend = "a lower --format-rate, or fewer --format-steps"
        text = f"The answers became worse: {mend}"
        told.append(Advice(text, f"{100 * (lost.figure.value or 0.0):+.0f} points", "warn"))
    told.append(Advice("Where probabilities are needed, put a map behind it: strop audit DIR/answers-after.jsonl"))
    return tuple(told)


def reliability(found: dict[str, Part], keys: Array, seed: int) -> DoseCurve:
    """How often answers are right by what is said of them."""
    lines = {}
    for name, part in found.items():
        if not np.isnan(part.test[1]).all():
            told = calibration(np.nan_to_num(part.test[0]), part.test[1], clusters=keys, seed=seed)
            lines[name] = tuple((one.says, one.right) for one in told.bins)
    return DoseCurve("Is it as sure as it is right?", "confidence", lines, up="right, share", form="reliability")
