"""How fast does transformers' generate write? usage: arm_transformers.py [[MODEL, TASK], ...]; started by compare.py.

Prompts are padded to the left, those of about one length together; every batch size and cache of the list is tried, and the
table takes the best of each round.
"""

import os
from functools import partial

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
import torch
import transformers
from measuring import answer, tell
from transformers import AutoModelForCausalLM, AutoTokenizer
from work import PLACE, timed, work

torch.set_num_threads(1)
# rows at once and the cache: all that is tried
TRIED = {
    "greedy": ((32, "dynamic"), (16, "dynamic"), (32, "static")),
    "one length": ((64, "dynamic"), (32, "dynamic"), (64, "static")),
    "own ends": ((64, "dynamic"), (16, "dynamic"), (64, "static")),
}
WIDE = ((256, "dynamic"), (512, "dynamic"), (1024, "dynamic"))
SLOW = {  # tried once, half the rows and the static cache were at most 1 % faster, and mostly slower
    "greedy": ((32, "dynamic"),),
    "one length": ((64, "dynamic"),),
    "own ends": ((64, "dynamic"), (16, "dynamic")),
}


def write(name: str, task: str) -> None:
    """All answers, by each batch size and cache."""
    place = PLACE / name.split(",")[0]
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    prompts, count, most = work(tokenizer, name, task)
    for rows, cache in SLOW[task] if name == "smollm2" else WIDE if "," in name else TRIED[task]:
        settings = {"rows": rows, "cache": cache, "end": tokenizer.eos_token_id, "sampled": task != "greedy"}
        generate(model, prompts, count, most=most // 8, least=most // 8, **settings)
        least = 0 if task == "own ends" else most
        found = timed(partial(generate, model, prompts, count, most=most, least=least, **settings))
        tell(figure=task, rows=rows, cache=cache, **found)


@torch.inference_mode()
def generate(model, prompts, count, *, rows, cache, end, sampled, most, least):  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]))
    found = [[] for _ in prompts]
    for first in range(0, len(order), rows // count):
        these = order[first : first + rows // count]
        longest = max(len(prompts[n]) for n in these)
        gaps = [longest - len(prompts[n]) for n in these]
        tokens = torch.tensor([[0] * gap + prompts[n] for gap, n in zip(gaps, these, strict=True)])
        seen = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps])
        said = model.generate(
            tokens, attention_mask=seen, max_new_tokens=most, min_new_tokens=least, num_return_sequences=count,
            eos_token_id=end, pad_token_id=0, top_k=0, top_p=1.0, do_sample=sampled, repetition_penalty=1.0,
            cache_implementation=cache, **({"temperature": 1.0} if sampled else {}),
        )[:, longest:].tolist()  # fmt: skip
        for place, n in enumerate(these):
            for one in said[place * count : (place + 1) * count]:
                found[n].append(one if end not in one else one[: one.index(end) + 1])
    return found


if __name__ == "__main__":
    answer({"write": write}, transformers.__version__)
