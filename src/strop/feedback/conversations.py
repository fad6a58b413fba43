"""Where does the prompt end and the answer begin, in texts and conversations as people have them?"""

import re
from typing import Any, NamedTuple

from strop.errors import StropError, suggestion
from strop.records.pairs import Message, Text, plain, unusable

ROLES = ("system", "user", "assistant", "tool")
ANSWER = "\n\nAssistant:"  # where an answer begins in the text of HH-RLHF
MESSAGES = 'a list of messages: [{"role": "user", "content": "..."}, ...]'
HALF = re.compile("[\ud800-\udfff]")
MEND = "mend the pair, or leave it out: --bad-rows skip"
TEXT, OWN, BEFORE, BEGINNING, HUMAN = (
    "texts, each with its prompt in a column",
    "conversations, each with its prompt in a column",
    "conversations, whose prompt stands in a column and again before both answers",
    "conversations whose common beginning is the prompt",
    "text of Human: and Assistant: (HH-RLHF), whose common beginning is the prompt",
)


class Parted(NamedTuple):
    """A prompt with two answers that can be told apart, and the layout they stood in."""

    layout: str
    prompt: Text
    chosen: Text
    rejected: Text


def parted(prompt: Any, chosen: Any, rejected: Any, *, prompted: bool) -> Parted:
    """Prompt and answers from three cells; prompted: whether there is a column of prompts at all.

    Errors: S211 no text and no messages, an unknown role, text and messages mixed, no common beginning; S218 an answer
    that is empty, white space or the same as its rival.
    """
    chosen, rejected = ("" if value is None else value for value in (chosen, rejected))
    texts = [isinstance(value, str) for value in (chosen, rejected)]
    if all(texts):
        if prompted:
            _as_text(prompt, {"chosen": chosen, "rejected": rejected})
        found = Parted(TEXT, prompt, chosen, rejected) if prompted else _human(chosen, rejected)
    elif any(texts):
        raise StropError("S211", "one answer is text, the other is not", "one form for the whole file")
    else:
        found = _chat(prompt, turns(chosen, "chosen"), turns(rejected, "rejected"), prompted=prompted)
    if why := unusable(found.chosen, found.rejected):
        raise StropError("S218", why, MEND)
    for name, text in (("prompt", found.prompt), ("chosen", found.chosen), ("rejected", found.rejected)):
        if HALF.search(plain(text)):
            raise StropError("S206", "half a letter (a lone surrogate)", "write the text again as UTF-8", column=name)
    return found


def turns(value: Any, column: str) -> tuple[Message, ...]:
    """A list of {role, content} as messages. Errors: S211 anything else, with what it is; S218 an empty list."""
    if not isinstance(value, list | tuple):
        raise StropError("S211", f"{value!r:.40} is neither text nor {MESSAGES}", column=column)
    if not value:
        raise StropError("S218", "no message", MEND, column=column)
    return tuple(_message(one, column) for one in value)


def _message(one: Any, column: str) -> Message:
    if isinstance(one, Message):
        one = one._asdict()
    if not isinstance(one, dict) or "role" not in one or "content" not in one:
        keys = "it has " + ", ".join(map(str, one)) if isinstance(one, dict) else f"{one!r:.40}"
        raise StropError("S211", f"a message without role and content: {keys}", MESSAGES, column=column)
    role, content = one["role"], one["content"]
    if role not in ROLES:
        near = suggestion(str(role), list(ROLES))
        raise StropError("S211", f"unknown role {role!r:.40}{near}", ", ".join(ROLES), column=column)
    if not isinstance(content, str):
        raise StropError("S211", f"the content of a message is {content!r:.40}", "text only", column=column)
    return Message(role, content)


def answered(prompt: Any, completion: Any) -> tuple[Text, Text]:
    """A prompt with one completion. Errors: S211 as `parted`; S218 a completion that is empty or white space."""
    if completion is None or isinstance(completion, str):
        _as_text(prompt, {"completion": completion or ""})
        found: tuple[Text, Text] = (prompt, completion or "")
    else:
        found = (turns(prompt, "prompt"), turns(completion, "completion"))
    if not plain(found[1]).strip():
        raise StropError("S218", "the completion is empty or white space", MEND, column="completion")
    return found


def _as_text(prompt: Any, answers: dict[str, str]) -> None:
    """Checks a prompt whose answers are texts. Errors: S211."""
    if prompt is None or (isinstance(prompt, str) and not prompt.strip()):
        raise StropError("S211", "the prompt is empty or white space", MEND, column="prompt")
    if not isinstance(prompt, str):
        what = "the prompt is no text, and the answers are"
        raise StropError("S211", what, "one form for all of them", column="prompt")
    for name, text in answers.items():
        if text.startswith("[{") and ("role" in text[:60] or "content" in text[:60]):
            mend = "save the file as .jsonl or .parquet"
            raise StropError("S211", "a conversation written as text", mend, column=name)


def _human(chosen: str, rejected: str) -> Parted:
    """HH-RLHF: the common beginning up to the last "\\n\\nAssistant:" in it is the prompt."""
    cut = chosen.rfind(ANSWER, 0, common(chosen, rejected))
    if cut < 0:
        what = 'no common beginning that ends in "Assistant:"'
        raise StropError("S211", what, "--prompt NAME for a column of prompts; else both texts hold the whole talk")
    cut += len(ANSWER)
    return Parted(HUMAN, chosen[:cut], chosen[cut:], rejected[cut:])


def common(a: str, b: str) -> int:
    """How many letters two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # by halves, as a comparison of slices is far faster than one of letters
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low


def _chat(prompt: Any, chosen: tuple[Message, ...], rejected: tuple[Message, ...], *, prompted: bool) -> Parted:
    least = min(len(chosen), len(rejected))
    same = next((i for i in range(least) if chosen[i] != rejected[i]), least)
    if chosen == rejected:
        raise StropError("S218", "chosen and rejected are the same conversation", MEND)
    if prompted and not isinstance(prompt, str):
        before = turns(prompt, "prompt")
        if chosen[: len(before)] == before == rejected[: len(before)]:
            return Parted(BEFORE, before, *_answers(chosen, rejected, len(before)))
        return Parted(OWN, before, *_answers(chosen, rejected, 0))
    if prompted:  # UltraFeedback keeps the question once more as plain text
        asked = next((m.content for m in reversed(chosen[:same]) if m.role == "user"), None)
        if asked is None or (asked.strip() != prompt.strip() and chosen[0].content.strip() != prompt.strip()):
            raise StropError(
                "S211", "the prompt is text, and the conversations do not hold it", "one form for all three"
            )
        return Parted(BEFORE, chosen[:same], *_answers(chosen, rejected, same))
    if not same:
        raise StropError("S211", "the two conversations have no common beginning", "the prompt, in a column or in both")
    return Parted(BEGINNING, chosen[:same], *_answers(chosen, rejected, same))


def _answers(
    chosen: tuple[Message, ...], rejected: tuple[Message, ...], start: int
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """What follows the prompt: turns of the assistant, and what comes of them."""
    for name, answer in (("chosen", chosen[start:]), ("rejected", rejected[start:])):
        if not answer:
            raise StropError("S218", "no answer follows the prompt", MEND, column=name)
        if answer[0].role not in ("assistant", "tool"):
            what = f"the answer begins with a turn of the {answer[0].role}"
            raise StropError("S211", what, "both conversations are the same up to an answer", column=name)
    return chosen[start:], rejected[start:]
