"""What does a student become by each way of learning or asking, with as many logged trials each, and at what cost?"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.audits.passing import pass_at_k
from strop.audits.stopping import stopping
from strop.decoding.voting import majority
from strop.experiments.claims.own_answers import AT_ONCE, Lab, advantages_of
from strop.experiments.claims.weak_lab import PASS, Loss, Rule, Text, TextLearner, WeakLab, first_right, likelihood
from strop.experiments.procedural import Problem, verdict
from strop.models.language.groups import GroupLearner, by_constant, of_texts
from strop.models.language.reading import Reader
from strop.records import Answers

Array = npt.NDArray[Any]
VOTES = 8
DRAWN = 7  # the stream of draws on test
Values = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Arm:
    """right: (test problems,) 1 or 0; figures of it; trials: what was tried, with its accuracy on validation, in order."""

    right: Array
    figures: Values
    trials: list[Rule] = field(default_factory=list)
    reader: Reader | None = None

    @property
    def accuracy(self) -> float:
        """On test."""
        return float(self.right.mean())


@dataclass(frozen=True, eq=False)
class Bench:
    """A lab and its rule: every arm gets as many trials, told by validation."""

    lab: WeakLab
    rule: Rule

    def accuracy(self, reader: Reader, **asked: Any) -> float:
        """Greedily, on validation."""
        return float(self.lab.write(reader, self.lab.parts["validation"], **asked).right.mean())

    def learned(self, base: Reader, texts: Sequence[Text], *, unit: int, loss: Loss = likelihood) -> Arm:
        """A copy of the base that writes these texts: every rate, and `unit` steps times each stop."""
        pairs = self.lab.pairs(texts)

        def make(rate: float) -> tuple[Reader, Any, Callable[[], float]]:
            reader = self.lab.lab.copy(base)
            learner = TextLearner(
                reader.model, pairs, batch=self.rule["learn"]["batch"], rate=rate, seed=self.lab.seed, loss=loss
            )
            return reader, learner, lambda: float(learner.tokens)

        about = self.rule["learn"]
        found = self._chosen(make, rates=about["rates"], stops=[round(unit * stop) for stop in about["stops"]])
        held = sum(len(written) for _, written in pairs)
        return self.tested(found, {"texts": float(len(texts)), "tokens of the texts": float(held)})

    def rewarded(self, start: Reader) -> Arm:
        """A copy after GRPO on the train problems."""
        about, problems = self.rule["grpo"], self.lab.parts["train"]
        lab, most = self.lab.lab, Lab.most(problems)

        def make(rate: float) -> tuple[Reader, Any, Callable[[], float]]:
            reader = lab.copy(start)
            learner = Counted(
                reader, [lab.tokens(p.question) for p in problems], advantages=advantages_of(about),
                reward=of_texts(lab.tokenizer, lambda i, text: float(verdict(problems[i], text) is True)),
                share=partial(by_constant, tokens=most), end=lab.end, count=about["count"], batch=about["batch"],
                rate=rate, most_tokens=most, width=AT_ONCE, seed=self.lab.seed,
            )  # fmt: skip
            return reader, learner, lambda: learner.written

        return self.tested(self._chosen(make, rates=about["rates"], stops=about["stops"]), {})

    def _chosen(
        self, make: Callable[[float], tuple[Reader, Any, Callable[[], float]]], *, rates: list[float], stops: list[int]
    ) -> Arm:
        """The model of the trial that is best on validation, the first of equal ones, and what it cost."""
        best, state, trials, cost = -1.0, None, [], {}
        spent = 0.0
        for rate in rates:
            reader, learner, tokens = make(rate)
            seconds = 0.0
            for step in range(stops[-1]):
                start = time.process_time()
                learner.epoch(step)
                seconds += time.process_time() - start
                if step + 1 in stops:
                    found = self.accuracy(reader)
                    trials.append({"rate": rate, "steps": step + 1, "validation": found})
                    if found > best:
                        best, state = found, deepcopy(reader.model.state_dict())
                        cost = {"steps": step + 1.0, "tokens learned from": tokens(), "CPU seconds": seconds}
            spent += seconds
        reader.model.load_state_dict(state)
        figures: Values = {**cost, "CPU seconds of all trials": spent, "validation": best}
        return Arm(np.zeros(0), figures, trials, reader)

    def tested(self, arm: Arm, more: Values, **asked: Any) -> Arm:
        """What its model makes of the test problems, greedily unless asked otherwise, and in eight draws of a part of them."""
        assert arm.reader is not None
        problems = self.lab.parts["test"]
        answers = self.lab.write(arm.reader, problems, seed=DRAWN, **asked)
        drawn = self.lab.write(
            arm.reader, problems[: PASS[1]], temperature=1.0, count=PASS[0], seed=DRAWN + 1,
            opened=asked.get("opened", False),
        )  # fmt: skip
        figures = told(answers, problems) | passes(drawn)
        return Arm(answers.right, arm.figures | figures | more, arm.trials, arm.reader)

    def asked(self, reader: Reader, *, opened: bool = False) -> Arm:
        """A model as it is, at the temperature that is best on validation."""
        trials = [
            {"temperature": t, "validation": self.accuracy(reader, temperature=t, opened=opened, seed=n)}
            for n, t in enumerate(self.rule["temperatures"])
        ]
        best = max(trials, key=lambda one: one["validation"])
        return self.tested(
            Arm(np.zeros(0), {"validation": best["validation"]}, trials, reader), {},
            temperature=best["temperature"], opened=opened,
        )  # fmt: skip

    def voted(self, reader: Reader) -> Arm:
        """The result that most of eight answers agree on, at the temperature that is best on validation."""
        trials = []
        for n, t in enumerate(self.rule["vote temperatures"]):
            right, _ = self._vote(reader, self.lab.parts["validation"], temperature=t, seed=20 + n)
            trials.append({"temperature": t, "validation": float(right.mean())})
        best = max(trials, key=lambda one: float(one["validation"]))
        start = time.process_time()
        right, tokens = self._vote(reader, self.lab.parts["test"], temperature=best["temperature"], seed=DRAWN)
        figures: Values = {
            "accuracy": float(right.mean()),
            "tokens of an answer": tokens,
            "validation": best["validation"],
            "CPU seconds": time.process_time() - start,
        }
        return Arm(right, figures, trials)

    def _vote(self, reader: Reader, problems: Sequence[Problem], **asked: Any) -> tuple[Array, float]:
        answers = self.lab.write(reader, problems, count=VOTES, **asked)
        vote = majority(answers.results, answers.questions)
        right = [float(chosen == p.answer) for chosen, p in zip(vote.chosen, problems, strict=True)]
        return np.array(right), float(answers.tokens.sum()) / len(problems)


class Counted(GroupLearner):
    """A learner from rewards that counts the tokens it writes, which are those it learns from."""

    written = 0.0

    def epoch(self, number: int) -> float:
        """One step."""
        loss = super().epoch(number)
        self.written += self.said["tokens"]
        return loss


def told(answers: Answers, problems: Sequence[Problem]) -> Values:
    """Accuracy, by the first answer, stops and loops, length: of an answer to each problem."""
    found = stopping(answers, first=first_right(answers, problems))
    return {
        "accuracy": float(answers.right.mean()),
        "first answer right": found.first.value,
        "stopped": found.stopped.value,
        "not looping": found.straight.value,
        "tokens of an answer": float(answers.tokens.mean()),
    }


def passes(answers: Answers) -> Values:
    """pass@1 and pass@8 at temperature 1."""
    right = answers.right.reshape(-1, PASS[0]).sum(1).astype(int)
    return {f"pass@{k}": float(pass_at_k(right, PASS[0], k=k).mean()) for k in (1, PASS[0])}
