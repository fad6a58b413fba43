"""A language model that states how sure it is, and learns from verdicts to be surer of better answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from strop.audits.rated import pooled_auc
from strop.decoding.voting import agreement_of_others
from strop.errors import StropError
from strop.feedback.confidence import WHY, check_written, counts_of, split_confidence, taught, told_of, unsignalled
from strop.feedback.eliciting import elicited
from strop.feedback.results import Marked, check_judge
from strop.losses.confidence import dual_reward
from strop.losses.policy import leave_one_out, reference_kl
from strop.models.language.encoding import asked_plainly, encode, prompts_of
from strop.models.language.groups import Answers, GroupLearner
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import open_model, with_adapter
from strop.models.language.reading import Reader
from strop.models.language.reward_opening import open_rewarder
from strop.models.language.rewarding import RewardReader
from strop.models.language.rows import Group
from strop.models.language.sampling import sample
from strop.models.language.stepping import State
from strop.records import Questions, QuestionSplit, Trained
from strop.records.pairs import Message
from strop.sandbox.verifiers import Verifier
from strop.training import fit

SEARCH = {"rate": [1e-6, 3e-7, 3e-6], "kl": [1.0, 0.3, 3.0]}
ALPHA = {"order": 10.0, "order_sum": 0.4, "brier": 10.0, "log": 3.0}
LEAST_BATCH = 8
STREAM = 29  # of the model's own answers
Qualities = Callable[[list[int], list[list[str]]], npt.ArrayLike]  # (places, their answers) -> (prompts, answers)


def run(
    data: QuestionSplit,
    *,
    seed: int = 0,
    model: str = "smollm2",
    verifier: Literal["numeric", "exact", "math", "gym"] = "numeric",
    mark: str = "",
    prompt: str = "{question}\nBehind your answer write a line `### Confidence: X`, X from 0.0 (surely wrong) to 1.0 (surely right).",
    form: Literal["text", "chat"] = "text",
    reward: Literal["order", "order_sum", "quality", "pre", "brier", "log"] = "order",
    reward_model: str = "",
    alpha: float | None = None,
    kl: float = 1.0,
    format_confidence: Literal["random", "agreement"] = "random",
    format_steps: int = 50,
    format_rate: float = 2e-5,
    steps: int = 100,
    batch: int = 32,
    count: int = 4,
    most_tokens: int = 128,
    temperature: float = 1.0,
    rate: float = 1e-6,
    window: int = 1024,
    adapter: int = 0,
    folder: Path | None = None,
    save_seconds: float = 300.0,
) -> Trained:
    """Teaches a line `### Confidence: 0.7` behind the model's own answers, then minimises mean over tokens of -A ratio + kl k3, A from quality + alpha x the worth of what is stated, over a step's answers together. Paper: conqord2024; rlcr2025 (brier); rewarding_doubt2026 (log); sayself2024 (agreement). Not for: where the chance of the answer's tokens, or agreement of samples, orders as well for nothing; probabilities used as they are, without a map fitted behind it (order).

    seed: of own answers, of confidences in the format, of the order of the questions and of all draws.
    model: a folder, a GGUF file, a hub name, or smollm2.
    verifier: numeric: the last number; exact: the text; math: math-verify; gym: reasoning-gym's own scorer. Unscored answers are left out.
    mark: what a result stands behind; empty: a box, or ####, else as the verifier reads a text.
    prompt: what is asked, around {question}; when learning and when measured.
    form: chat: a plain question is a user's turn, for models made for conversations.
    reward: order: CONQORD, the mean form, quality standardised; order_sum: as released; quality: no reward for confidence; pre: right and sure, or wrong and unsure; brier, log: proper scores.
    reward_model: a folder with a reward model whose score is the quality, in place of the verdict; it reads answers without their line.
    alpha: weight of the confidence; none: 10, or 0.4 for order_sum (of a sum over the batch), 3 for log.
    kl: how strongly the model is held to what it was behind the format; at 0 brier and log fall to one confidence.
    format_confidence: in the first lines; agreement: of the other own answers.
    format_steps: of learning the line, on the model's own answers.
    format_rate: of AdamW, meanwhile.
    steps: of learning from rewards; with agreement 0 too.
    batch: answers a step, all compared with each other; 8 or more.
    count: answers a question, 2 or more, among them.
    most_tokens: of an answer with its line.
    temperature: of the draw; the gradient is that of temperature 1.
    rate: of AdamW.
    window: most tokens of a question with its answer.
    adapter: rank of a LoRA adapter on all linear layers; 0: all weights learn.
    folder: where checkpoints go.
    save_seconds: time between checkpoints.
    """
    sizes = {"batch": batch, "count": count, "format_steps": format_steps, "steps": steps}
    weight = checked(reward, reward_model, alpha, **sizes, least=0 if format_confidence == "agreement" else 1)
    if not 0 < most_tokens < window or not temperature > 0:
        told = f"most_tokens {most_tokens}, window {window}, temperature {temperature}"
        raise StropError("S301", told, "0 < most_tokens < window, a temperature above 0")

    def opened() -> tuple[Any, Any]:
        found, tokenizer = open_model(model)
        return (with_adapter(found, rank=adapter, seed=seed) if adapter else found), tokenizer

    with Verifier(verifier) as judge:
        marked = Marked(judge, mark=mark)
        told = check_judge(marked, data.train)
        learning, tokenizer = opened()
        check_written(tokenizer)
        asked, reader = elicited(data.train, prompt, form=form), Reader(learning)
        told = (*told, *asked_plainly(tokenizer, chat=asked.chat, name=model))
        prompts = prompts_of(tokenizer, asked, room=window - most_tokens)
        drawn, saved = {"most_tokens": most_tokens, "temperature": temperature}, {"save_seconds": save_seconds}
        groups, left = own_answers(
            reader, tokenizer, prompts, want=format_steps * batch, count=count, seed=seed, drawn=drawn,
            results=marked.results if format_confidence == "agreement" else None,
        )  # fmt: skip
        former = line_learner(reader, groups, batch=batch, rate=format_rate, seed=seed)
        formed = fit(former, epochs=format_steps, folder=folder and folder / "format", name="format", **saved)
        if not steps:
            return Trained(formed.scorer, formed.curve, (*told, *left, *former.notes(), *formed.skipped))
        quality = Quality(marked, data.train, reward_model, room=steps * batch)
        dual = Dual(tokenizer, quality, reward=reward, alpha=weight)
        learner = GroupLearner(
            Reader(learning), prompts, reward=dual, advantages=leave_one_out, end=tokenizer.eos_token_id, count=count, **drawn,
            kl=kl, divergence=reference_kl if kl else None, reference=as_now(learning, opened()[0]) if kl else None,
            batch=batch // count, rate=rate, seed=seed,
        )  # fmt: skip
        watched = Watched(learner, dual, quality)
        done = fit(watched, epochs=steps, folder=folder and folder / "policy", name="conqord", **saved)
    notes = (*quality.notes(), *told, *left, *former.notes(), *watched.notes(), *formed.skipped, *done.skipped)
    return Trained(done.scorer, done.curve, notes)


def checked(
    reward: str, reward_model: str, alpha: float | None, *, batch: int, count: int, format_steps: int, steps: int, least: int
) -> float:  # fmt: skip
    """The weight of the confidence. Errors: S301 settings, S305 a reward that a reward model's scores do not allow."""
    if batch < LEAST_BATCH or count < 2 or batch % count:
        told = f"batch {batch}, count {count}: {batch // max(1, count)} questions a step"
        mend = f"a batch of {LEAST_BATCH} or more (alone an answer has no order), 2 answers a question or more, and whole questions"
        raise StropError("S301", told, mend)
    if format_steps < 1 or steps < least:
        mend = "1 or more; steps 0 only with lines that say something, --format-confidence agreement"
        raise StropError("S301", f"format_steps {format_steps}, steps {steps}", mend)
    if alpha is not None and (reward not in ALPHA or not 0 <= alpha < float("inf")):
        mend = "0 and above, with order, order_sum, brier or log; quality and pre have no weight"
        raise StropError("S301", f"alpha is {alpha} with {reward}", mend)
    if reward_model and reward in ("pre", "brier", "log"):
        mend = "order, order_sum or quality; or the verifier's verdicts, without --reward-model"
        raise StropError("S305", f"{reward} needs right or wrong, and a reward model gives scores", mend)
    return ALPHA.get(reward, 0.0) if alpha is None else alpha


def as_now(model: Any, fresh: Any) -> Reader:
    """A copy of the model that will not learn."""
    fresh.load_state_dict(model.state_dict())
    return Reader(fresh.requires_grad_(False))


def own_answers(
    reader: Reader, tokenizer: Any, prompts: list[list[int]], *, want: int, count: int, seed: int, drawn: dict[str, Any],
    results: Callable[[str], Sequence[str]] | None,
) -> tuple[list[Group], tuple[str, ...]]:  # fmt: skip
    """About `want` texts that teach the line: what the model answers by itself, behind it a confidence.

    results: those in an answer, of which the last counts. None: one answer to a question, and confidences drawn at random; else
    `count` answers, and their `agreement_of_others`. Those cut, empty or without a result are left out. Errors: S209 too few.
    """
    each = 1 if results is None else count
    asked = prompts[: -(-want // each)]
    found = sample(reader.model, asked, count=each, end=tokenizer.eos_token_id, seed=[seed, STREAM], **drawn)
    texts = [
        text if how == "end" else ""
        for group, hows in zip(found.answers, found.finished, strict=True)
        for text, how in zip(tokenizer.batch_decode(group, skip_special_tokens=True), hows, strict=True)
    ]
    levels = [float(level) for level in unsignalled(len(texts), seed=seed)]
    if results is not None:
        given = [list(results(split_confidence(text)[0])) or [None] for text in texts]
        levels = agreement_of_others([one[-1] for one in given], np.repeat(np.arange(len(asked)), each)).tolist()
    lines = [(place, tokenizer(text, add_special_tokens=False)["input_ids"]) for place, text in taught(texts, levels)]
    if len(lines) < 2:
        mend = "a higher --most-tokens, or a model that ends its answers"
        raise StropError("S209", f"{len(lines)} of {len(texts)} own answers can teach the line", mend)
    groups = [(asked[place // each], [[*line, tokenizer.eos_token_id]]) for place, line in lines]
    return groups, (f"the line was taught on {len(lines):,} own answers; {len(texts) - len(lines):,} were cut, empty or without a result, and left out",)  # fmt: skip


def line_learner(reader: Reader, groups: list[Group], **settings: Any) -> AnswerLearner:
    """Learns these texts by the mean over their tokens; settings: batch, rate and seed."""
    lengths = torch.tensor([float(len(answers[0])) for _, answers in groups])

    def loss(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        return -values[:, 0] / lengths[which]

    return AnswerLearner(reader, groups, objective=loss, weights=lengths, coupled=False, **settings)


class Quality:
    """How good each answer is, without its line: the verdict, or what a reward model says; both are noted where both are known."""

    def __init__(self, marked: Marked, questions: Questions, reward_model: str, *, room: int) -> None:
        self.judge, self.questions, self.done = marked.of(questions), questions, 0
        self.seen = np.full((room, 2), np.nan)  # quality, right
        self.rewarder = open_rewarder(reward_model) if reward_model else None

    def __call__(self, which: list[int], texts: list[list[str]]) -> npt.NDArray[np.float64]:
        """(prompts, answers), NaN where not scored."""
        value = {"right": 1.0, "wrong": 0.0, "unscored": np.nan}
        right = np.array([[value[self.judge(i, text).outcome] for text in group] for i, group in zip(which, texts, strict=True)])  # fmt: skip
        found = right if self.rewarder is None else self._scores(which, texts)
        self.seen[self.done : self.done + right.size] = np.stack([found.ravel(), right.ravel()], 1)
        self.done += right.size
        return found

    def _scores(self, which: list[int], texts: list[list[str]]) -> npt.NDArray[np.float64]:
        assert self.rewarder is not None
        model, tokenizer = self.rewarder
        prompts = [self.questions.prompts[i] for i in which]
        answers = [
            [text if isinstance(prompt, str) else (Message("assistant", text),) for text in group]
            for prompt, group in zip(prompts, texts, strict=True)
        ]
        window = getattr(model.config, "max_position_embeddings", None) or 1 << 30
        groups = encode(tokenizer, prompts, answers, window=window, name=self.questions.name).groups
        return RewardReader(model).rewards(groups).view(len(which), -1).double().numpy()

    def notes(self) -> tuple[str, ...]:
        """Whether quality and being right go together comes first: it bounds all else."""
        quality, right = self.seen[: self.done].T
        known = ~np.isnan(right)
        told = [f"{int((right == 1).sum()):,} of {self.done:,} answers while learning were right, {int((right == 0).sum()):,} wrong, {int((~known).sum()):,} not scored"]  # fmt: skip
        auroc = None if self.rewarder is None else pooled_auc(quality[known], right[known])
        if auroc is not None:
            told.insert(0, f"AUROC of the reward model's scores against right or wrong: {auroc:.3f}")
        return tuple(told)


class Watched:
    """A GroupLearner with what its rewards counted, so that a run that was stopped says the same as one that was not."""

    unit = "step"

    def __init__(self, learner: GroupLearner, dual: "Dual", quality: Quality) -> None:
        self.learner, self.dual, self.quality = learner, dual, quality

    def epoch(self, number: int) -> float:
        """One step."""
        return self.learner.epoch(number)

    def notes(self) -> tuple[str, ...]:
        """What came of the lines. Errors: S601 not one step moved a weight."""
        self.learner.check()
        return self.dual.notes()

    def state(self) -> State:
        """The learner's, and what was counted."""
        of = {"stated": self.dual.counts, "seen": self.quality.seen, "answers": np.array(self.quality.done)}
        return {**self.learner.state(), **of}

    def load(self, state: State) -> None:
        """Puts a state back. Errors: S304 another number of answers in all."""
        if state["seen"].shape != self.quality.seen.shape:
            raise StropError("S304", "steps or batch were others", "start anew in another folder")
        self.learner.load(state)
        self.dual.counts[:], self.quality.seen[:] = state["stated"], state["seen"]
        self.quality.done = int(state["answers"])

    def scorer(self) -> Any:
        """The model as it is now."""
        return self.learner.scorer()


class Dual:
    """The reward of a step's answers, the whole step at once: `dual_reward` of their quality and of what they state.

    quality: (places, their answers WITHOUT the line) -> (prompts, answers), NaN where not scored. counts: answers, each WHY of
    a confidence that could not be read, and texts with several lines.
    """

    def __init__(self, tokenizer: Any, quality: Qualities, *, reward: str, alpha: float) -> None:
        self.tokenizer, self.quality, self.reward, self.alpha = tokenizer, quality, reward, alpha
        self.counts = np.zeros(len(WHY) + 1, np.int64)

    def __call__(self, which: list[int], answers: Answers) -> npt.ArrayLike:
        """(prompts, answers) rewards of one step. Errors: S209 as `dual_reward`."""
        split = [
            [split_confidence(text) for text in self.tokenizer.batch_decode(group, skip_special_tokens=True)]
            for group in answers
        ]
        quality = np.asarray(self.quality(which, [[text for text, _ in group] for group in split]), np.float64)
        stated = [one for group in split for _, one in group]
        confidence = torch.tensor([np.nan if s.value is None else s.value for s in stated], dtype=torch.float64)
        self.counts += counts_of(stated)
        found = dual_reward(confidence, torch.from_numpy(quality.ravel()), reward=self.reward, alpha=self.alpha)
        return found.view(len(answers), -1).numpy()

    def notes(self) -> tuple[str, ...]:
        """How many lines could be read, and why others could not."""
        return told_of(self.counts, "answers while learning state")
