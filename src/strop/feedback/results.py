"""Where in an answer does its result stand, is that right, and does the judge ever say no?"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from strop.errors import StropError
from strop.records import Questions
from strop.sandbox.verdicts import REASONS, Outcome, Verdict, final, last_number
from strop.sandbox.verifiers import Verifier

BOXED = re.compile(r"\\boxed\s*\{")
LOOKED_AT = 100  # questions whose right answers are read beforehand
TRIED = 20  # questions that a judge is tried on
NO_RESULT, TWO = "no result", "two different results"


class Judged(NamedTuple):
    """outcome: of the last result; result: in one form, None where the text holds none; first: of the first result.

    reason: why it is not scored, or NO_RESULT, or TWO: then it is no good to learn from, though its last result is judged.
    """

    outcome: Outcome
    result: str | None
    first: Outcome
    reason: str = ""


Judge = Callable[[int, str], Judged]  # (the question's place, the text)


class Marked:
    """A verifier that looks at the result alone: what stands behind a mark.

    mark: what a result stands behind, up to the next mark or the line's end; "": behind \\boxed{} or ####, and where a text has
    neither, numeric takes its last number and the others the whole of it. The last result is judged.
    """

    def __init__(self, verifier: Verifier, *, mark: str = "") -> None:
        self.verifier, self.mark, self.kind = verifier, mark, verifier.kind

    def spans(self, text: str) -> list[str]:
        """What stands behind each mark, in order; without marks what alone is judged, or nothing."""
        if self.mark:
            return [one for part in text.split(self.mark)[1:] if (one := part.strip().partition("\n")[0].strip())]
        found = [(at, one) for at, one in (*_boxed(text), *_behind_hashes(text)) if one]
        if found:
            return [one for _, one in sorted(found)]
        if self.kind == "numeric":
            return [text] if last_number(text) is not None else []
        return [text] if text.strip() else []

    def results(self, text: str) -> list[str]:
        """The results in order, each in one form: 7, 7.0 and 07 are the same number, Paris and paris. the same word."""
        return [self.form(one) for one in self.spans(text)]

    def form(self, result: str) -> str:
        """A result as all that mean the same are written."""
        value = last_number(result) if self.kind == "numeric" else None
        return " ".join(result.casefold().split()).removesuffix(".") if value is None else str(value)

    def rendered(self, result: str, *, boxed: bool) -> str:
        """A result as this judge finds it again: behind the mark, in a box, or bare."""
        plain = final(result)
        return f"{self.mark}{plain}" if self.mark else f"\\boxed{{{plain}}}" if boxed else plain

    def judge(self, answer: str, reference: str = "", *, made: Mapping[str, Any] | None = None) -> Verdict:
        """The verdict on the last result; wrong where there is none."""
        return self._one(self.spans(answer), -1, answer, reference, made)

    def _one(self, spans: list[str], which: int, text: str, reference: str, made: Mapping[str, Any] | None) -> Verdict:
        read = spans[which] if spans else ""
        if self.kind == "math" and read and read != text:  # its reader looks for a box, or formulas
            read = f"\\boxed{{{read}}}"
        return self.verifier.judge(read, self.reference(reference), made=made)

    def reference(self, reference: str) -> str:
        """The right answer of a whole solution, where it stands behind the mark or in a box there too."""
        found = self.spans(reference) if self.mark and self.mark in reference else [one for _, one in _boxed(reference)]
        return found[-1] if found else reference

    def of(self, questions: Questions) -> Judge:
        """A judge of answers to these questions, by their places."""

        def judged(place: int, text: str) -> Judged:
            reference, made = questions.references[place], questions.made(place)
            spans = self.spans(text)
            forms = [self.form(one) for one in spans]
            last = self._one(spans, -1, text, reference, made)
            first = self._one(spans, 0, text, reference, made).outcome if len(set(forms)) > 1 else last.outcome
            why = NO_RESULT if not spans else TWO if len(set(forms)) > 1 else last.reason
            return Judged(last.outcome, forms[-1] if forms else None, first, why)

        return judged


def _boxed(text: str) -> list[tuple[int, str]]:
    """(where, what) of each \\boxed{...}, braces within it closed; one that is not closed is none."""
    found = []
    for match in BOXED.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if not depth:
            found.append((match.start(), text[match.end() : at - 1].strip()))
    return found


def _behind_hashes(text: str) -> list[tuple[int, str]]:
    return [(one.start(), one.group(1).strip()) for one in re.finditer(r"####\s*([^\n#]*)", text)]


def check_judge(judge: Marked, questions: Questions) -> tuple[str, ...]:
    """What to say of a judge and these questions' right answers before a model is asked anything.

    Errors: S301 it passes an empty answer, or the right answer of another question, more often than not: it accepts everything;
    or gym for questions that reasoning-gym did not make; S211 most right answers say nothing to it.
    """
    if judge.kind == "gym" and questions.made(0) is None:
        raise StropError("S301", "gym scores only what reasoning-gym asked", "gym:TASK as the source", questions.name)
    references = [judge.reference(one) for one in questions.references[:LOOKED_AT]]
    if judge.kind != "gym":
        _check_references(judge, questions, references)
    forms = [judge.form(one) for one in references]
    others = [next((o for o in range(len(forms)) if forms[o] != forms[i]), None) for i in range(min(TRIED, len(forms)))]
    tried = [(i, "") for i in range(len(others))] + [(i, references[o]) for i, o in enumerate(others) if o is not None]
    passed = [judge.verifier.judge(text, references[i], made=questions.made(i)).outcome for i, text in tried]
    scored = [one for one in passed if one != "unscored"]
    if scored and 2 * scored.count("right") > len(scored):
        raise StropError(
            "S301",
            f"the verifier accepts everything: {scored.count('right')} of {len(scored)} empty answers, and answers to other questions, are right to it",
            "another --verifier, or right answers that differ",
            questions.name,
        )
    most = max(set(forms), key=forms.count)
    share = forms.count(most) / len(forms)
    if len(forms) > 1 and share > 0.5:
        return (
            f'one answer, "{most[:30]}", is right for {share:.0%} of the questions: who says nothing else is right so often',
        )
    return ()


def _check_references(judge: Marked, questions: Questions, references: Sequence[str]) -> None:
    bad = [i for i, one in enumerate(references) if judge.verifier.judge("", one).outcome == "unscored"]
    if 2 * len(bad) > len(references):
        row = bad[0] + 1 if questions.rows is None else int(questions.rows[bad[0]])
        first = " ".join(references[bad[0]].split())[:40] or "nothing"
        raise StropError(
            "S211",
            f'"{first}": {judge.kind} cannot read it as a right answer, nor {len(bad):,} of {len(references):,} in all',
            "--verifier exact for words, math for formulas, numeric for numbers",
            questions.name,
            row,
        )


def words_of(reason: str) -> str:
    """A reason in words."""
    return REASONS.get(reason, reason)
