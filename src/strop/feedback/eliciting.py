"""How is a question put to a model, so that it reasons before it answers?"""

from typing import Literal

import numpy as np

from strop.errors import StropError
from strop.feedback.questions import question_keys
from strop.records import Questions
from strop.records.pairs import Message, Text

HOLE = "{question}"


def elicited(questions: Questions, template: str, *, form: Literal["text", "chat"] = "text") -> Questions:
    """The questions as they are asked: the template with each in place of {question}; of conversations, in the last user's turn.

    form: chat makes a plain question a user's turn, which each model's own template writes. Errors: S301 a template without
    {question}, or with two; another form.
    """
    if form not in ("text", "chat"):
        raise StropError("S301", f'form "{form}"', "text, chat")
    if template.count(HOLE) != 1:
        raise StropError(
            "S301",
            f'the prompt "{template[:60]}" holds {HOLE} {template.count(HOLE)} times',
            f'once: "{HOLE}\\nLet\'s think step by step", or "{HOLE}" alone',
        )
    prompts = [_asked(prompt, template) for prompt in questions.prompts]
    if form == "chat":
        prompts = [(Message("user", prompt),) if isinstance(prompt, str) else prompt for prompt in prompts]
    return Questions(prompts, questions.references, questions.covariates, questions.rows, questions.name)


def _asked(prompt: Text, template: str) -> Text:
    if isinstance(prompt, str):
        return template.replace(HOLE, prompt)
    last = max((i for i, turn in enumerate(prompt) if turn.role == "user"), default=len(prompt) - 1)
    turns = list(prompt)
    turns[last] = Message(turns[last].role, template.replace(HOLE, turns[last].content))
    return tuple(turns)


def asked_once(questions: Questions) -> tuple[Questions, tuple[str, ...]]:
    """The first row of each question, told by its words; and how many rows were left out, in words."""
    _, first = np.unique(question_keys(questions), return_index=True)
    again = len(questions) - len(first)
    if not again:
        return questions, ()
    return questions.take(np.sort(first)), (f"{again:,} rows with a question that stood before were not asked again",)
