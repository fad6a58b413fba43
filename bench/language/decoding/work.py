"""What do both arms write? The same prompts, as tokens, for as many answers; read by each arm in a process of its own."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACE = Path(os.environ.get("BENCH_DATA", ".bench/data")).absolute() / "language"
# (prompts, answers to each, tokens of an answer) of: greedy, sampled to one length, sampled to their own ends
SIZES = {
    "smollm2": ((32, 1, 32), (8, 8, 32), (8, 8, 128)),
    "tiny17m": ((32, 1, 64), (8, 8, 64), None),  # random weights over 49,152 words: they never end
    "characters": ((32, 1, 64), (8, 8, 64), (8, 8, 64)),
    "characters, 1,024 answers": ((1024, 1, 64), (128, 8, 64), (128, 8, 64)),
}
TASKS = ("greedy", "one length", "own ends")
QUESTIONS = ("Why is the sky blue?", "Name a colour.", "What is 7 times 8?", "Write a line about the sea.",
             "What is the capital of Italy?", "Say yes or no: is ice warm?", "Give me two words that rhyme.",
             "How do bees make honey? Be brief.")  # fmt: skip


def work(tokenizer: Any, name: str, task: str) -> tuple[list[list[int]], int, int]:
    """(prompts, answers to each, most tokens of an answer)."""
    prompts, count, most = SIZES[name][TASKS.index(task)]
    if task == "own ends" and tokenizer.chat_template:
        asked = [[{"role": "user", "content": question}] for question in QUESTIONS[:prompts]]
        said = [tokenizer.apply_chat_template(a, add_generation_prompt=True, tokenize=False) for a in asked]
        return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in said], count, most
    if name.startswith("characters"):  # sums of one to seven numbers
        texts = ["+".join(str((i * 37 + 11 * j) % 100) for j in range(1 + i * 5 % 7)) + "=" for i in range(prompts)]
    else:
        texts = [json.loads(line)["prompt"] for line in (PLACE / "pairs.jsonl").read_text().splitlines()][:prompts]
    return [tokenizer(text)["input_ids"] for text in texts], count, most


def timed(write: Callable[[], list[list[list[int]]]]) -> dict[str, Any]:
    """CPU seconds of one thread, the tokens that were written, and them."""
    start = time.process_time()
    answers = write()
    spent = time.process_time() - start
    return {"seconds": round(spent, 4), "tokens": sum(len(a) for group in answers for a in group), "answers": answers}
