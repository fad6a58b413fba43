"""Does a student that knows the steps learn to reason from a much weaker teacher's traces, and how much of a gap does that close?"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from strop.audits.intervals import bootstrap_mean
from strop.audits.recovery import rgr
from strop.experiments.claims.weak_arms import Arm, Bench, Values
from strop.experiments.claims.weak_lab import Text, WeakLab, kept_own, likelihood, usable
from strop.experiments.procedural import MARK, Problem
from strop.feedback.selecting import select
from strop.models.language.reading import Reader
from strop.records import Answers, Figure, Receipt, Recovered

Array = npt.NDArray[Any]
Row = dict[str, Any]
KINDS = ("all", "correct", "incorrect")
REFERENCES = ("oracle", "grpo", "grpo after correct")
CALLED = {
    "oracle": "as many right traces",
    "grpo": "GRPO from the base",
    "grpo after correct": "GRPO after correct",
}
RECOVERED = "gain over that of "
POOL = 3  # the stream of the teacher's traces


def one_split(rule: Row, data_name: str, seed: int) -> Row:
    """A base and a teacher, their gates, every arm, and all of them on test problems: a row for the receipt."""
    about = rule["data"][data_name]
    lab = WeakLab(about, seed=seed)
    bench = Bench(lab, rule)
    student = lab.base({**rule["base"], **about["base"]})
    arms = {"base": bench.asked(student.reader)}
    teacher = lab.teacher({**rule["teacher"], **about["teacher"]})
    written = lab.write(teacher.reader, lab.parts["train"], temperature=1.0, seed=POOL)
    share, pool, left_out = usable(written)
    gates: Values = {
        "facts": student.reached, "base": arms["base"].accuracy, "traces": share,
        "steps of the base": student.steps, "steps of the teacher": teacher.steps, "size of the teacher": teacher.hidden,
    }  # fmt: skip
    closed = shut(gates, rule["gates"], 1 / about["settings"]["modulus"])
    if not closed and pool is not None:
        texts = lessons(lab, pool)
        pilot = lab.until(lab.lab.copy(student.reader), texts["oracle"], bench.accuracy, piloted(rule))
        gates |= {"pilot": pilot.reached, "unit": float(pilot.steps)}
        closed = shut(gates, rule["gates"], 1 / about["settings"]["modulus"])
    if not closed and pool is not None:
        arms |= learned(bench, student.reader, texts, unit=pilot.steps) | others(bench, student.reader, teacher.reader)
        arms["grpo after correct"] = bench.rewarded(taught_by(arms["correct"]))
        gates["oracle"] = arms["oracle"].accuracy
        closed = shut(gates, rule["gates"], 1 / about["settings"]["modulus"])
    counted = {"traces": float(len(pool or ())), "left out": left_out, "tokens written": float(written.tokens.sum())}
    arms["traces"] = Arm(pool.right if pool else np.zeros(0), {"accuracy": share, **counted})
    return {
        "data": data_name,
        "seed": seed,
        "checksum": hashlib.sha256("\n".join(p.question for p in lab.parts["train"]).encode()).hexdigest(),
        "shut": closed,
        "settings": {name: arm.trials for name, arm in arms.items()},
        **measured(rule, about, arms, closed, gates | {"shut": float(len(closed))}),
    }


def shut(gates: Values, rule: Row, chance: float) -> list[str]:
    """The gates that are shut; those not come to yet are passed over."""
    found = []
    for name, (low, high) in rule.items():
        value = gates.get(name)
        if value is not None and not low <= value - (chance if name == "base" else 0) <= high:
            found.append(f"{name} {value:.3f}")
    return found


def piloted(rule: Row) -> Row:
    """How it is found out how many steps right traces need: at the higher rate."""
    return {"batch": rule["learn"]["batch"], "rate": max(rule["learn"]["rates"]), **rule["pilot"]}


def lessons(lab: WeakLab, pool: Answers) -> dict[str, list[Text]]:
    """What is learned from, the same number of texts in each arm: as many as the rarer of right and wrong traces."""
    train = lab.parts["train"]
    chosen = {kind: select(pool, kind, match="count", seed=lab.seed) for kind in KINDS}
    texts = {kind: lesson(answers, train) for kind, answers in chosen.items()}
    some = [train[i] for i in np.random.default_rng([lab.seed, 0x0AC1]).permutation(len(train))[: len(texts["all"])]]
    texts["oracle"] = [(p.question, p.solution) for p in some]
    texts["structure only"] = [structure(lab, p) for p in some]
    texts["answers alone"] = [(p.question, MARK + p.answer) for p in some]
    rows = zip(chosen["all"].questions.tolist(), chosen["all"].results, strict=True)
    texts["weak labels"] = [(train[q].question, f"{MARK}{result}") for q, result in rows]
    return texts


def learned(bench: Bench, base: Reader, texts: dict[str, list[Text]], *, unit: int) -> dict[str, Arm]:
    """Every arm that learns from texts; self-training: from what the base itself answers rightly when it is drawn twice."""
    lab = bench.lab
    own = lab.write(base, lab.parts["train"], temperature=1.0, count=2, seed=POOL)
    right = dict.fromkeys(lesson(own.take(own.right == 1), lab.parts["train"]))
    texts = {**texts, "self-training": list(right)[: len(texts["all"])]}
    losses = {"weak labels": kept_own}
    return {name: bench.learned(base, one, unit=unit, loss=losses.get(name, likelihood)) for name, one in texts.items()}


def others(bench: Bench, base: Reader, teacher: Reader) -> dict[str, Arm]:
    """Every arm that learns from no text."""
    return {
        "prompted": bench.asked(base, opened=True),
        "base's vote": bench.voted(base),
        "teacher": bench.asked(teacher),
        "teacher's vote": bench.voted(teacher),
        "grpo": bench.rewarded(base),
    }


def taught_by(arm: Arm) -> Reader:
    """Its model."""
    assert arm.reader is not None
    return arm.reader


def lesson(answers: Answers, problems: Sequence[Problem]) -> list[Text]:
    """The question and the text of each."""
    return [(problems[q].question, text) for q, text in zip(answers.questions.tolist(), answers.texts, strict=True)]


def structure(lab: WeakLab, problem: Problem) -> Text:
    """A trace of the right form that goes on with what it said, each step's result drawn at random."""
    assert lab.family.worked is not None
    modulus = lab.about["settings"]["modulus"]
    made = lab.family.worked(problem.question, lambda a, sign, b: int(lab.generator.integers(modulus)))
    return made.question, made.solution


def measured(rule: Row, about: Row, arms: dict[str, Arm], closed: list[str], gates: Values) -> Row:
    """Figures and half widths; behind a shut gate only what the gates are about."""
    names = {one for c in rule["conditions"] for one in (c["arm"], c["against"]) if one} | set(REFERENCES) | set(arms)
    figures: dict[str, Values] = {}
    for name in sorted(names):
        seen = name in arms and (not closed or name in ("base", "traces"))
        figures[name] = dict(arms[name].figures) if seen else {"accuracy": None}
    halves: dict[str, Values] = {}
    sets = math.sqrt(len(about["seeds"]))
    for name, arm in arms.items() if not closed else ():
        if name == "traces":
            continue
        for reference in REFERENCES:
            found = rgr(arms["base"].right, arm.right, arms[reference].right, seed=0)
            figures[name][RECOVERED + reference] = found.value
            if found.low is not None and found.high is not None:
                halves.setdefault(name, {})[RECOVERED + reference] = (found.high - found.low) / 2 / sets
    for name in names:
        for reference in REFERENCES:
            figures[name].setdefault(RECOVERED + reference, None)
    figures["gates"] = {name: value if value is None else float(value) for name, value in gates.items()}
    for c in rule["conditions"] if not closed else ():
        if c["figure"] == "accuracy" and c["against"]:
            key = f"{c['arm']} - {c['against']}"
            halves.setdefault(key, {})["accuracy"] = half(arms[c["arm"]].right, arms[c["against"]].right) / sets
    return {"figures": figures, "half widths": halves}


def half(ours: Array, theirs: Array) -> float:
    """Half width of a difference of means: paired where the problems are the same, else of two samples."""

    def of(values: Array) -> float:
        _, low, high = bootstrap_mean(values, draws=2000)
        return (high - low) / 2

    return of(ours - theirs) if len(ours) == len(theirs) else math.hypot(of(ours), of(theirs))


def exact(rule: Row) -> list[Row]:
    """What must hold to the last digit before any figure counts."""
    closed, kept = closed_gap(), own_error()
    return [
        {"name": "gap", "text": "the reference closes the whole gap and the base none; without a gap there is no ratio", "value": closed, "met": closed == 0},
        {"name": "labels", "text": "weak labels without confidence in oneself are cross-entropy, exactly", "value": kept, "met": kept == 0},
    ]  # fmt: skip


def closed_gap() -> float:
    """The distance of RGR from 1 and 0; infinite where a gap of nothing has a ratio."""
    base, reference = np.repeat([0.0, 1.0], [90, 10]), np.repeat([0.0, 1.0], [10, 90])
    whole, none = rgr(base, reference, reference, seed=0).value, rgr(base, base, reference, seed=0).value
    if whole is None or none is None or rgr(base, reference, base, seed=0).value is not None:
        return math.inf
    return abs(whole - 1) + abs(none)


def own_error() -> float:
    """The largest difference of a token's loss."""
    logits, targets = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5
    return float((kept_own(logits, targets, confidence=0.0) - likelihood(logits, targets)).abs().max())


def recoveries(rule: Row, receipt: Receipt) -> dict[str, Recovered]:
    """The drawing of the receipt: by family and reference, how much of its gain over the base each arm has, largest first."""
    panels, notes = {}, {}
    for data in rule["data"]:
        for reference in REFERENCES:
            end, name = f", {RECOVERED}{reference}", f"{data}: against {CALLED[reference]}"
            rows = [
                Figure(f.name.removeprefix(f"{data}: ").removesuffix(end), f.value, f.low, f.high, f.n)
                for f in receipt.figures
                if f.name.startswith(f"{data}: ") and f.name.endswith(end)
            ]
            shown = [f for f in rows if f.name not in ("base", reference) and f.value is not None]
            panels[name] = tuple(sorted(shown, key=lambda f: -(f.value or 0.0)))
            if not shown:
                notes[name] = "none: its own gain over the base may be nothing"
    return {"recovery": Recovered("Share of a reference's gain over the base", panels, notes)}
