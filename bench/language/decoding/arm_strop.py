"""How fast does strop write? usage: arm_strop.py [[MODEL, TASK], ...]; started by compare.py.

Every width is done once at an eighth of the length before, so that nothing is set up in what is timed but the weights: they are laid out in each call.
"""

from functools import partial
from typing import Any

import torch
from measuring import answer, tell
from work import PLACE, timed, work

import strop
from strop.models.language.opening import open_model
from strop.models.language.sampling import sample

torch.set_num_threads(1)
WIDTHS = {"characters, 1,024 answers": (256, 512)}


def write(name: str, task: str) -> None:
    """All answers, by each width; greedy ones also with rounded products."""
    model, tokenizer = open_model(PLACE / name.split(",")[0])
    prompts, count, most = work(tokenizer, name, task)
    least = 0 if task == "own ends" else most
    settings = {"count": count, "end": tokenizer.eos_token_id, "temperature": float(task != "greedy"), "seed": 1}
    for width in WIDTHS.get(name, (32, 64) if count > 1 else (32,)):
        for products in ("float32", "bfloat16") if task == "greedy" else ("float32",):
            given = {**settings, "width": width, "products": products}
            sample(model, prompts, most_tokens=most // 8, least_tokens=least // 8, **given)
            found = timed(partial(answers, model, prompts, most_tokens=most, least_tokens=least, **given))
            tell(figure=task, width=width, products=products, **found)


def answers(*given: Any, **settings: Any) -> list[list[list[int]]]:
    return sample(*given, **settings).answers


if __name__ == "__main__":
    answer({"write": write}, strop.__version__)
