"""Which problems can be made in any number, with an answer that is right or wrong beyond doubt? For models small enough to learn them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from strop.errors import StropError

MARK = "A"  # what stands behind it is the answer
STREAM = 0x9A0C  # not the numbers that a model with the same seed begins with
LEAST_NEW = 0.02  # of the draws must be problems not drawn before


@dataclass(frozen=True)
class Problem:
    """question: what a model reads; trace: a right way to the answer, may be empty; answer: what alone is judged."""

    question: str
    trace: str
    answer: str

    @property
    def solution(self) -> str:
        """The trace and the marked answer: what a model that knows everything writes."""
        return f"{self.trace}{MARK}{self.answer}"


Step = Callable[[int, str, int], int]  # what an operation of two numbers is said to give


@dataclass(frozen=True)
class Family:
    """draw: a problem from a generator; alphabet: every character of questions and solutions.

    facts: each single step, as what is asked and what is said: `3+5=` and `1;`; worked: the problem of a question, written
    with steps that give whatever a function says. Both only where traces are made of single steps, else () and None.
    """

    name: str
    alphabet: str
    draw: Callable[[np.random.Generator], Problem]
    facts: tuple[tuple[str, str], ...] = ()
    worked: Callable[[str, Step], Problem] | None = None


def verdict(problem: Problem, text: str) -> bool | None:
    """Whether the answer behind the mark is the right one, letter by letter; None: no mark, or two marks with two answers."""
    answers = set(text.split(MARK)[1:])
    return None if len(answers) != 1 else answers == {problem.answer}


def chained_addition(*, terms: int = 4, modulus: int = 7) -> Family:
    """`3+5+6+2=`: one step after another, `3+5=1;1+6=0;0+2=2;A2`; the answer is the last sum. modulus: 2 to 10."""
    _check_modulus(modulus)
    _check_range("terms", (terms, terms))

    def draw(generator: np.random.Generator) -> Problem:
        question = "+".join(map(str, generator.integers(modulus, size=terms).tolist())) + "="
        return worked_chain(question, arithmetic(modulus))

    facts = single_steps("+", modulus)
    return Family("chained addition", f"0123456789+=;{MARK}", draw, facts, worked_chain)


def nested(*, terms: int = 4, modulus: int = 7) -> Family:
    """`(((3-5)+6)-2)=` or `(2-(6+(3-5)))=`: from the innermost bracket outwards, `3-5=5;6+5=4;2-4=5;A5`; + and - modulo `modulus`.

    terms: numbers, 2 and above; each question is nested to the left or to the right.
    """
    _check_modulus(modulus)
    _check_range("terms", (terms, terms))

    def draw(generator: np.random.Generator) -> Problem:
        first, *others = generator.integers(modulus, size=terms).tolist()
        backwards, text = bool(generator.integers(2)), str(first)
        for other in others:
            sign = "+-"[generator.integers(2)]
            text = f"({other}{sign}{text})" if backwards else f"({text}{sign}{other})"
        return worked_chain(f"{text}=", arithmetic(modulus))

    return Family("nested", f"0123456789()+-=;{MARK}", draw, single_steps("+-", modulus), worked_chain)


def arithmetic(modulus: int) -> Step:
    """What + and - really give."""
    return lambda a, sign, b: (a + b if sign == "+" else a - b) % modulus


def single_steps(signs: str, modulus: int) -> tuple[tuple[str, str], ...]:
    """Every step there is, as what is asked and what is said."""
    real, numbers = arithmetic(modulus), range(modulus)
    return tuple((f"{a}{sign}{b}=", f"{real(a, sign, b)};") for sign in signs for a in numbers for b in numbers)


def worked_chain(question: str, step: Step) -> Problem:
    """The problem of a chain of operations, nested to either side or not at all; each goes on with what `step` said of the last."""
    numbers, signs = [int(one) for one in re.findall(r"\d", question)], re.findall(r"[+-]", question)
    backwards = re.match(r"\(\d\D\(", question) is not None
    if backwards:
        numbers, signs = numbers[::-1], signs[::-1]
    trace, found = "", numbers[0]
    for number, sign in zip(numbers[1:], signs, strict=True):
        a, b = (number, found) if backwards else (found, number)
        found = step(a, sign, b)
        trace += f"{a}{sign}{b}={found};"
    return Problem(question, trace, str(found))


def running_sums(*, terms: tuple[int, int] = (3, 5), modulus: int = 10) -> Family:
    """`3+5+6=`: all sums on the way, `A84`; the answer is all of them, so it is not to be guessed. terms: fewest, most."""
    _check_modulus(modulus)
    _check_range("terms", terms)

    def draw(generator: np.random.Generator) -> Problem:
        numbers = generator.integers(modulus, size=generator.integers(terms[0], terms[1] + 1))
        sums = np.cumsum(numbers)[1:] % modulus
        return Problem("+".join(map(str, numbers)) + "=", "", "".join(map(str, sums)))

    return Family("running sums", f"0123456789+={MARK}", draw)


def brackets(*, operations: tuple[int, int] = (2, 3), modulus: int = 10) -> Family:
    """`((3+5)*6)=`: the value of each bracket as it closes, `A88`; + and * modulo `modulus`. operations: fewest, most."""
    _check_modulus(modulus)
    _check_range("operations", operations, least=1)

    def draw(generator: np.random.Generator) -> Problem:
        values: list[int] = []

        def grown(count: int) -> tuple[str, int]:
            if count == 0:
                number = int(generator.integers(modulus))
                return str(number), number
            left = int(generator.integers(count))
            (first, a), sign, (second, b) = grown(left), "+*"[generator.integers(2)], grown(count - 1 - left)
            values.append((a + b if sign == "+" else a * b) % modulus)
            return f"({first}{sign}{second})", values[-1]

        text, _ = grown(int(generator.integers(operations[0], operations[1] + 1)))
        return Problem(f"{text}=", "", "".join(map(str, values)))

    return Family("brackets", f"0123456789()+*={MARK}", draw)


def sorting(*, digits: tuple[int, int] = (4, 7)) -> Family:
    """`5293=`: the same digits in order, `A2359`. digits: fewest, most."""
    _check_range("digits", digits)

    def draw(generator: np.random.Generator) -> Problem:
        numbers = generator.integers(10, size=generator.integers(digits[0], digits[1] + 1))
        return Problem("".join(map(str, numbers)) + "=", "", "".join(map(str, np.sort(numbers))))

    return Family("sorting", f"0123456789={MARK}", draw)


def registers(*, commands: tuple[int, int] = (2, 5), count: int = 4) -> Family:
    """`5293:ab,ca=`: registers a, b, ... hold these digits, `ab` copies a into b; `A2529`: what they hold in the end.

    commands: fewest, most; count: registers, 2 to 10.
    """
    _check_range("commands", commands, least=1)
    if not 2 <= count <= 10:
        raise StropError("S301", f"{count} registers", "2 to 10")
    names = "abcdefghij"[:count]

    def draw(generator: np.random.Generator) -> Problem:
        held = generator.integers(10, size=count).tolist()
        start, told = "".join(map(str, held)), []
        for _ in range(int(generator.integers(commands[0], commands[1] + 1))):
            source, target = generator.choice(count, size=2, replace=False).tolist()
            held[target] = held[source]
            told.append(names[source] + names[target])
        return Problem(f"{start}:{','.join(told)}=", "", "".join(map(str, held)))

    return Family("registers", f"0123456789:,={names}{MARK}", draw)


def problems(family: Family, *, sizes: Mapping[str, int], seed: int) -> dict[str, list[Problem]]:
    """Parts of so many problems each, drawn from the seed: no question stands twice, in one part or in two.

    Errors: S301 a family with too few questions for these sizes.
    """
    generator = np.random.default_rng([seed, STREAM])
    found: dict[str, Problem] = {}
    total, draws = sum(sizes.values()), 0
    while len(found) < total:
        one = family.draw(generator)
        found.setdefault(one.question, one)
        draws += 1
        if draws > 100 and len(found) < LEAST_NEW * draws:
            told = f"{family.name}: {len(found):,} questions in {draws:,} draws"
            raise StropError("S301", told, f"fewer than {total:,} problems, or longer ones")
    left = iter(found.values())
    return {name: [next(left) for _ in range(size)] for name, size in sizes.items()}


def _check_modulus(modulus: int) -> None:
    if not 2 <= modulus <= 10:
        raise StropError("S301", f"modulus {modulus}", "2 to 10: a number is one character")


def _check_range(name: str, found: tuple[int, int], *, least: int = 2) -> None:
    if not least <= found[0] <= found[1]:
        raise StropError("S301", f"{name} {found}", f"the fewest, at least {least}, and the most")
