"""How are a student that lacks only the way to reason, and a teacher that is weak, made from nothing, and what does each write?"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from strop.experiments import procedural
from strop.experiments.claims.own_answers import AT_ONCE, Lab, family_of
from strop.experiments.procedural import MARK, Problem, verdict
from strop.models.language.learning import turn
from strop.models.language.reading import Reader
from strop.models.language.stepping import Stepper
from strop.models.language.writing import Writer
from strop.records import Answers

Array = npt.NDArray[Any]
Rule = dict[str, Any]
Text = tuple[str, str]  # what is asked, and what is to be written
Loss = Callable[[Tensor, Tensor], Tensor]  # ((t, words) logits, (t,) tokens) -> (t,)
START = (
    32.0  # the matrices of a small model begin sqrt(1024 / hidden) times as large: at 0.02 it stays at chance for long
)
PASS = 8, 100  # answers at temperature 1, to so many test problems


def likelihood(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each token."""
    return nn.functional.cross_entropy(logits, targets, reduction="none")


def kept_own(logits: Tensor, targets: Tensor, *, confidence: float = 0.5) -> Tensor:
    """(1 - c) cross-entropy to the target + c to the model's own likeliest token: weak labels with the log-confidence loss.

    Ours, a form for words of Burns et al. 2023, section 4.3, whose labels are yes or no.
    """
    return (1 - confidence) * likelihood(logits, targets) + confidence * likelihood(logits, logits.detach().argmax(-1))


class TextLearner:
    """Learns to write texts of nearly one length, padded to the longest of a batch: for tiny models quicker than rows.

    pairs: tokens asked and tokens to be written, the end with them; tokens: how many were read and learned from.
    """

    def __init__(
        self, model: Any, pairs: Sequence[tuple[list[int], list[int]]], *, batch: int, rate: float, seed: int,
        loss: Loss = likelihood,
    ) -> None:  # fmt: skip
        self.model, self.batch, self.rate, self.seed, self.loss = model, batch, rate, seed, loss
        self.stepper, self.tokens = Stepper(model), 0
        self.lengths = np.array([len(a) + len(b) for a, b in pairs])
        self.texts = torch.zeros(len(pairs), int(self.lengths.max()), dtype=torch.long)
        self.counts = torch.zeros(self.texts.shape)
        for row, (asked, written) in enumerate(pairs):
            self.texts[row, : self.lengths[row]] = torch.tensor([*asked, *written])
            self.counts[row, len(asked) : self.lengths[row]] = 1

    def epoch(self, number: int) -> float:
        """One step; the mean loss of a token before it."""
        which = turn(len(self.texts), number, batch=self.batch, shuffled=True, seed=self.seed)
        longest = int(self.lengths[which].max())
        texts, counts = self.texts[which, :longest], self.counts[which, 1:longest].flatten()
        self.model.train()
        logits = self.model(input_ids=texts, use_cache=False).logits[:, :-1]
        loss = (self.loss(logits.flatten(0, 1), texts[:, 1:].flatten()) * counts).sum() / counts.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self.stepper.step(self.rate)
        self.model.eval()
        self.tokens += int(self.lengths[which].sum())
        return float(loss.detach())


class Taught(NamedTuple):
    """A model and how it came to be: the share that its gate asked for, steps, tokens read, CPU seconds."""

    reader: Reader
    reached: float
    steps: int
    tokens: int
    seconds: float

    @property
    def hidden(self) -> int:
        """The model's width."""
        return int(self.reader.model.config.hidden_size)


class WeakLab:
    """One family with its problems for one seed: who is taught from nothing, and what anyone writes."""

    def __init__(self, about: Rule, *, seed: int) -> None:
        self.family, self.about, self.seed = family_of(about), about, seed
        self.lab = Lab(self.family, about["student"])
        self.parts = procedural.problems(self.family, sizes=about["sizes"], seed=seed)
        self.generator = np.random.default_rng([seed, 0x3EAC])
        if not self.family.facts or self.family.worked is None:
            raise AssertionError(f"{self.family.name} has no single steps")

    def fresh(self, model: Rule, seed: int) -> Reader:
        """A model that knows nothing, with matrices large enough to learn at once."""
        reader = Lab(self.family, model).fresh(seed)
        with torch.no_grad():
            for p in reader.model.parameters():
                if p.ndim == 2:
                    p *= START / model["hidden"] ** 0.5
        return reader

    def pairs(self, texts: Sequence[Text]) -> list[tuple[list[int], list[int]]]:
        """In tokens, with an end."""
        return [(self.lab.tokens(asked), [*self.lab.tokens(written), self.lab.end]) for asked, written in texts]

    def until(self, reader: Reader, texts: Sequence[Text], found: Callable[[Reader], float], about: Rule) -> Taught:
        """Taught the texts until `found` is at least about["until"], asked every `every` steps, at most `steps`."""
        start = time.process_time()
        learner = TextLearner(reader.model, self.pairs(texts), batch=about["batch"], rate=about["rate"], seed=self.seed)
        share = 0.0
        for step in range(about["steps"]):
            learner.epoch(step)
            if (step + 1) % about["every"] == 0:
                share = found(reader)
                if share >= about["until"]:
                    break
        return Taught(reader, share, step + 1, learner.tokens, time.process_time() - start)

    def base(self, about: Rule, *, facts: bool = True) -> Taught:
        """The student: direct answers, which it cannot learn to give, and facts, alone and behind a question of another problem.

        The first of `starts` that comes to the gate in the steps allowed: who takes long learns to add directly meanwhile.
        Without facts: as many steps as about["ungated"] says, on direct answers alone.
        """
        asked = [p.question for p in self.parts["train"]]
        direct = [(p.question, MARK + p.answer) for p in self.parts["train"]]
        if not facts:
            return self.until(
                self.fresh(self.about["student"], self.seed),
                direct,
                lambda _: 0.0,
                {**about, "steps": about["ungated"]},
            )
        many = len(self.family.facts)
        single = [
            ((asked[int(self.generator.integers(len(asked)))] if n % 3 else "") + f, said)
            for n, (f, said) in enumerate(self.family.facts * max(1, round(2 * len(direct) / many)))
        ]
        for start in range(about.get("starts", 1)):
            model = self.fresh(self.about["student"], self.seed + 1000 * start)
            found = self.until(model, direct + single, self.knows, about)
            if found.reached >= about["until"]:
                break
        return found

    def knows(self, reader: Reader) -> float:
        """The share of facts said rightly: alone, or behind a question of validation, whichever is less."""
        other = [p.question for p in self.parts["validation"]]
        found = []
        for before in ([""], other):
            asked = [before[n % len(before)] + f for n, (f, _) in enumerate(self.family.facts)]
            written = self.writer(reader, most=4).write([self.lab.tokens(one) for one in asked])
            found.append(np.mean([w[0].text == said for w, (_, said) in zip(written, self.family.facts, strict=True)]))
        return float(min(found))

    def teacher(self, about: Rule) -> Taught:
        """The first of the rule's models that comes to the gate in the steps allowed: taught from right traces, stopped inside the jump."""
        texts = [(p.question, p.solution) for p in self.parts["lessons"]]

        def sampled(reader: Reader) -> float:
            drawn = self.write(reader, self.parts["validation"], temperature=1.0, count=about.get("draws", 1))
            return usable(drawn)[0]

        for model in about["models"]:
            found = self.until(self.fresh(model, self.seed + 500), texts, sampled, about)
            if found.reached >= about["until"]:
                break
        return found

    def writer(self, reader: Reader, *, most: int, temperature: float = 0.0, seed: int = 0) -> Writer:
        """Of a model."""
        return Writer(
            reader.model, self.lab.tokenizer, most_tokens=most, temperature=temperature, width=AT_ONCE,
            seed=1000 * self.seed + seed,
        )  # fmt: skip

    def write(
        self, reader: Reader, problems: Sequence[Problem], *, temperature: float = 0.0, count: int = 1, seed: int = 0,
        opened: bool = False,
    ) -> Answers:  # fmt: skip
        """Answers and their verdicts: one that is cut, without a mark, or with two answers is wrong, and has no result.

        opened: the trace's opening, its first step as it is asked, is given with the question.
        """
        prompts = [self.lab.tokens(p.question + (opening(p) if opened else "")) for p in problems]
        writer = self.writer(reader, most=Lab.most(problems), temperature=temperature, seed=seed)
        written = writer.write(prompts, count=count)
        rows = [(n, one) for n, group in enumerate(written) for one in group]
        judged = [verdict(problems[n], one.text) if one.finished == "end" else None for n, one in rows]
        return Answers(
            np.array([n for n, _ in rows]),
            [one.text for _, one in rows],
            np.array([float(v is True) for v in judged]),
            [None if v is None else one.text.split(MARK)[1] for v, (_, one) in zip(judged, rows, strict=True)],
            [one.finished for _, one in rows],
            np.array([one.tokens for _, one in rows]),
        )


def usable(written: Answers) -> tuple[float, Answers | None, float]:
    """Accuracy of the traces with one result, these traces, and the share left out: cut, without a mark, or with two results."""
    kept = np.array([result is not None for result in written.results])
    if not kept.any():
        return 0.0, None, 1.0
    traces = written.take(kept)
    return float(traces.right.mean()), traces, float(1 - kept.mean())


def opening(problem: Problem) -> str:
    """`3+5=`: the first step as it is asked."""
    found = re.match(r"[^=]+=", problem.trace)
    return found[0] if found else ""


def first_right(answers: Answers, problems: Sequence[Problem]) -> Array:
    """(n,): whether what stands behind the first mark is right, whatever follows."""
    return np.array(
        [
            float(MARK in text and text.split(MARK)[1] == problems[q].answer)
            for q, text in zip(answers.questions.tolist(), answers.texts, strict=True)
        ]
    )
