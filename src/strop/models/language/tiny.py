"""Which model is small enough to be trained from nothing in minutes, and reads text a character at a time?"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from strop.errors import StropError

END, PAD, UNKNOWN = "<end>", "<pad>", "<unknown>"


def character_tokenizer(alphabet: str) -> Any:
    """A tokenizer with one token a character of `alphabet`, and <pad>, <end>, <unknown>. Errors: S301 an empty alphabet.

    Returns a transformers.PreTrainedTokenizerFast, to be saved and opened as any other. Ours.
    """
    if not alphabet:
        raise StropError("S301", "the alphabet is empty", "all characters that the texts use")
    return _tokenizer(dict.fromkeys(alphabet), r"[\s\S]")


def word_tokenizer(words: Sequence[str]) -> Any:
    """As `character_tokenizer`, with one token a word, the longest that fits first; other characters are <unknown>.

    Errors: S301 no word, or an empty one. Ours.
    """
    if not words or not all(words):
        raise StropError("S301", "there is no word, or an empty one", "all words that the texts use")
    longest = sorted(dict.fromkeys(words), key=len, reverse=True)
    return _tokenizer(dict.fromkeys(words), "|".join([*(re.escape(word) for word in longest), r"[\s\S]"]))


def _tokenizer(words: Iterable[str], cut: str) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {word: n for n, word in enumerate([PAD, END, UNKNOWN, *words])}
    made = Tokenizer(models.WordLevel(known, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(cut), "isolated")
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=PAD, eos_token=END, unk_token=UNKNOWN)


def small_llama(
    tokenizer: Any,
    *,
    hidden: int = 64,
    layers: int = 2,
    heads: int = 4,
    window: int = 512,
    spread: float = 0.02,
    seed: int = 0,
) -> Any:
    """A Llama with random weights of its own seed, its output layer tied to its embedding, for this tokenizer.

    hidden: a multiple of 2 x heads; window: the most tokens a text may have; spread: deviation of the first weights (0.02 as
    large models have; near hidden**-0.5 a small one learns many times sooner). Returns a transformers.LlamaForCausalLM.
    Errors: S301 hidden. Paper: llama2023
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    if hidden % (2 * heads):
        raise StropError("S301", f"hidden is {hidden}", f"a multiple of twice the {heads} heads")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=window,
        tie_word_embeddings=True,
        initializer_range=spread,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()
