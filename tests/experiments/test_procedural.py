"""Problems that are made: right by another road, in no two parts, and judged letter by letter."""

import re

import pytest

from strop.errors import StropError
from strop.experiments import procedural
from strop.experiments.procedural import Problem, problems, verdict

FAMILIES = [
    procedural.chained_addition(),
    procedural.nested(),
    procedural.running_sums(),
    procedural.brackets(),
    procedural.registers(),
    procedural.sorting(),
]


def by_another_road(family, question):
    """The answer by Python's own arithmetic, or its own sort."""
    text = question.removesuffix("=")
    if family == "sorting":
        return "".join(sorted(text))
    if family == "chained addition":
        return str(sum(map(int, text.split("+"))) % 7)
    if family == "nested":
        return str(eval_brackets(text) % 7)
    if family == "running sums":
        terms = [int(n) for n in text.split("+")]
        return "".join(str(sum(terms[:n]) % 10) for n in range(2, len(terms) + 1))
    if family == "registers":
        start, commands = text.split(":")
        held = dict(zip("abcd", start, strict=True))
        for source, target in commands.split(","):
            held[target] = held[source]
        return "".join(held.values())
    found = []
    while "(" in text:  # the innermost bracket that closes first
        inner = re.search(r"\(([^()]*)\)", text)
        a, sign, b = inner[1]
        found.append(str({"+": int(a) + int(b), "*": int(a) * int(b)}[sign] % 10))
        text = text[: inner.start()] + found[-1] + text[inner.end() :]
    return "".join(found)


def eval_brackets(text):
    """By reading from the left: a number, or a bracket with two such and a sign between."""

    def read(at):
        if text[at] != "(":
            return int(text[at]), at + 1
        left, at = read(at + 1)
        sign = text[at]
        right, at = read(at + 1)
        return (left + right if sign == "+" else left - right), at + 1

    return read(0)[0]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_answers_are_right_and_solutions_are_judged_so(family):
    for one in problems(family, sizes={"train": 150}, seed=3)["train"]:
        assert one.answer == by_another_road(family.name, one.question)
        assert verdict(one, one.solution) is True
        assert set(one.question + one.solution) <= set(family.alphabet)


def test_the_steps_of_chained_addition_by_hand():
    """3 + 5 is 1 modulo 7, 1 + 6 is 0, 0 + 2 is 2."""
    found = {p.question: p for p in problems(procedural.chained_addition(), sizes={"all": 7**4}, seed=0)["all"]}
    one = found["3+5+6+2="]
    assert one.solution == "3+5=1;1+6=0;0+2=2;A2"


def test_the_steps_of_brackets_by_hand():
    """3 - 5 is 5 modulo 7, 5 + 6 and 6 + 5 are 4, 4 - 2 is 2 and 2 - 4 is 5; two numbers have one shape."""
    real = procedural.arithmetic(7)
    assert procedural.worked_chain("(((3-5)+6)-2)=", real) == Problem("(((3-5)+6)-2)=", "3-5=5;5+6=4;4-2=2;", "2")
    assert procedural.worked_chain("(2-(6+(3-5)))=", real).solution == "3-5=5;6+5=4;2-4=5;A5"
    assert procedural.worked_chain("(3-5)=", real).solution == "3-5=5;A5"
    drawn = [p.question for p in problems(procedural.nested(), sizes={"all": 400}, seed=0)["all"]]
    assert 150 < sum(q.startswith("(((") for q in drawn) < 250


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.facts], ids=lambda f: f.name)
def test_a_trace_is_made_of_facts_and_of_whatever_its_steps_say(family):
    """Every step of a right trace is a fact; where each step says 0, it is carried on, and is the answer."""
    facts = {asked + said for asked, said in family.facts}
    assert len(facts) == {"chained addition": 49, "nested": 98}[family.name] and "6+5=4;" in facts
    for one in problems(family, sizes={"all": 50}, seed=1)["all"]:
        steps = re.findall(r"[^;]+;", one.trace)
        assert len(steps) == 3 and set(steps) <= facts
        nothing = family.worked(one.question, lambda a, sign, b: 0)
        assert nothing.answer == "0" and [s[-2] for s in re.findall(r"[^;]+;", nothing.trace)] == ["0"] * 3
        assert all("0" in (s[0], s[2]) for s in re.findall(r"[^;]+;", nothing.trace)[1:])


def test_verdicts():
    one = Problem("3+5=", "3+5=1;", "1")
    assert [verdict(one, text) for text in ("A1", "3+5=2;A1", "A2", "A", "A01", "A1A1")] == [True, True, False, False, False, True]  # fmt: skip
    assert [verdict(one, text) for text in ("", "3+5=1;", "A1A2")] == [None, None, None]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_parts_share_no_question_and_hang_on_the_seed_alone(family):
    sizes = {"train": 300, "validation": 50, "test": 100}
    parts, again, other = (problems(family, sizes=sizes, seed=s) for s in (1, 1, 2))
    questions = [p.question for part in parts.values() for p in part]
    assert len(set(questions)) == 450 and {n: len(p) for n, p in parts.items()} == sizes
    assert parts == again and parts != other


@pytest.mark.parametrize(
    "made",
    [
        lambda: procedural.running_sums(modulus=11),
        lambda: procedural.running_sums(terms=(4, 3)),
        lambda: procedural.brackets(operations=(0, 2)),
        lambda: procedural.sorting(digits=(1, 2)),
        lambda: procedural.registers(count=11),
        lambda: problems(procedural.chained_addition(terms=2, modulus=3), sizes={"train": 10}, seed=0),
    ],
)
def test_bad_settings_are_one_line(made):
    with pytest.raises(StropError, match="S301"):
        made()
