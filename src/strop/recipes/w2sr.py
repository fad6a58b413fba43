"""A model that learns to reason from what a weaker one wrote, right or wrong, instead of from rewards."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from strop.errors import StropError
from strop.feedback.eliciting import asked_once, elicited
from strop.feedback.results import Marked, check_judge
from strop.feedback.selecting import counted
from strop.feedback.selecting import select as selected
from strop.feedback.traces import Usable, collect_traces, reasons_of, usable
from strop.models.language.encoding import asked_plainly, check_known, prompts_of
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import open_model
from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.models.language.writing import Writer, fingerprint, learnable
from strop.records import Answers, Questions, QuestionSplit, Trained
from strop.sandbox.verifiers import Verifier
from strop.training import fit

SEARCH = {"rate": [1e-5, 2e-5, 5e-6], "passes": [5, 10]}
WARM = 0.1  # of the steps
FILE = "traces.jsonl"


def run(
    data: QuestionSplit,
    *,
    teacher: str = "",
    student: str = "smollm2",
    seed: int = 0,
    verifier: Literal["numeric", "exact", "math", "gym"] = "numeric",
    mark: str = "",
    prompt: str = "{question}\nPlease reason step by step, and put your final answer within \\boxed{}.",
    form: Literal["text", "chat"] = "text",
    select: Literal["correct", "all", "incorrect"] = "correct",
    match: Literal["none", "count", "tokens"] = "none",
    temperature: float = 0.0,
    top_p: float = 1.0,
    count: int = 1,
    most_tokens: int = 512,
    rate: float = 1e-5,
    batch: int = 16,
    passes: int = 5,
    window: int = 1024,
    folder: Path | None = None,
    save_seconds: float = 300.0,
) -> Trained:
    """Minimises the cross-entropy of a teacher's traces, every token the same: W2SR (all), W2SR-P (correct), W2SR-N (incorrect). Paper: w2sr2025. Not for: a student that lacks the skill itself, which traces only call up; a teacher whose traces are mostly cut, looping or garbage; gains that the prompt alone gives.

    teacher: who writes traces: a folder, a GGUF file, a hub name, or smollm2.
    student: who learns from them; named as the teacher.
    seed: of the draws, of the choice of traces and of their order.
    verifier: numeric: the last number; exact: the text; math: math-verify; gym: its scorer.
    mark: what a result stands behind; empty: a box, or ####, else as the verifier reads a text.
    prompt: what all models are asked, around {question}.
    form: text: as it stands; chat: a user's turn, by each model's template.
    select: correct: W2SR-P, traces that end rightly; all: W2SR; incorrect: W2SR-N.
    match: count, tokens: as much as the smallest selection.
    temperature: of the teacher; 0: its likeliest answer.
    top_p: draw from the fewest likeliest tokens of this share; 1: all.
    count: traces a question; above 1 with a temperature.
    most_tokens: of a trace; longer ones are cut, and not learned from.
    rate: of AdamW at its highest: up over a tenth of the steps, then a cosine.
    batch: traces a step; the paper's is 128, of 8,400 traces.
    passes: over the traces.
    window: most tokens of a question with its trace; longer ones are left out.
    folder: where traces and checkpoints go.
    save_seconds: time between checkpoints.
    """
    check_settings(
        teacher=teacher, temperature=temperature, count=count, most_tokens=most_tokens, passes=passes, window=window
    )
    with ExitStack() as open_here:
        place = folder or Path(open_here.enter_context(TemporaryDirectory()))
        marked = Marked(open_here.enter_context(Verifier(verifier)), mark=mark)
        told = (*check_judge(marked, data.train), *self_training(teacher, student))
        questions, again = asked_once(data.train)
        asked = elicited(questions, prompt, form=form)
        pool = collected(
            teacher,
            asked,
            marked,
            file=place / FILE,
            count=count,
            temperature=temperature,
            top_p=top_p,
            most_tokens=most_tokens,
            window=window,
            seed=seed,
        )
    chosen = selected(pool.usable.answers, select, match=match, seed=seed)
    trained, _ = taught(
        student,
        *lesson(asked, chosen),
        rate=rate,
        batch=batch,
        passes=passes,
        window=window,
        seed=seed,
        folder=folder and folder / "checkpoints",
        save_seconds=save_seconds,
    )
    notes = (*told, *again, *pool.notes, said_of(pool, chosen, select), *trained.notes)
    return Trained(trained.scorer, trained.curve, notes)


def check_settings(*, teacher: str, temperature: float, count: int, most_tokens: int, passes: int, window: int) -> None:
    """S101 no teacher; S301 for what makes no sense whatever the models."""
    if not teacher:
        raise StropError("S101", "no teacher is named", "--teacher PATH: whose traces are learned from")
    if count < 1 or passes < 1 or not 0 < most_tokens < window:
        told = f"count {count}, passes {passes}, most_tokens {most_tokens}, window {window}"
        raise StropError("S301", told, "count 1, passes 1, 0 < most_tokens < window")
    if count > 1 and temperature == 0:
        raise StropError(
            "S301",
            f"{count} traces a question at temperature 0 are {count} times the same",
            "--temperature 1, or --count 1",
        )


def self_training(teacher: str, student: str) -> tuple[str, ...]:
    """What to say where the two are one."""
    same = teacher == student or Path(teacher).resolve() == Path(student).resolve()
    return ("the teacher is the student: this is self-training, nothing weaker or stronger is asked",) if same else ()


@dataclass(frozen=True, eq=False)
class Collected:
    """What a model wrote: every answer, those that can be learned from, its name with its weights' letters, and its tokens."""

    answers: Answers
    usable: Usable
    writer: str
    tokens: int
    plainly: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and what to look at."""
        return (*self.plainly, *self.usable.left_out, *self.usable.warnings)


def collected(
    source: str,
    asked: Questions,
    marked: Marked,
    *,
    file: Path,
    count: int,
    temperature: float,
    top_p: float,
    most_tokens: int,
    window: int,
    seed: int,
    name: str = "",
) -> Collected:
    """A model's answers to the questions as they are asked, judged and sorted out; goes on in `file`.

    name: what the writer is called in the file; "": its source. Errors: S301 no stop token, settings; S202 nothing that can be
    learned from; as open_model, collect_traces.
    """
    model, tokenizer = open_model(source)
    writer = Writer(model, tokenizer, most_tokens=most_tokens, temperature=temperature, top_p=top_p, seed=seed)
    plainly = asked_plainly(tokenizer, chat=asked.chat, name=name or source)
    called = f"{name or source}@{fingerprint(model)}"
    answers = written(writer, asked, marked, file=file, count=count, window=window, name=called)
    return Collected(answers, usable(answers, reasons_of(file), asked), called, int(answers.tokens.sum()), plainly)


def written(
    writer: Writer, asked: Questions, marked: Marked, *, file: Path, count: int, window: int, name: str
) -> Answers:
    """Every answer of a writer to the questions, judged; goes on in `file`. Errors: as prompts_of, check_known, collect_traces."""
    prompts = prompts_of(writer.tokenizer, asked, room=window - int(writer.settings["most_tokens"]))
    check_known(writer.tokenizer, prompts)
    file.parent.mkdir(parents=True, exist_ok=True)
    return collect_traces(
        writer,
        asked,
        marked.of(asked),
        prompts=prompts,
        teacher=name,
        file=file,
        count=count,
        about={"verifier": marked.kind, "mark": marked.mark},
    )


def lesson(asked: Questions, chosen: Answers) -> tuple[Questions, list[str]]:
    """The question and the text of each trace, a row each."""
    return asked.take(chosen.questions), list(chosen.texts)


def taught(
    source: str,
    asked: Questions,
    texts: Sequence[str],
    *,
    rate: float,
    batch: int,
    passes: int,
    window: int,
    seed: int,
    folder: Path | None,
    save_seconds: float,
) -> tuple[Trained, int]:
    """The model after supervised fine-tuning on a text to each question, and the tokens it read; goes on in `folder`.

    Errors: S202 no text fits into the window; S301 a text that is lost on the way; as AnswerLearner.
    """
    model, tokenizer = open_model(source)
    prompts = prompts_of(tokenizer, asked, room=window)
    check_known(tokenizer, prompts)
    found = learnable(tokenizer, prompts, texts, window=window)
    lengths = torch.tensor([float(len(answers[0])) for _, answers in found.groups])
    done, notes = followed(
        model, found.groups, objective=lambda values, which: -values[:, 0] / lengths[which], weights=lengths,
        rate=rate, batch=batch, passes=passes, seed=seed, folder=folder, save_seconds=save_seconds,
    )  # fmt: skip
    read = passes * (int(lengths.sum()) + sum(len(prompt) for prompt, _ in found.groups))
    told = f"learned from {len(found.groups):,} texts, {read:,} tokens read in {passes} passes"
    return Trained(done.scorer, done.curve, (told, *found.notes, *notes)), read


def followed(
    model: Any,
    groups: list[Group],
    *,
    objective: Callable[..., torch.Tensor],
    weights: torch.Tensor | None,
    rate: float,
    batch: int,
    passes: int,
    seed: int,
    folder: Path | None,
    save_seconds: float,
) -> tuple[Any, tuple[str, ...]]:
    """(what `fit` returns, notes) of learning from groups of answers by any objective, the rate warmed up and then along a cosine."""
    steps = passes * math.ceil(len(groups) / max(1, batch))
    learner = AnswerLearner(
        Reader(model), groups, objective=objective, weights=weights, batch=batch, rate=cosine(rate, steps), coupled=False,
        seed=seed,
    )  # fmt: skip
    done = fit(learner, epochs=steps, folder=folder, save_seconds=save_seconds, name="student")
    return done, (*done.skipped, *learner.notes())


def cosine(rate: float, steps: int) -> Callable[[int], float]:
    """The rate of each step: up to `rate` over the first tenth, then along half a cosine, above 0 at the last. Errors: S301."""
    if not 0 < rate < math.inf:
        raise StropError("S301", f"rate is {rate}", "above 0")
    warm = max(1, round(WARM * steps))

    def of(step: int) -> float:
        if step < warm:
            return rate * (step + 1) / warm
        return rate * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2

    return of


def said_of(pool: Collected, chosen: Answers, select: str) -> str:
    """How many traces there were, and how many were chosen."""
    return (
        f"{pool.writer} wrote {len(pool.answers):,} traces, {pool.tokens:,} tokens: {counted(pool.answers)}; "
        f"{len(chosen):,} learned from ({select})"
    )
