"""What do the same steps cost in strop? usage: arm_strop.py TASKS; started by compare.py."""

import json
import time
from typing import Any

import torch
from measuring import DATA, answer, tell

import strop
from strop.losses.pairwise import logistic
from strop.losses.policy import standardised
from strop.models.language.encoding import encode
from strop.models.language.groups import GroupLearner, of_texts
from strop.models.language.learning import AnswerLearner
from strop.models.language.opening import open_model
from strop.models.language.reading import Reader
from strop.models.language.rewarding import RewardReader

torch.set_num_threads(1)
PLACE = DATA / "language"


def _work(name: str, steps: int, *, answers: tuple[str, ...]) -> tuple[Any, list[Any]]:
    model, tokenizer = open_model(PLACE / name)
    rows = [json.loads(line) for line in (PLACE / "pairs.jsonl").read_text().splitlines()][: 4 * steps]
    texts = [[row[key] for key in answers] for row in rows]
    return model, encode(tokenizer, [row["prompt"] for row in rows], texts, window=512).groups


def _timed(figure: str, learner: AnswerLearner | GroupLearner, steps: int, first: Any = None) -> None:
    """Each step, with what `first` does for it beforehand."""
    spent, losses = [], []
    for step in range(steps):
        start = time.process_time()
        if first is not None:
            first(step)
        losses.append(learner.epoch(step))
        spent.append(time.process_time() - start)
    tell(figure=figure, steps=[round(s, 4) for s in spent], losses=[round(x, 6) for x in losses])


def _dpo(over: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return logistic(0.1 * (over[:, 0] - over[:, 1]))


def dpo(data: str, *, steps: int, cached: bool) -> None:
    """DPO at beta 0.1. The reference is read once, before training: its share of each step counts unless it is cached."""
    model, groups = _work(data, steps, answers=("chosen", "rejected"))
    reader, cost, found = Reader(model), [], []
    for step in range(steps):
        start = time.process_time()
        found.append(reader.log_probs(groups[4 * step : 4 * step + 4]))
        cost.append(time.process_time() - start)
    learner = AnswerLearner(reader, groups, objective=_dpo, reference=torch.cat(found).view(-1, 2), shuffled=False)
    spent, losses = [], []
    for step in range(steps):
        start = time.process_time()
        losses.append(learner.epoch(step))
        spent.append(time.process_time() - start + (0 if cached else cost[step]))
    figure = "dpo, reference cached" if cached else "dpo"
    tell(figure=figure, steps=[round(s, 4) for s in spent], losses=[round(x, 6) for x in losses])


def sft(data: str, *, steps: int) -> None:
    """Cross-entropy of the chosen answers' tokens."""
    model, groups = _work(data, steps, answers=("chosen",))
    lengths = torch.tensor([len(answers[0]) for _, answers in groups]).float()
    learner = AnswerLearner(
        Reader(model), groups, objective=lambda v, i: -v[:, 0] / lengths[i], weights=lengths, shuffled=False
    )
    _timed("sft", learner, steps)


def reward(data: str, *, steps: int) -> None:
    """A reward model: Bradley-Terry on a linear head, seed 0."""
    from transformers import AutoModelForSequenceClassification, set_seed

    _, groups = _work(data, steps, answers=("chosen", "rejected"))
    set_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(PLACE / data, num_labels=1, dtype=torch.float32)
    learner = AnswerLearner(
        RewardReader(model), groups, objective=lambda v, _: logistic(v[:, 0] - v[:, 1]), shuffled=False
    )
    _timed("reward", learner, steps)


def grpo(data: str, *, steps: int) -> None:
    """GRPO: 8 answers of 64 tokens to a prompt a step."""
    model, tokenizer = open_model(PLACE / data)
    rows = [json.loads(line) for line in (PLACE / "pairs.jsonl").read_text().splitlines()][:steps]
    learner = GroupLearner(
        Reader(model),
        [tokenizer(row["prompt"])["input_ids"] for row in rows],
        reward=of_texts(tokenizer, lambda place, text: float(rows[place]["answer"] in text) - len(text) / 1000),
        advantages=standardised,
        end=tokenizer.eos_token_id,
        most_tokens=64,
        least_tokens=64,
        rate=5e-5,
        shuffled=False,
    )
    _timed("grpo", learner, steps)


if __name__ == "__main__":
    answer({"dpo": dpo, "sft": sft, "reward": reward, "grpo": grpo}, strop.__version__)
