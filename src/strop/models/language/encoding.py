"""How do texts become tokens: prompts and answers apart, cut where the model's window ends, and nothing lost unsaid?"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strop.errors import StropError
from strop.models.language.rows import Group
from strop.records import Pairs, Questions
from strop.records.pairs import Text

log = logging.getLogger("strop.language")


@dataclass(frozen=True, eq=False)
class Encoded:
    """Groups of tokens, with what was changed on the way: answers cut at their end, prompts that merge with their answer."""

    groups: list[Group]
    cut: int
    apart: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report says of it."""
        told = []
        if self.cut:
            told.append(f"{self.cut:,} answers were cut at the end of the window")
        if self.apart:
            told.append(f"{self.apart:,} answers begin inside a token of their prompt: the two were read apart")
        return tuple(told)


def encode(
    tokenizer: Any,
    prompts: Sequence[Text],
    answers: Sequence[Sequence[Text]],
    *,
    window: int,
    rows: Any = None,
    name: str = "texts",
) -> Encoded:
    """Tokens of prompts and of their answers, each answer closed by the end token; conversations by the model's template.

    window: the most tokens of a prompt with an answer: answers are cut at their end, and counted. rows: the file's rows, for
    messages. Errors: S219 a prompt that fills the window, S301 a tokenizer without an end token or template.
    """
    if tokenizer.eos_token_id is None:
        raise StropError("S301", "the tokenizer has no end token", "set its eos_token: answers could not end")
    groups: list[Group] = []
    cut = apart = 0
    for number, (prompt, theirs) in enumerate(zip(prompts, answers, strict=True)):
        begun = _tokens(tokenizer, prompt)
        if len(begun) >= window:
            place = number + 1 if rows is None else int(rows[number])
            raise StropError(
                "S219",
                f"the prompt has {len(begun):,} tokens, the window {window:,}",
                "a shorter prompt, or a larger window",
                name,
                place,
            )
        found = []
        for answer in theirs:
            whole = _tokens(tokenizer, prompt, answer)
            if whole[: len(begun)] != begun:
                apart += 1
                whole = begun + _tokens(tokenizer, answer)
            end = tokenizer.eos_token_id
            if (
                not isinstance(answer, str) and end in whole[len(begun) :]
            ):  # what a template writes after it is no answer
                whole = whole[: len(whole) - whole[::-1].index(end) - 1]
            whole = [*whole, end]
            cut += len(whole) > window
            found.append(whole[len(begun) : window])
        groups.append((begun, found))
    return Encoded(groups, cut, apart)


def prompts_of(tokenizer: Any, asked: Questions, *, room: int) -> list[list[int]]:
    """The questions' tokens. Errors: S219 one of `room` tokens or more; as `encode`."""
    none: list[list[str]] = [[] for _ in asked.prompts]
    made = encode(tokenizer, asked.prompts, none, window=room, rows=asked.rows, name=asked.name)
    return [list(prompt) for prompt, _ in made.groups]


def check_known(tokenizer: Any, prompts: Sequence[Sequence[int]]) -> None:
    """S301 where a tokenizer lacks letters of most prompts."""
    unknown = tokenizer.unk_token_id
    strange = 0 if unknown is None else sum(unknown in prompt for prompt in prompts)
    if 2 * strange > len(prompts):
        raise StropError(
            "S301",
            f"{strange:,} of {len(prompts):,} prompts hold letters that the model's tokenizer does not know",
            'words that it knows around the question: --prompt "{question}" for the question alone',
        )


def asked_plainly(tokenizer: Any, *, chat: bool, name: str) -> tuple[str, ...]:
    """What to say, at once and at the end, where a model that has a chat template is given plain text. chat: it is not."""
    if chat or not getattr(tokenizer, "chat_template", None):
        return ()
    note = f"{name} has a chat template and is asked in plain text: --form chat, if it was made for conversations"
    log.warning("%s", note)
    return (note,)


def encode_pairs(tokenizer: Any, pairs: Pairs, *, window: int) -> Encoded:
    """Groups of (chosen, rejected). Errors: as `encode`."""
    answers = list(zip(pairs.chosen, pairs.rejected, strict=True))
    return encode(tokenizer, pairs.prompts, answers, window=window, rows=pairs.rows, name=pairs.name)


def _tokens(tokenizer: Any, prompt: Text, answer: Text | None = None) -> list[int]:
    """Plain text as it stands; a conversation by the template, up to where the assistant begins if there is no answer."""
    if isinstance(prompt, str):
        assert answer is None or isinstance(answer, str)
        return list(tokenizer(prompt + (answer or ""))["input_ids"])
    if not tokenizer.chat_template:
        raise StropError(
            "S301", "the tokenizer has no chat template", "plain texts, or a model that was made for conversations"
        )
    turns = [message._asdict() for message in (*prompt, *(answer or ()))]
    return list(
        tokenizer.apply_chat_template(turns, add_generation_prompt=answer is None, tokenize=True, return_dict=False)
    )
