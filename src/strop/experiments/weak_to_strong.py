"""Did a weak teacher's traces make a student better than what is free: a prompt, a vote, its own traces, answers without reasoning?"""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.recovery import Recovery, rgr
from strop.checkpoints import read_json, write_json
from strop.errors import StropError, suggestion
from strop.experiments import question_runs, weak_to_strong_said
from strop.experiments.question_runs import MOST_QUESTIONS
from strop.experiments.run_folder import Run
from strop.experiments.running import peak_megabytes, versions
from strop.experiments.text_runs import begin_texts, pins_of_texts
from strop.experiments.weak_to_strong_stages import LABELS, Found, Stages, Taught
from strop.experiments.weak_to_strong_trials import FACTORS, learners
from strop.feedback.eliciting import HOLE, asked_once, elicited
from strop.feedback.pair_splits import drawn_parts
from strop.feedback.questions import question_keys, question_numbers, read_questions, write_questions
from strop.feedback.results import Marked, check_judge
from strop.feedback.selecting import select
from strop.recipes import w2sr
from strop.records import Answers, Questions, QuestionSplit, Result
from strop.sandbox.verifiers import Verifier

log = logging.getLogger("strop.w2sr")
Array = npt.NDArray[Any]
ARMS = (
    "plain",
    "vote",
    "self",
    "correct",
    "all",
    "incorrect",
    "answers",
    "oracle",
    "labels",
    "structure",
    "teacher",
    "grpo",
)
NOTES = "notes.json"
CHECKED = ("teacher", "temperature", "count", "most_tokens", "passes", "window")


def read(
    source: str, *, format: str | None, bad_rows: Any, split_seed: int, test: str | None = None
) -> tuple[QuestionSplit, tuple[str, ...]]:
    """The questions of a file, or of gym:TASK[:SIZE], in their parts; or all of them to learn from, and a file of their own to test.

    Errors: S212 a test question stands in the other file too; as the readers.
    """
    if test is None:
        return question_runs.read(source, format=format, bad_rows=bad_rows, split_seed=split_seed)
    found, apart = (read_questions(one, format=format, bad_rows=bad_rows) for one in (source, test))
    keys = question_keys(found.questions)
    known = set(keys)
    again = [place for place, key in enumerate(question_keys(apart.questions)) if key in known]
    if again:
        row = again[0] + 1 if apart.questions.rows is None else int(apart.questions.rows[again[0]])
        raise StropError(
            "S212",
            f"{len(again):,} of {len(apart.questions):,} test questions stand in {source} too",
            "take them out of one of the files: what was learned from measures nothing",
            test,
            row,
        )
    part, many = drawn_parts(keys, seed=split_seed)
    train, validation = (found.questions.take(which) for which in (part != 1, part == 1))
    note = f"{many:,} questions: {len(train):,} to learn from, {len(validation):,} to choose by; {len(apart.questions):,} to test from {test}"
    return QuestionSplit(train, validation, apart.questions, (note,)), (*found.notes, *apart.notes)


def pins_of(data: QuestionSplit) -> dict[str, str]:
    """What must not differ between the parts of a run."""
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    texts = [
        [part.prompts, part.references, [part.made(i) for i in range(len(part))], [str(one) for one in part.covariates.get("solution", ())]]
        for part in parts
    ]  # fmt: skip
    return pins_of_texts(texts)


def begin(folder: Path, run: Run, data: QuestionSplit) -> None:
    """Writes the questions of each part, and what was asked for. Errors: S501, S503; S102 an arm that is not known."""
    arms_of(run.settings)
    w2sr.check_settings(**{name: run.settings[name] for name in CHECKED})
    (folder / "questions").mkdir(exist_ok=True)
    write_json(folder / "questions" / NOTES, list(data.notes))
    begin_texts(folder, run, data, name="questions", write=write_questions)


def read_parts(folder: Path) -> QuestionSplit:
    """The questions that `begin` wrote, with what was said of them. Errors: S302; as read_questions."""
    return replace(question_runs.read_parts(folder), notes=tuple(read_json(folder / "questions" / NOTES)))


def arms_of(settings: dict[str, Any]) -> tuple[str, ...]:
    """The arms that are wanted, by name. Errors: S102, S301 draws for a vote."""
    asked = [one.strip() for one in str(settings["arms"]).split(",") if one.strip()]
    named = list(ARMS) if "every" in asked else asked
    for one in named:
        if one not in ARMS:
            known = "every, or of " + ", ".join(ARMS)
            raise StropError("S102", f'no arm "{one}"{suggestion(one, list(ARMS))}', known)
    if settings["vote"] < 0 or settings["vote"] == 1 or settings["grpo_steps"] < 0:
        told = f"vote {settings['vote']}, grpo_steps {settings['grpo_steps']}"
        raise StropError("S301", told, "vote 0 (none) or 2 and more; grpo_steps 0 (left out) and more")
    if not 1 <= settings["trials"] <= len(FACTORS):
        raise StropError("S301", f"trials {settings['trials']}", f"1 to {len(FACTORS)}")
    chosen = {settings["select"], *named} | ({"grpo"} if settings["grpo_steps"] else set())
    return tuple(one for one in ARMS if one in chosen)


@dataclass(eq=False)
class Seen:
    """What a run found so far: answers, models and tokens by arm, arms left out with their reason, notes."""

    keys: Array
    found: dict[str, Found] = field(default_factory=dict)
    taught: dict[str, Taught] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of the trial that was chosen
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    pool: w2sr.Collected | None = None
    own: w2sr.Collected | None = None
    chosen: Answers | None = None
    asked: Questions | None = None
    same: bool = False

    def recovered(self, arm: str, reference: str, *, seed: int) -> Recovery:
        """How much of what `reference` gains an arm does; the reason where there is no such figure."""
        if reference not in self.found:
            why = self.left_out.get(reference, f"--arms {reference}" if reference != "grpo" else "--grpo-steps N")
            return Recovery(None, None, None, f"{LABELS[reference]} was not run: {why}", None, None, 0)
        rows = (self.found[one].right for one in ("student", arm, reference))
        return rgr(*rows, clusters=self.keys, seed=seed)


def complete(run: Run, data: QuestionSplit, *, folder: Path | None, notes: tuple[str, ...] = ()) -> Result:
    """Collects, teaches and measures all arms, or goes on from the last stage that is kept in the folder.

    The result is returned, not written. Errors: as the recipe; S304 a model was changed since; S501, S503.
    """
    settings, wanted = run.settings, arms_of(run.settings)
    w2sr.check_settings(**{name: settings[name] for name in CHECKED})
    judged = data.test if data.test is not None else data.validation
    bare, less = question_runs.some(judged, seed=run.seed)
    with ExitStack() as closing:
        marked = Marked(closing.enter_context(Verifier(settings["verifier"])), mark=settings["mark"])
        place = folder or Path(closing.enter_context(TemporaryDirectory()))
        stages = Stages(place, settings | {"save_seconds": run.save_seconds}, run.seed, marked)
        seen = Seen(question_numbers(bare))
        seen.notes += [*data.notes, *check_judge(marked, data.train), *less]
        _gather(stages, seen, data.train)
        _free(stages, seen, bare, wanted)
        learning = [one for one in wanted if one not in ("plain", "vote", "teacher")]
        validation = data.validation.take(np.arange(min(MOST_QUESTIONS, len(data.validation))))
        learners(stages, seen, learning, test=bare, validation=validation)
    about = {
        "name": Path(run.source).stem,
        "train questions": len(data.train),
        "validation questions": len(data.validation),
        "test questions": len(bare),
    }
    told = weak_to_strong_said.told(seen, stages, run)
    return Result(
        "run",
        f"w2sr on {about['name']}",
        told.verdict,
        run.command,
        told.arms,
        told.differences,
        told.figures,
        told.advice,
        told.tables,
        definitions=weak_to_strong_said.DEFINITIONS,
        settings={"recipe": run.recipe, **settings, "source": run.source, **run.reading},
        data=about,
        versions=versions(),
        cost={"cpu_seconds": round(sum(stages.costs.values()), 1), "peak_megabytes": peak_megabytes()},
        notes=(*seen.notes, *told.notes, *notes),
        seed=run.seed,
    )


def _gather(stages: Stages, seen: Seen, train: Questions) -> None:
    """The teacher's traces, and those that are learned from."""
    about = stages.settings
    names = stages.pin({"teacher": about["teacher"], "student": about["student"]})
    seen.same = names["teacher"] == names["student"]
    if seen.same:
        seen.notes.append("the teacher is the student: this is self-training, nothing weaker or stronger is asked")
    once, again = asked_once(train)
    seen.asked = elicited(once, about["prompt"], form=about["form"])
    keywords = ("count", "temperature", "top_p", "most_tokens", "window")
    with stages.timed("traces"):
        seen.pool = w2sr.collected(
            about["teacher"], seen.asked, stages.marked, file=stages.folder / w2sr.FILE, seed=stages.seed,
            **{name: about[name] for name in keywords},
        )  # fmt: skip
    seen.chosen = select(seen.pool.usable.answers, about["select"], match=about["match"], seed=stages.seed)
    seen.notes += [*again, *seen.pool.notes, w2sr.said_of(seen.pool, seen.chosen, about["select"])]


def _free(stages: Stages, seen: Seen, bare: Questions, wanted: tuple[str, ...]) -> None:
    """What needs no learning: the student as it is asked and bare, the teacher; drawn answers for their votes."""
    about = stages.settings
    asked, draws = elicited(bare, about["prompt"], form=about["form"]), int(about["vote"])
    if not draws and "vote" in wanted:
        seen.left_out["vote"] = "--vote 0: no answers were drawn"
    seen.found["student"] = stages.measured("student", about["student"], asked, draws=draws if "vote" in wanted else 0)
    if "plain" in wanted and about["prompt"] == HOLE:
        seen.left_out["plain"] = "the prompt is the bare question already"
    elif "plain" in wanted:
        seen.found["plain"] = stages.measured("plain", about["student"], elicited(bare, HOLE, form=about["form"]))
    if "teacher" in wanted and seen.same:
        seen.left_out["teacher"] = "it is the student"
    elif "teacher" in wanted:
        seen.found["teacher"] = stages.measured("teacher", about["teacher"], asked, draws=draws)
