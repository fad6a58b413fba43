"""What does each arm of a weak-to-strong run learn from? Texts to questions, labels, or rewards."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.errors import StropError
from strop.experiments.weak_to_strong_stages import DRAWN, Stages
from strop.feedback.selecting import select
from strop.models.language.encoding import prompts_of
from strop.models.language.groups import GroupLearner, of_texts
from strop.models.language.opening import open_model
from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.models.language.writing import Writer, fingerprint, learnable
from strop.recipes import grpo, w2sr
from strop.recipes.w2sr import Collected
from strop.records import Answers, Questions, Trained

Array = npt.NDArray[Any]
CONFIDENCE = 0.5  # of the log-confidence loss: how much of the student's own answer
GROUP = 8  # answers a question while learning from rewards
OWN, DRAWS = 0x0E, 0xD7  # streams
LEARNING = ("rate", "batch", "passes", "window")
Made = tuple[Trained, int, int, int]


def learned(stages: Stages, asked: Questions, texts: list[str], written: int, *, student: str) -> Any:
    """What `Stages.taught` asks for: fine-tuning on these texts, as the recipe does it."""

    def make(checkpoints: Path) -> Made:
        about = {name: stages.settings[name] for name in LEARNING}
        trained, read = w2sr.taught(
            student, asked, texts, **about, seed=stages.seed, folder=checkpoints, save_seconds=stages.settings["save_seconds"]
        )  # fmt: skip
        return trained, len(texts), written, read

    return make


def rows(asked: Questions, many: int, *, seed: int) -> Array:
    """So many of the questions, at random, in order: as many as there are traces, whatever they are about."""
    order = np.random.default_rng([seed, DRAWS]).permutation(len(asked))
    return np.sort(order[:many])


def answers_only(stages: Stages, asked: Questions, many: int) -> tuple[Questions, list[str]]:
    """Right answers, as the judge finds them, without a way to them."""
    chosen = asked.take(rows(asked, many, seed=stages.seed))
    return chosen, [answer_text(stages, one) for one in chosen.references]


def answer_text(stages: Stages, reference: str) -> str:
    """A right answer behind the mark, in a box where the prompt asks for one, or bare."""
    marked = stages.marked
    return marked.rendered(marked.reference(reference), boxed="\\boxed" in stages.settings["prompt"])


def oracle(stages: Stages, asked: Questions, many: int) -> tuple[Questions, list[str]]:
    """Solutions of the file: a column beside the answer, or answers with a way before their mark. Errors: S305 there are none."""
    found = [solution_of(stages, asked, place) for place in range(len(asked))]
    there = np.array([bool(one) for one in found])
    if 2 * there.sum() < len(found):
        raise StropError(
            "S305",
            f"{int(there.sum()):,} of {len(found):,} questions have a solution beside their answer",
            'a column "solution"',
        )
    places = np.flatnonzero(there)
    places = places[rows(asked.take(places), many, seed=stages.seed)]
    return asked.take(places), [found[place] for place in places]


def solution_of(stages: Stages, asked: Questions, place: int) -> str:
    """A way to the answer with the answer behind it, as the judge finds it; "" where the file has none."""
    reference, marked = asked.references[place], stages.marked
    beside = asked.covariates.get("solution")
    text = "" if beside is None else str(beside[place])
    if not text.strip() and any(
        reference.partition(one)[0].strip() and one in reference for one in (marked.mark or "####", "\\boxed")
    ):
        text = reference
    if not text.strip():
        return ""
    forms = marked.results(text)
    if forms[-1:] != [marked.form(marked.reference(reference))]:
        text = f"{text}{'' if marked.mark else chr(10)}{answer_text(stages, reference)}"
    return text


def structure_only(asked: Questions, chosen: Answers, *, seed: int) -> tuple[Questions, list[str]]:
    """The traces with every number in them replaced by a random one of as many digits: what they look like, and nothing more."""
    generator = np.random.default_rng([seed, DRAWS, 1])

    def other(found: re.Match[str]) -> str:
        size = len(found[0])
        return "".join(str(generator.integers(1 if size > 1 and not n else 0, 10)) for n in range(size))

    questions, texts = w2sr.lesson(asked, chosen)
    return questions, [re.sub(r"\d+", other, text) for text in texts]


def own_traces(stages: Stages, asked: Questions, *, student: str) -> Collected:
    """What the student draws itself, for rejection sampling. Errors: as `collected`."""
    about = stages.settings
    count = max(1, int(about["vote"]))
    with stages.timed("own traces"):
        return w2sr.collected(
            student, asked, stages.marked, file=stages.folder / "own-traces.jsonl", count=count, **DRAWN,
            most_tokens=about["most_tokens"], window=about["window"], seed=stages.seed + OWN, name="student",
        )  # fmt: skip


def self_training(stages: Stages, asked: Questions, own: Collected, many: int) -> tuple[Questions, list[str]]:
    """As many of its own right traces as there are traces of the teacher's. Errors: S202 none is right, with the counts."""
    right = select(own.usable.answers, "correct", seed=stages.seed)
    order = np.random.default_rng([stages.seed, DRAWS, 2]).permutation(len(right))
    return w2sr.lesson(asked, right.take(np.sort(order[:many])))


def labels(stages: Stages, asked: Questions, chosen: Answers, written: int, *, student: str) -> Any:
    """Weak labels with a log-confidence loss: (1 - a) x the teacher's result + a x the student's own likeliest one, a = 0.5.

    Ours, a form for sequences of Burns et al. 2023: each term is the mean cross-entropy of a result's tokens; the student's own
    is what it answers before it learns, asked the same way, and the teacher's where it gives none.
    """

    def make(checkpoints: Path) -> Made:
        about = stages.settings
        model, tokenizer = open_model(student)
        writer = Writer(model, tokenizer, most_tokens=about["most_tokens"], seed=stages.seed)
        file, name = stages.folder / "own-answers.jsonl", f"student@{fingerprint(model)}"
        own = w2sr.written(writer, asked, stages.marked, file=file, count=1, window=about["window"], name=name)
        taught = asked.take(chosen.questions)
        theirs = [answer_text(stages, str(result)) for result in chosen.results]
        results = [own.results[place] for place in chosen.questions]
        ours = [
            label if mine is None else answer_text(stages, mine) for mine, label in zip(results, theirs, strict=True)
        ]
        groups = pairs_of(tokenizer, taught, theirs, ours, window=about["window"])
        lengths = torch.tensor([[float(len(one)) for one in answers] for _, answers in groups])
        read = int(lengths.sum()) + sum(2 * len(prompt) for prompt, _ in groups)
        done, notes = w2sr.followed(
            model, groups, weights=None, objective=partial(log_confidence, lengths=lengths, confidence=CONFIDENCE),
            rate=about["rate"], batch=about["batch"], passes=about["passes"], seed=stages.seed, folder=checkpoints,
            save_seconds=about["save_seconds"],
        )  # fmt: skip
        same = sum(a == b for a, b in zip(theirs, ours, strict=True))
        told = f"{same:,} of {len(theirs):,} results of the teacher are the student's own"
        trained = Trained(done.scorer, done.curve, (told, *notes))
        return trained, len(groups), written + int(own.tokens.sum()), about["passes"] * read

    return make


def pairs_of(tokenizer: Any, asked: Questions, theirs: list[str], ours: list[str], *, window: int) -> list[Group]:
    """Each prompt with the teacher's result and the student's own, in tokens; where one does not fit, both are left out."""
    prompts = prompts_of(tokenizer, asked, room=window)
    sides = [learnable(tokenizer, prompts, texts, window=window) for texts in (theirs, ours)]
    found = [dict(zip(side.kept, side.groups, strict=True)) for side in sides]
    return [
        (prompt, [*answers, *found[1][place][1]]) for place, (prompt, answers) in found[0].items() if place in found[1]
    ]


def log_confidence(values: torch.Tensor, which: torch.Tensor, *, lengths: torch.Tensor, confidence: float) -> torch.Tensor:  # fmt: skip
    """(n,): (1 - a) x the first answer's mean cross-entropy + a x the second's. values: (n, 2) log-probabilities."""
    means = -values / lengths[which].to(values.device)
    return (1 - confidence) * means[:, 0] + confidence * means[:, 1]


class Counted(grpo.Watched):
    """A learner from rewards that counts the tokens it writes."""

    written = np.zeros(1, np.int64)

    def epoch(self, number: int) -> float:
        """One step."""
        loss = super().epoch(number)
        self.written = self.written + int(self.learner.said["tokens"])
        return loss

    def state(self) -> dict[str, Any]:
        """The learner's, what was counted, and tokens."""
        return {**super().state(), "written": self.written}

    def load(self, state: dict[str, Any]) -> None:
        """Puts it back."""
        self.written = np.array(state["written"])
        super().load({name: value for name, value in state.items() if name != "written"})


def reinforced(stages: Stages, asked: Questions, *, student: str) -> Any:
    """GRPO from the same student: eight answers a question, four questions a step, rewards of the same judge."""

    def make(checkpoints: Path) -> Made:
        about = stages.settings
        steps = int(about["grpo_steps"])
        model, tokenizer = open_model(student)
        prompts = prompts_of(tokenizer, asked, room=about["window"] - about["most_tokens"])
        verdicts = grpo.Verdicts(stages.marked, asked, steps)
        learner = GroupLearner(
            Reader(model), prompts, reward=of_texts(tokenizer, verdicts.score), advantages=grpo.advantages_of("standardised"),
            end=tokenizer.eos_token_id, count=GROUP, most_tokens=about["most_tokens"], batch=4, rate=about["grpo_rate"],
            seed=stages.seed,
        )  # fmt: skip
        watched = Counted(learner, verdicts, steps)
        done = grpo.fit(watched, epochs=steps, folder=checkpoints, save_seconds=about["save_seconds"], name="grpo")
        trained = Trained(done.scorer, done.curve, (*watched.notes(), *done.skipped))
        tokens = int(watched.written[0])
        return trained, int(learner.counted["answers"]), tokens, tokens

    return make
