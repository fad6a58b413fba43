"""What do the same steps cost in TRL? usage: arm_trl.py TASKS; started by compare.py. Its best options on a CPU in float32."""

import json
import os
import tempfile
import time
from typing import Any

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
import torch
import trl
from datasets import Dataset
from measuring import DATA, answer, tell
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
    set_seed,
)

torch.set_num_threads(1)
PLACE = DATA / "language"


class Clock(TrainerCallback):
    """CPU seconds of each step, and its logged loss."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.losses: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.start = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.spent.append(round(time.process_time() - self.start, 4))

    def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
        if "loss" in logs:
            self.losses.append(round(logs["loss"], 6))


def _settings(steps: int) -> dict[str, Any]:
    return {
        "output_dir": tempfile.mkdtemp(), "max_steps": steps, "per_device_train_batch_size": 4, "learning_rate": 5e-5,
        "lr_scheduler_type": "constant", "warmup_steps": 0, "weight_decay": 0.0, "max_grad_norm": 1.0, "optim": "adamw_torch",
        "seed": 0, "data_seed": 0, "logging_steps": 1, "save_strategy": "no", "report_to": "none", "use_cpu": True, "bf16": False,
        "gradient_checkpointing": False, "disable_tqdm": True, "dataloader_pin_memory": False,
        "train_sampling_strategy": "sequential",
    }  # fmt: skip


def _train(
    figure: str,
    kind: str,
    data: str,
    steps: int,
    rows: list[Any],
    model: Any,
    more: dict[str, Any] | None = None,
    **settings: Any,
) -> None:
    """more: what the trainer itself is given."""
    clock = Clock()
    trainer = getattr(trl, f"{kind}Trainer")(
        model=model,
        processing_class=AutoTokenizer.from_pretrained(PLACE / data),
        train_dataset=Dataset.from_list(rows),
        callbacks=[clock],
        args=getattr(trl, f"{kind}Config")(**{**_settings(steps), **settings}),
        **(more or {}),
    )
    set_seed(0)
    trainer.train()
    tell(figure=figure, steps=clock.spent[:steps], losses=clock.losses[:steps])


def _rows(steps: int) -> list[dict[str, str]]:
    return [json.loads(line) for line in (PLACE / "pairs.jsonl").read_text().splitlines()][: 4 * steps]


def _model(data: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(PLACE / data, dtype=torch.float32)


def dpo(data: str, *, steps: int, cached: bool) -> None:
    """DPO at beta 0.1; cached: the reference computed before training, and not counted."""
    figure = "dpo, reference cached" if cached else "dpo"
    _train(
        figure,
        "DPO",
        data,
        steps,
        _rows(steps),
        _model(data),
        max_length=512,
        beta=0.1,
        precompute_ref_log_probs=cached,
    )


def sft(data: str, *, steps: int) -> None:
    """Cross-entropy of the chosen answers' tokens."""
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in _rows(steps)]
    _train("sft", "SFT", data, steps, rows, _model(data), max_length=512, completion_only_loss=True)


def reward(data: str, *, steps: int) -> None:
    """A reward model: Bradley-Terry on a linear head, seed 0."""
    set_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(PLACE / data, num_labels=1, dtype=torch.float32)
    _train("reward", "Reward", data, steps, _rows(steps), model, max_length=512)


def grpo(data: str, *, steps: int) -> None:
    """GRPO: 8 answers of 64 tokens to a prompt a step."""
    rows = [{"prompt": row["prompt"], "answer": row["answer"]} for row in _rows(steps)[:steps]]

    def right(completions: list[str], answer: list[str], **_: Any) -> list[float]:
        return [float(a in c) - len(c) / 1000 for c, a in zip(completions, answer, strict=True)]

    _train(
        "grpo", "GRPO", data, steps, rows, _model(data), {"reward_funcs": right}, per_device_train_batch_size=8,
        num_generations=8, max_completion_length=64, temperature=1.0, beta=0.0, loss_type="dapo", shuffle_dataset=False,
        generation_kwargs={"min_new_tokens": 64},
    )  # fmt: skip


if __name__ == "__main__":
    answer({"dpo": dpo, "sft": sft, "reward": reward, "grpo": grpo}, trl.__version__)
