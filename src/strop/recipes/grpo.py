"""A language model that learns from verdicts on its own answers: what is right in a group is followed, what is wrong left."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from strop.errors import StropError
from strop.feedback.results import Marked
from strop.losses.policy import (
    Advantages,
    leave_one_out,
    mean_centred,
    reference_kl,
    sign_weighted,
    standardised,
    verifier_corrected,
    virtual_best,
)
from strop.models.language.encoding import prompts_of
from strop.models.language.groups import GroupLearner, of_texts
from strop.models.language.opening import open_model, with_adapter
from strop.models.language.reading import Reader
from strop.models.language.stepping import State
from strop.records import Questions, QuestionSplit, Trained
from strop.sandbox.verdicts import REASONS
from strop.sandbox.verifiers import Verifier
from strop.training import fit

SEARCH = {"rate": [1e-6, 3e-7, 3e-6]}
SIGNS = {"psr": (1.0, 0.0), "nsr": (0.0, 1.0), "weighted": (0.1, 1.0)}
GROUPS: dict[str, Any] = {
    "standardised": standardised,
    "mean_centred": mean_centred,
    "leave_one_out": leave_one_out,
    "ngrpo": virtual_best,
}
CANCELS = ("standardised", "ngrpo")
PATIENCE = 20  # steps that may teach nothing before a run is given up
LOOKED_AT = 100  # references that are read beforehand
OUTCOMES = ("right", "wrong", *REASONS)


def run(
    data: QuestionSplit,
    *,
    seed: int = 0,
    model: str = "smollm2",
    verifier: Literal["numeric", "exact", "math", "gym"] = "numeric",
    advantages: Literal[
        "standardised", "mean_centred", "leave_one_out", "psr", "nsr", "weighted", "ngrpo"
    ] = "standardised",
    count: int = 8,
    most_tokens: int = 128,
    temperature: float = 1.0,
    top_p: float = 1.0,
    false_pass: float = 0.0,
    false_fail: float = 0.0,
    kl: float = 0.0,
    rate: float = 1e-6,
    batch: int = 4,
    steps: int = 100,
    window: int = 1024,
    adapter: int = 0,
    folder: Path | None = None,
    save_seconds: float = 300.0,
) -> Trained:
    """Minimises mean over tokens of -A ratio + kl k3, A from the verdicts on a group of answers that the model has just written, a token the same in any answer. Paper: grpo2024; dapo2025 (the mean over tokens). Not for: questions that the model never, or always, answers rightly; verifiers that can be talked round.

    seed: of the order of the questions and of all answers.
    model: a folder, a GGUF file, a hub name, or smollm2.
    verifier: numeric: the last number; exact: the text; math: math-verify; gym: reasoning-gym's own scorer. Unscored answers are left out.
    advantages: standardised: GRPO; mean_centred: Dr. GRPO; leave_one_out: RLOO; psr: right answers alone; nsr: wrong ones alone; weighted: 0.1 and 1; ngrpo: beside a virtual right answer.
    count: answers a question.
    most_tokens: of an answer; longer ones are cut there, and judged as they are.
    temperature: of the draw; the gradient is that of temperature 1.
    top_p: draw from the fewest likeliest tokens with this share together; 1: from all.
    false_pass: how often a wrong answer passes; not for standardised and ngrpo, where it cancels.
    false_fail: how often a right answer fails; as false_pass.
    kl: how strongly the model is held to what it was before.
    rate: of AdamW.
    batch: questions a step.
    steps: to take.
    window: most tokens of a question with its answer.
    adapter: rank of a LoRA adapter on all linear layers; 0: all weights learn.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    judged = advantages_of(advantages, false_pass=false_pass, false_fail=false_fail)
    _check(count, most_tokens, temperature, steps, window)
    with Verifier(verifier) as judge:
        check_references(judge, data.train)
        opened, tokenizer = open_model(model)
        prompts = prompts_of(tokenizer, data.train, room=window - most_tokens)
        reference = Reader(open_model(model)[0].requires_grad_(False)) if kl else None
        verdicts = Verdicts(judge, data.train, steps)
        learner = GroupLearner(
            Reader(with_adapter(opened, rank=adapter, seed=seed) if adapter else opened),
            prompts,
            reward=of_texts(tokenizer, verdicts.score),
            advantages=judged,
            end=tokenizer.eos_token_id,
            count=count,
            most_tokens=most_tokens,
            temperature=temperature,
            top_p=top_p,
            kl=kl,
            divergence=reference_kl if kl else None,
            reference=reference,
            batch=batch,
            rate=rate,
            seed=seed,
        )
        watched = Watched(learner, verdicts, steps)
        done = fit(watched, epochs=steps, folder=folder, save_seconds=save_seconds, name="grpo")
    scale = 1 / (1 - false_pass - false_fail)
    told = [
        f"the correction makes rewards {scale:.3g} times as large: where it only scales, larger steps and a weaker kl"
    ]
    return Trained(done.scorer, done.curve, (*watched.notes(), *(told if scale > 1 else ()), *done.skipped))


def _check(count: int, most_tokens: int, temperature: float, steps: int, window: int) -> None:
    if count < 2:
        raise StropError("S301", f"a group of {count}", "count 2 or more: an answer alone has no rivals")
    if not temperature > 0:
        raise StropError("S301", f"temperature is {temperature}", "above 0: at 0 all answers of a group are the same")
    if steps < 1 or not 0 < most_tokens < window:
        raise StropError(
            "S301", f"steps {steps}, most_tokens {most_tokens}, window {window}", "steps 1, 0 < most_tokens < window"
        )


def advantages_of(name: str, *, false_pass: float = 0.0, false_fail: float = 0.0) -> Any:
    """Advantages of (prompts, answers) verdicts, by name, for a verifier with these constant rates of error.

    Errors: S305 the rates cancel in standardised and ngrpo; S301 rates outside [0, 1], or together 1 and more.
    """
    told = false_pass or false_fail
    verifier_corrected(torch.zeros(1, 1), false_pass=false_pass, false_fail=false_fail)  # its rules
    if told and name in CANCELS:
        raise StropError(
            "S305",
            f"{name} takes a correction by constant false_pass and false_fail out again: it would change nothing",
            "leave both at 0, or --advantages mean_centred",
        )
    plain = GROUPS.get(name) or partial(signed, positive=SIGNS[name][0], negative=SIGNS[name][1])
    if not told:
        return plain
    return lambda rewards: plain(verifier_corrected(rewards, false_pass=false_pass, false_fail=false_fail))


def signed(rewards: Tensor, *, positive: float, negative: float) -> Advantages:
    """1 for right and -1 for wrong, weighed by their sign: without a group's mean, so that equal verdicts teach too."""
    scored = ~rewards.isnan()
    values = torch.where(scored, sign_weighted(2 * rewards - 1, positive=positive, negative=negative), 0.0)
    return Advantages(values, scored, (values != 0).any(1))


def check_references(judge: Verifier, questions: Questions) -> None:
    """S211 where most right answers, of the first ones, say nothing to this verifier; S301 a task that is not the gym's."""
    if judge.kind == "gym":
        if questions.made(0) is None:
            raise StropError(
                "S301", "gym scores only what reasoning-gym asked", "gym:TASK as the source", questions.name
            )
        return
    looked = min(LOOKED_AT, len(questions))
    bad = [i for i in range(looked) if judge.judge("", questions.references[i]).outcome == "unscored"]
    if 2 * len(bad) > looked:
        row = bad[0] + 1 if questions.rows is None else int(questions.rows[bad[0]])
        first = " ".join(questions.references[bad[0]].split())[:40] or "nothing"
        raise StropError(
            "S211",
            f'"{first}": {judge.kind} cannot read it as a right answer, nor {len(bad):,} of {looked:,} in all',
            "--verifier exact for words, math for formulas, numeric for numbers",
            questions.name,
            row,
        )


class Verdicts:
    """Scores the answers to questions, and counts what came of them: each kind of verdict, and each step's mean reward."""

    def __init__(self, judge: Verifier | Marked, questions: Questions, steps: int) -> None:
        self.judge, self.questions = judge, questions
        self.counts = np.zeros(len(OUTCOMES), np.int64)
        self.rewards = np.full(steps, np.nan)

    def score(self, place: int, answer: str) -> float:
        """1 right, 0 wrong, NaN not scored."""
        asked = self.questions
        verdict = self.judge.judge(answer, asked.references[place], made=asked.made(place))
        self.counts[OUTCOMES.index(verdict.reason or verdict.outcome)] += 1
        return verdict.reward

    def unscored(self) -> tuple[int, str]:
        """How many answers, and why, in words."""
        why = dict(zip(OUTCOMES, self.counts.tolist(), strict=True))
        told = ", ".join(f"{why[reason]:,} {text}" for reason, text in REASONS.items() if why[reason])
        return sum(why[reason] for reason in REASONS), told


class Watched:
    """A GroupLearner that stops where it learns nothing: no group with a difference, or mostly answers without a verdict."""

    unit = "step"

    def __init__(self, learner: GroupLearner, verdicts: Verdicts, steps: int) -> None:
        self.learner, self.verdicts, self.patience = learner, verdicts, min(PATIENCE, steps)

    def epoch(self, number: int) -> float:
        """One step. Errors: S601 from the 20th step on (or the last) where teaching nothing is the rule."""
        loss = self.learner.epoch(number)
        self.verdicts.rewards[number] = self.learner.said["reward"]
        if number + 1 >= self.patience:
            self._refuse()
        return loss

    def _refuse(self) -> None:
        counted, (unscored, why) = self.learner.counted, self.verdicts.unscored()
        answers, groups = int(self.verdicts.counts.sum()), counted["groups"]
        if 2 * unscored > answers:
            raise StropError(
                "S601",
                f"{unscored:,} of {answers:,} answers could not be scored: {why}",
                "another verifier, or answers",
            )
        if counted["steps that moved nothing"] < counted["steps"]:
            return
        right, wrong = self.verdicts.counts[:2].tolist()
        if right and wrong:
            what = f"in each of {groups:,} groups all rewards were the same"
            mend = "more answers a question (--count), a higher temperature"
        else:
            what = f"one reward value only: all {answers - unscored:,} answers to {groups:,} questions were {'right' if right else 'wrong'}"
            mend = "harder questions" if right else "easier questions, more --most-tokens, or another --verifier"
        raise StropError("S601", f"none of {counted['steps']:,} steps moved a weight: {what}", mend)

    def notes(self) -> tuple[str, ...]:
        """What came of the answers, in counts."""
        counted, (unscored, why) = self.learner.counted, self.verdicts.unscored()
        right, wrong = self.verdicts.counts[:2].tolist()
        answers, groups, still = right + wrong + unscored, counted["groups"], counted["groups of equal rewards"]
        quarter = max(1, len(self.verdicts.rewards) // 4)
        ends = [part[~np.isnan(part)] for part in (self.verdicts.rewards[:quarter], self.verdicts.rewards[-quarter:])]
        told = [f"{right:,} of {answers:,} answers while learning were right, {wrong:,} wrong, {unscored:,} not scored"]
        if unscored:
            told.append(f"not scored, and left out: {why}")
        told.append(f"{still:,} of {groups:,} groups taught nothing: their rewards were all the same")
        if counted["steps that moved nothing"]:
            told.append(f"{counted['steps that moved nothing']:,} of {counted['steps']:,} steps moved no weight")
        if all(map(len, ends)):
            told.append(
                f"share right in the first quarter of the steps: {ends[0].mean():.2f}; in the last: {ends[1].mean():.2f}"
            )
        return tuple(told)

    def state(self) -> State:
        """The learner's, and what was counted."""
        return {**self.learner.state(), "verdicts": self.verdicts.counts, "rewards by step": self.verdicts.rewards}

    def load(self, state: State) -> None:
        """Puts a state back. Errors: S304 another number of steps."""
        if state["rewards by step"].shape != self.verdicts.rewards.shape:
            raise StropError("S304", f"steps was {len(state['rewards by step']):,}", "start anew in another folder")
        self.learner.load(state)
        self.verdicts.counts[:], self.verdicts.rewards[:] = state["verdicts"], state["rewards by step"]

    def scorer(self) -> Any:
        """The model as it is now."""
        return self.learner.scorer()
