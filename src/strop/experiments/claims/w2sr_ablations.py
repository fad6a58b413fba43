"""What does learning from a weak teacher's traces hang on: its size, its errors and their kind, the number of traces, the base?"""

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from strop.experiments.claims import w2sr
from strop.experiments.claims.w2sr import half, lesson, piloted, shut, structure
from strop.experiments.claims.weak_arms import Arm, Bench, Values
from strop.experiments.claims.weak_lab import Text, WeakLab, usable
from strop.experiments.procedural import Problem, Step, arithmetic
from strop.feedback.selecting import select
from strop.models.language.reading import Reader
from strop.records import DoseCurve, Figure, Receipt

Row = dict[str, Any]
HABIT = "error on the pairs"
DOSE = "share of wrong traces"


def one_split(rule: Row, data_name: str, seed: int) -> Row:
    """A base with its facts and one without, every kind of traces, and what becomes of them: a row for the receipt."""
    about = rule["data"][data_name]
    lab = WeakLab(about, seed=seed)
    bench = Bench(lab, rule)
    chance = 1 / about["settings"]["modulus"]
    student = lab.base(rule["base"])
    arms = {"base": bench.asked(student.reader)}
    gates: Values = {"facts": student.reached, "base": arms["base"].accuracy}
    train, count = lab.parts["train"], rule["texts"]
    right = [(p.question, p.solution) for p in train[:count]]
    pilot = lab.until(lab.lab.copy(student.reader), right, bench.accuracy, piloted(rule))
    gates |= {"pilot": pilot.reached, "unit": float(pilot.steps)}
    closed = shut(gates, rule["gates"], chance)
    if not closed:
        unit = pilot.steps
        bare = lab.base(rule["base"], facts=False).reader
        arms["base without facts"] = bench.asked(bare)
        kinds = {**traces_of_teachers(lab, rule), **planted(lab, rule)}
        for name, texts in kinds.items():
            arms[name] = taught(bench, student.reader, texts, rule, unit)
        for name in ("all", "correct", "incorrect", "structure only", "oracle"):
            if name in kinds or name == "oracle":
                arms[f"{name}, without facts"] = taught(bench, bare, kinds.get(name, right), rule, unit)
    return {
        "data": data_name,
        "seed": seed,
        "checksum": hashlib.sha256("\n".join(p.question for p in train).encode()).hexdigest(),
        "shut": closed,
        "settings": {name: arm.trials for name, arm in arms.items()},
        **measured(rule, about, arms, closed, gates),
    }


def taught(bench: Bench, base: Reader, texts: Sequence[Text], rule: Row, unit: int) -> Arm:
    """A copy of the base that writes these texts, and how often it errs on the pairs that a habit is about."""
    arm = bench.learned(base, texts, unit=unit)
    assert arm.reader is not None
    lab = bench.lab
    written = lab.write(arm.reader, lab.parts["test"]).texts
    arm.figures.update(
        {f"{HABIT} of {name}": habit_error(written, pairs, lab.about["settings"]["modulus"]) for name, pairs in rule["habits"].items()}
    )  # fmt: skip
    return arm


def habit_error(texts: Sequence[str], pairs: list[str], modulus: int) -> float | None:
    """The share of steps with one of these pairs that say something wrong; None where no such step was written."""
    real = arithmetic(modulus)
    steps = [step for text in texts for step in re.findall(r"(?:^|;)(\d)([+-])(\d)=(\d)(?=;)", text)]
    asked = [(real(int(a), sign, int(b)), int(said)) for a, sign, b, said in steps if a + sign + b in pairs]
    return float(np.mean([is_ != said for is_, said in asked])) if asked else None


def traces_of_teachers(lab: WeakLab, rule: Row) -> dict[str, list[Text]]:
    """As many right traces, and of all, of teachers of every size stopped at one accuracy; wrong ones and fewer of the main one."""
    train, found = lab.parts["train"], {}
    for name, model in rule["teachers"].items():
        teacher = lab.teacher({**rule["teacher"], "models": [model]})
        written = lab.write(teacher.reader, train, temperature=1.0, seed=w2sr.POOL)
        _, pool, _ = usable(written)
        if pool is None or not 0 < pool.right.sum() < len(pool):
            continue  # its arms stay undefined
        for kind in ("all", "correct", "incorrect"):
            texts = lesson(select(pool, kind, match="count", seed=lab.seed), train)[: rule["texts"]]
            found[f"{kind}, teacher {name}"] = texts
    main = rule["main teacher"]
    for kind in ("all", "correct", "incorrect"):
        if f"{kind}, teacher {main}" in found:
            found[kind] = found[f"{kind}, teacher {main}"]
    kept = {
        name: texts
        for name, texts in found.items()
        if not name.startswith("incorrect, ") and not name.endswith(f" {main}")
    }
    return kept | {f"correct, {many} traces": found["correct"][:many] for many in rule["numbers"] if "correct" in found}


def planted(lab: WeakLab, rule: Row) -> dict[str, list[Text]]:
    """Traces with planted errors: a share of them wrong at random, by habit, and at random as often as by each habit; the form alone."""
    problems = lab.parts["train"][: rule["texts"]]
    modulus = lab.about["settings"]["modulus"]
    found = {f"errors {dose:.0%}": written(lab, problems, at_random(lab, dose)) for dose in rule["doses"]}
    for name, pairs in rule["habits"].items():
        found[f"habit of {name}"] = by_habit = written(lab, problems, habitual(pairs, modulus))
        wrong = np.mean([made != (p.question, p.solution) for made, p in zip(by_habit, problems, strict=True)])
        found[f"random as {name}"] = written(lab, problems, at_random(lab, float(wrong)))
    return found | {"structure only": [structure(lab, p) for p in problems]}


def written(lab: WeakLab, problems: Sequence[Problem], step: Step) -> list[Text]:
    """Traces whose steps say this."""
    assert lab.family.worked is not None
    made = [lab.family.worked(p.question, step) for p in problems]
    return [(p.question, p.solution) for p in made]


def at_random(lab: WeakLab, dose: float) -> Step:
    """Each step wrong by a chance of its own, such that this share of traces has a wrong step."""
    modulus = lab.about["settings"]["modulus"]
    real, chance = arithmetic(modulus), 1 - (1 - dose) ** (1 / (lab.about["settings"]["terms"] - 1))

    def step(a: int, sign: str, b: int) -> int:
        off = int(lab.generator.integers(1, modulus)) if lab.generator.random() < chance else 0
        return (real(a, sign, b) + off) % modulus

    return step


def habitual(pairs: list[str], modulus: int) -> Step:
    """These pairs are one too high, always; no other is wrong."""
    real = arithmetic(modulus)
    return lambda a, sign, b: (real(a, sign, b) + (f"{a}{sign}{b}" in pairs)) % modulus


def measured(rule: Row, about: Row, arms: dict[str, Arm], closed: list[str], gates: Values) -> Row:
    """Figures and half widths; behind a shut gate the base alone."""
    wanted = {(c["arm"], c["against"]) for c in rule["conditions"]}
    figures = {
        name: {**arm.figures, "accuracy": arm.accuracy} for name, arm in arms.items() if not closed or name == "base"
    }
    for name, figure in {(n, c["figure"]) for c in rule["conditions"] for n in (c["arm"], c["against"]) if n}:
        figures.setdefault(name, {}).setdefault(figure, None)
    figures["gates"] = {**gates, "shut": float(len(closed))}
    sets = math.sqrt(len(about["seeds"]))
    halves = {
        f"{a} - {b}": {"accuracy": half(arms[a].right, arms[b].right) / sets}
        for a, b in wanted
        if not closed and a in arms and b in arms
    }
    return {"figures": figures, "half widths": halves}


def curves(rule: Row, receipt: Receipt) -> dict[str, DoseCurve]:
    """Accuracy of the student against the share of its traces that is wrong."""
    values = {figure.name: figure for figure in receipt.figures}
    found = {}
    for data in rule["data"]:
        points = [(dose, values.get(f"{data}: errors {dose:.0%}, accuracy")) for dose in rule["doses"]]
        base = values.get(f"{data}: base, accuracy")
        lines = {"student": tuple((dose, _named(f)) for dose, f in points if f is not None)}
        if base is not None:
            lines["base"] = tuple((dose, _named(base)) for dose in (rule["doses"][0], rule["doses"][-1]))
        found["errors"] = DoseCurve(f"{data}: what wrong traces cost", DOSE, lines)
    return found


def _named(figure: Figure) -> Figure:
    return Figure("accuracy of the student", figure.value, figure.low, figure.high, figure.n)
