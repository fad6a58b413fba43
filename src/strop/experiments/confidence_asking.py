"""What does a model answer to questions, how sure does it say it is, and how sure is it by what costs no training?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from strop.checkpoints import read_json, write_json
from strop.errors import StropError
from strop.experiments.confidence_probe import Probe, learned_probe
from strop.feedback.confidence import Stated, best_guess, counts_of, split_confidence, told_of
from strop.feedback.eliciting import elicited
from strop.feedback.questions import question_numbers
from strop.feedback.results import Judge, Judged, Marked
from strop.models.language.encoding import encode, prompts_of
from strop.models.language.features import answer_states
from strop.models.language.reading import Reader
from strop.models.language.rows import Group
from strop.models.language.self_judging import says_yes, token_chances
from strop.models.language.writing import Writer, Written
from strop.records import Answers, Questions
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
    """The likeliest answer to each question, its line left out, with every confidence in it.

    apart: confidences in other answers, by name, (confidence, right) of each question.
    """

    answers: Answers
    apart: dict[str, tuple[Array, Array]]
    notes: tuple[str, ...]

    def get(self, name: str) -> tuple[Array, Array] | None:
        """(confidence, right), NaN for none; None where it was not asked for."""
        known = self.answers.confidences
        return (known[name], self.answers.right) if name in known else self.apart.get(name)


def keep_asked(path: Path, parts: dict[str, Asked]) -> None:
    """Writes what was asked, for a run that is resumed. Errors: S501, S503."""
    columns = ("questions", "texts", "right", "results", "finished", "tokens", "confidences", "name")
    write_json(
        path,
        {
            part: {
                "answers": {name: _listed(getattr(one.answers, name)) for name in columns},
                "apart": {name: [_listed(values) for values in pair] for name, pair in one.apart.items()},
                "notes": list(one.notes),
            }
            for part, one in parts.items()
        },
    )


def kept_asked(path: Path) -> dict[str, Asked]:
    """What `keep_asked` wrote, to the last digit. Errors: S302."""
    found = {}
    for part, told in cast(dict[str, Any], read_json(path)).items():
        about = told["answers"]
        about |= {name: np.array(about[name], np.int64) for name in ("questions", "tokens")}
        about["right"] = np.array(about["right"], float)
        about["confidences"] = {name: np.array(values, float) for name, values in about["confidences"].items()}
        apart = {name: (np.array(c, float), np.array(right, float)) for name, (c, right) in told["apart"].items()}
        found[part] = Asked(Answers(**about), apart, tuple(told["notes"]))
    return found


def _listed(values: Any) -> Any:
    """As JSON has it: NaN is null."""
    if isinstance(values, dict):
        return {name: _listed(one) for name, one in values.items()}
    if isinstance(values, np.ndarray):
        return [None if one != one else one for one in values.tolist()]
    return values


def ask(
    model: Any,
    tokenizer: Any,
    questions: Questions,
    marked: Marked,
    settings: dict[str, Any],
    *,
    seed: int,
    free: bool,
    probe: Probe | None = None,
) -> Asked:
    """The likeliest answer to each question with what it states, its tokens' chance and what a probe says.

    free: and agreement, P(True), two guesses.
    """
    said = answered(model, tokenizer, questions, marked, settings)
    prompts, texts, stated, results = said.prompts, said.texts, said.stated, [one.result for one in said.verdicts]
    reader = Reader(model)
    kept, groups = groups_of(tokenizer, prompts, texts)
    found = {
        "stated": np.array([np.nan if s.value is None else s.value for s in stated]),
        "token probability": spread(token_chances(reader, groups).mean if groups else np.zeros(0), kept),
    }
    if probe is not None and groups:
        found["probe"] = spread(probe(answer_states(reader, groups)), kept)
    notes, apart = [*told_of(counts_of(stated))], {}
    if free:
        judge = marked.of(questions)
        found["agreement"] = agreement(model, tokenizer, prompts, judge, results, settings["most_tokens"], seed)
        try:
            found["P(True)"] = p_true(reader, tokenizer, questions, texts, settings)
        except StropError as error:
            notes.append(f"P(True) was not asked: {error.message}")
        if questions.chat or settings["form"] == "chat":
            apart["top-2"] = guesses(model, tokenizer, questions, judge, settings)
        else:
            notes.append("two guesses were not asked for: who does not converse may not follow (--form chat)")
    answers = Answers(
        question_numbers(questions),
        texts,
        said.right,
        results,
        [one.finished for one in said.written],
        np.array([one.tokens for one in said.written]),
        found,
        name=questions.name,
    )
    return Asked(answers, apart, tuple(notes))


class Said(NamedTuple):
    """The likeliest answer to each question: as it was written, without its line, what that states, and the verdict."""

    prompts: list[list[int]]
    written: list[Written]
    texts: list[str]
    stated: list[Stated]
    verdicts: list[Judged]

    @property
    def right(self) -> Array:
        """(n,) 1, 0, or NaN where not scored."""
        return np.array([VALUE[one.outcome] for one in self.verdicts])


def answered(model: Any, tokenizer: Any, questions: Questions, marked: Marked, settings: dict[str, Any]) -> Said:
    """One answer to each question, at temperature 0."""
    asked, most = elicited(questions, settings["prompt"], form=settings["form"]), settings["most_tokens"]
    prompts = prompts_of(tokenizer, asked, room=settings["window"] - most)
    written = [group[0] for group in Writer(model, tokenizer, most_tokens=most).write(prompts)]
    split, judge = [split_confidence(one.text) for one in written], marked.of(questions)
    texts = [text for text, _ in split]
    return Said(prompts, written, texts, [one for _, one in split], [judge(i, text) for i, text in enumerate(texts)])


def probe_of(
    model: Any, tokenizer: Any, questions: Questions, marked: Marked, settings: dict[str, Any], *, seed: int
) -> tuple[Probe | None, tuple[str, ...]]:
    """A probe from the verdicts on the likeliest answers to these questions; None, and why, where they are too few of a kind."""
    said = answered(model, tokenizer, questions, marked, settings)
    kept, groups = groups_of(tokenizer, said.prompts, said.texts)
    keys = question_numbers(questions)
    try:
        return learned_probe(answer_states(Reader(model), groups), said.right[kept], keys[kept], seed=seed), ()
    except StropError as error:
        return None, (f"no probe: {error.message}",)


def groups_of(tokenizer: Any, prompts: list[list[int]], answers: Sequence[str]) -> tuple[Array, list[Group]]:
    """((n,) which answers are not empty, these as tokens)."""
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in answers]
    groups: list[Group] = [(prompt, [one]) for prompt, one in zip(prompts, tokens, strict=True) if one]
    return np.array([bool(one) for one in tokens]), groups


def spread(values: Array, kept: Array) -> Array:
    """Values of the kept ones, in their places; NaN elsewhere."""
    found = np.full((len(kept), *values.shape[1:]), np.nan)
    found[kept] = values
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


def p_true(
    reader: Reader, tokenizer: Any, questions: Questions, answers: Sequence[str], settings: dict[str, Any]
) -> Array:
    """(n,) the chance of Yes against No behind the question, the answer and the asking. Errors: as says_yes."""
    texts: list[Text] = []
    chat = questions.chat or settings["form"] == "chat"
    for prompt, answer in zip(questions.prompts, answers, strict=True):
        said = RIGHT.replace("{question}", plain(prompt)).replace("{answer}", answer)
        texts.append((Message("user", said),) if chat else said)
    none: list[list[str]] = [[] for _ in texts]
    prompts = [
        list(prompt)
        for prompt, _ in encode(tokenizer, texts, none, window=settings["window"], name=questions.name).groups
    ]
    yes, no = (tokenizer(word if chat else f" {word}", add_special_tokens=False)["input_ids"] for word in ("Yes", "No"))  # fmt: skip
    return says_yes(reader, prompts, yes=yes, no=no)


def guesses(
    model: Any, tokenizer: Any, questions: Questions, judge: Judge, settings: dict[str, Any]
) -> tuple[Array, Array]:
    """(what the surer of two guesses states, whether it is right), (n,) each."""
    most = settings["most_tokens"]
    prompts = prompts_of(tokenizer, elicited(questions, GUESSES, form=settings["form"]), room=settings["window"] - most)
    found = [best_guess(group[0].text) for group in Writer(model, tokenizer, most_tokens=most).write(prompts)]
    stated = np.array([np.nan if s.value is None else s.value for _, s in found])
    return stated, np.array([VALUE[judge(i, text).outcome] for i, (text, _) in enumerate(found)])
