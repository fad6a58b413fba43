"""What does a model answer to questions, how sure does it say it is, and how sure is it by what costs no training?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from strop.errors import StropError
from strop.feedback.confidence import best_guess, counts_of, split_confidence, told_of
from strop.feedback.eliciting import elicited
from strop.feedback.results import Judge, Marked
from strop.models.language.encoding import encode
from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.models.language.self_judging import says_yes, token_chances
from strop.models.language.writing import Writer
from strop.recipes.conqord import prompts_of
from strop.records import Questions
from strop.records.pairs import Message, Text, plain

Array = npt.NDArray[Any]
SAMPLES = 10  # whose agreement is counted
VALUE = {"right": 1.0, "wrong": 0.0, "unscored": np.nan}
RIGHT = "{question}\nProposed answer: {answer}\nIs the proposed answer right? Answer Yes or No.\nAnswer:"
GUESSES = (
    "{question}\nGive your two best guesses, each with the probability from 0.0 to 1.0 that it is right, as four lines and "
    "nothing else:\nGuess 1: ...\nConfidence 1: ...\nGuess 2: ...\nConfidence 2: ..."
)


@dataclass(frozen=True, eq=False)
class Asked:
    """By the confidence's name: (questions,) of it, NaN for none, and whether the answer it goes with is right, NaN unscored."""

    confidences: dict[str, Array]
    right: dict[str, Array]
    notes: tuple[str, ...]


def ask(
    model: Any, tokenizer: Any, questions: Questions, marked: Marked, settings: dict[str, Any], *, seed: int, free: bool
) -> Asked:
    """The likeliest answer to each question with what it states and its tokens' chance; free: and agreement, P(True), two guesses."""
    asked, judge, most = elicited(questions, settings["prompt"]), marked.of(questions), settings["most_tokens"]
    prompts = prompts_of(tokenizer, asked, room=settings["window"] - most)
    written = Writer(model, tokenizer, most_tokens=most).write(prompts)
    split = [split_confidence(group[0].text) for group in written]
    answers = [text for text, _ in split]
    verdicts = [judge(i, text) for i, text in enumerate(answers)]
    right = np.array([VALUE[one.outcome] for one in verdicts])
    reader = Reader(model)
    found = {
        "stated": np.array([np.nan if s.value is None else s.value for _, s in split]),
        "token probability": chances(reader, tokenizer, prompts, answers),
    }
    rights = dict.fromkeys(found, right)
    notes = [*told_of(counts_of([s for _, s in split]))]
    if free:
        found["agreement"] = agreement(model, tokenizer, prompts, judge, [one.result for one in verdicts], most, seed)
        rights["agreement"] = right
        try:
            found["P(True)"] = p_true(reader, tokenizer, questions, answers, window=settings["window"])
            rights["P(True)"] = right
        except StropError as error:
            notes.append(f"P(True) was not asked: {error.message}")
        if questions.chat:
            found["top-2"], rights["top-2"] = guesses(model, tokenizer, questions, judge, settings)
        else:
            notes.append(
                "two guesses were not asked for: the questions are no conversations, and the model may not follow"
            )
    return Asked(found, rights, tuple(notes))


def chances(reader: Reader, tokenizer: Any, prompts: list[list[int]], answers: Sequence[str]) -> Array:
    """(n,) exp of the mean log-probability of each answer's tokens; NaN for an empty one."""
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in answers]
    kept = [i for i, one in enumerate(tokens) if one]
    found = np.full(len(answers), np.nan)
    if kept:
        groups: list[Group] = [(prompts[i], [tokens[i]]) for i in kept]
        found[kept] = token_chances(reader, groups).mean
    return found


def agreement(
    model: Any,
    tokenizer: Any,
    prompts: list[list[int]],
    judge: Judge,
    likeliest: Sequence[str | None],
    most: int,
    seed: int,
) -> Array:
    """(n,) of SAMPLES answers drawn at temperature 1 the share with the likeliest one's result; 0 where that holds none."""
    drawn = Writer(model, tokenizer, most_tokens=most, temperature=1.0, seed=seed).write(prompts, count=SAMPLES)
    results = [[judge(i, split_confidence(one.text)[0]).result for one in group] for i, group in enumerate(drawn)]
    return np.array(
        [
            np.mean([one is not None and one == first for one in group])
            for first, group in zip(likeliest, results, strict=True)
        ]
    )


def p_true(reader: Reader, tokenizer: Any, questions: Questions, answers: Sequence[str], *, window: int) -> Array:
    """(n,) the chance of Yes against No behind the question, the answer and the asking. Errors: as says_yes."""
    texts: list[Text] = []
    for prompt, answer in zip(questions.prompts, answers, strict=True):
        said = RIGHT.replace("{question}", plain(prompt)).replace("{answer}", answer)
        texts.append((Message("user", said),) if questions.chat else said)
    none: list[list[str]] = [[] for _ in texts]
    prompts = [list(prompt) for prompt, _ in encode(tokenizer, texts, none, window=window, name=questions.name).groups]
    yes, no = (tokenizer(word if questions.chat else f" {word}", add_special_tokens=False)["input_ids"] for word in ("Yes", "No"))  # fmt: skip
    return says_yes(reader, prompts, yes=yes, no=no)


def guesses(
    model: Any, tokenizer: Any, questions: Questions, judge: Judge, settings: dict[str, Any]
) -> tuple[Array, Array]:
    """(what the surer of two guesses states, whether it is right), (n,) each."""
    most = settings["most_tokens"]
    prompts = prompts_of(tokenizer, elicited(questions, GUESSES), room=settings["window"] - most)
    found = [best_guess(group[0].text) for group in Writer(model, tokenizer, most_tokens=most).write(prompts)]
    stated = np.array([np.nan if s.value is None else s.value for _, s in found])
    return stated, np.array([VALUE[judge(i, text).outcome] for i, (text, _) in enumerate(found)])
