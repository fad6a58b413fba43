"""What does a model write to a prompt, as text: how long, ended by itself or cut, and how likely did it find that?"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from strop.errors import StropError
from strop.models.language.rows import Group
from strop.models.language.sampling import sample


class Written(NamedTuple):
    """text: without special tokens; tokens: how many, the end with them; finished: "end", or "length" where it was cut.

    log_prob: the mean over its tokens, as the model itself gives them (temperature 1).
    """

    text: str
    tokens: int
    finished: str
    log_prob: float


class Writer:
    """A model with its tokenizer and how it is asked to write.

    temperature: 0 takes the likeliest token; top_p, width: as `sample`. Errors: S301 a tokenizer without an end token.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        most_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        width: int = 32,
        seed: int = 0,
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise StropError(
                "S301", "a model without a stop token: its tokenizer has no end", "set its eos_token, or another model"
            )
        self.model, self.tokenizer, self.seed = model, tokenizer, seed
        self.settings = {"most_tokens": most_tokens, "temperature": temperature, "top_p": top_p, "width": width}

    def write(
        self, prompts: Sequence[Sequence[int]], *, count: int = 1, places: Sequence[int] | None = None
    ) -> list[list[Written]]:
        """`count` answers to each prompt. places: the prompts' numbers among all; a draw is from (seed, the first of them).

        So the same block of prompts gets the same answers, whatever was written before. Errors: as `sample`.
        """
        first = 0 if places is None or not len(places) else int(places[0])
        found = sample(
            self.model,
            prompts,
            count=count,
            end=self.tokenizer.eos_token_id,
            seed=[self.seed, first],
            most_tokens=int(self.settings["most_tokens"]),
            temperature=self.settings["temperature"],
            top_p=self.settings["top_p"],
            width=int(self.settings["width"]),
        )
        texts = [self.tokenizer.batch_decode(group, skip_special_tokens=True) for group in found.answers]
        return [
            [
                Written(text, len(answer), how, float(np.mean(values)))
                for text, answer, how, values in zip(*group, strict=True)
            ]
            for group in zip(texts, found.answers, found.finished, found.log_probs, strict=True)
        ]


def fingerprint(model: Any) -> str:
    """Twelve letters that tell one model's weights from another's: of the sha256 of their names, shapes and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name}{tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:12]


class Learnable(NamedTuple):
    """groups: (prompt, [answer]) in tokens, of those that fit; kept: their places; longer, unknown: how many do not."""

    groups: list[Group]
    kept: list[int]
    longer: int
    unknown: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, a sentence each."""
        told = []
        if self.longer:
            told.append(
                f"{self.longer:,} texts longer than the window were left out, not cut: their answer would be lost"
            )
        if self.unknown:
            told.append(f"{self.unknown:,} texts with letters that the student's tokenizer does not know were left out")
        return tuple(told)


def learnable(tokenizer: Any, prompts: Sequence[Sequence[int]], texts: Sequence[str], *, window: int) -> Learnable:
    """Each prompt's tokens with its text's, as the model would have written it: behind the prompt, closed by the end token.

    No chat template is asked for the text: those of R1's kind drop what stands before </think>, and the student would learn
    answers alone. What a tokenizer makes of a text is read back, and must hold all of it but white space.
    Errors: S301 it does not, S202 no text fits.
    """
    groups: list[Group] = []
    kept, longer, unknown = [], 0, 0
    for place, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        tokens = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in tokens:
            unknown += 1
        elif len(prompt) + len(tokens) + 1 > window:
            longer += 1
        else:
            check_rendered(tokenizer, tokens, text)
            groups.append((list(prompt), [[*tokens, tokenizer.eos_token_id]]))
            kept.append(place)
    found = Learnable(groups, kept, longer, unknown)
    if not groups:
        raise StropError("S202", "no text is left to learn from", "; ".join(found.notes) or "texts to learn from")
    return found


def check_rendered(tokenizer: Any, tokens: Sequence[int], text: str) -> None:
    """S301 where these tokens do not hold the text: a template or a tokenizer dropped or changed some of it."""
    found, wanted = ("".join(one.split()) for one in (tokenizer.decode(tokens, skip_special_tokens=True), text))
    if wanted not in found:
        at = next(
            (i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted))
        )
        raise StropError(
            "S301",
            f'what would be learned lacks a part of the trace, from "{wanted[at : at + 30]}" on',
            "a tokenizer or chat template that keeps the whole text: some drop what stands before </think>",
        )
