"""Which pairs and models are all libraries timed on? 96 preference pairs of mixed lengths; 17 M, the same body with 4,096 words, SmolLM2.

usage: make_data.py     Writes $BENCH_DATA/language/{pairs.jsonl,tiny17m,tiny4k,smollm2} where they are missing; no randomness
but Random(7) and seed 0.
"""

import json
import random
from typing import Any

import torch
from measuring import DATA

from strop.models.language.opening import keep_model, open_model

HERE = DATA / "language"
NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "June", "Kofi", "Lena"]
THINGS = ["apples", "coins", "shells", "books", "stamps", "marbles", "cards", "pens"]
FILLER = [
    "First we read the question slowly and note what is given.",
    "The two amounts are of the same kind, so they can be added.",
    "It helps to write the numbers one under the other.",
    "We check the sum by taking one amount away again.",
    "Nothing else in the question changes the count.",
    "A common slip is to forget the second amount.",
    "The units stay the same from start to end.",
    "So the answer follows in one step.",
]


def pairs() -> list[dict[str, str]]:
    """Sums in words: most answers are short, a few are long; the rejected one is off by 1 or 10."""
    generator, made = random.Random(7), []
    for _ in range(96):
        a, b = generator.randint(2, 60), generator.randint(2, 60)
        who, what = generator.choice(NAMES), generator.choice(THINGS)
        before = " ".join(generator.choices(FILLER, k=generator.choice([0, 0, 0, 1, 2, 5])))
        prompt = (
            f"{before} {who} has {a} {what} and finds {b} more. How many {what} does {who} have now? Answer:".strip()
        )
        good, bad = (min(14, int(generator.paretovariate(1.1))) for _ in range(2))
        chosen = " " + " ".join(generator.choices(FILLER, k=good)) + f" The answer is {a + b}."
        wrong = " " + " ".join(generator.choices(FILLER, k=bad))
        made.append({"prompt": prompt, "chosen": chosen, "rejected": wrong + f" The answer is {a + b + generator.choice([-10, -1, 1, 10])}.", "answer": str(a + b)})  # fmt: skip
    return made


def small(tokenizer: Any, vocabulary: int) -> Any:
    """Llama: hidden 256, 6 layers, 4 heads (2 for keys), MLP 768, tied; seed 0."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def words(texts: list[str]) -> Any:
    """A byte-level BPE of these texts, of at most 4,096 tokens."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(
        texts, vocab_size=4096, min_frequency=1, special_tokens=["<pad>", "<end>"], show_progress=False
    )
    return PreTrainedTokenizerFast(tokenizer_object=made._tokenizer, pad_token="<pad>", eos_token="<end>")


def main() -> None:
    HERE.mkdir(parents=True, exist_ok=True)
    found = pairs()
    (HERE / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    if not (HERE / "smollm2").is_dir():
        model, tokenizer = open_model("smollm2")
        if tokenizer.pad_token in (None, tokenizer.eos_token):
            tokenizer.pad_token = "<|endoftext|>"
        keep_model(model, tokenizer, HERE / "smollm2")
    if not (HERE / "tiny17m").is_dir():
        _, tokenizer = open_model(HERE / "smollm2")
        keep_model(small(tokenizer, len(tokenizer)), tokenizer, HERE / "tiny17m")
    if not (HERE / "tiny4k").is_dir():
        tokenizer = words([row["prompt"] + row[key] for row in found for key in ("chosen", "rejected")])
        keep_model(small(tokenizer, 4096), tokenizer, HERE / "tiny4k")


if __name__ == "__main__":
    main()
