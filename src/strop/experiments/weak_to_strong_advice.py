"""What should a person do after a weak-to-strong run: use the student, or what is free, or mend the traces?"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import bootstrap_mean
from strop.audits.recovery import Recovery
from strop.experiments.weak_to_strong_stages import LABELS, Stages
from strop.records import Advice, Arm, Difference

if TYPE_CHECKING:
    from strop.experiments.weak_to_strong import Seen

Array = npt.NDArray[Any]
STOPS, CUT, TALKS = 0.95, 0.2, 0.02
RIVALS = {
    "vote": "A vote of the student's own draws gets as far without any learning",
    "self": "The student's own right traces teach as much: the teacher adds nothing that is seen here",
    "answers": "Right answers without reasoning teach as much: the traces add nothing that is seen here",
    "structure": "Traces with random numbers teach as much: what is learned is their form",
}


def advice(
    seen: "Seen",
    stages: Stages,
    arms: dict[str, Arm],
    gaps: dict[str, Difference],
    ratios: dict[str, Recovery],
    rights: dict[str, Array],
) -> tuple[Advice, ...]:
    """Warnings of what was measured badly first, then what the comparison says."""
    main = stages.settings["select"]
    ours, gap = arms[LABELS[main]], gaps.get(LABELS[main])
    told = [*_of_traces(seen), *_of_stopping(ours)]
    gain = None if gap is None else gap.figure
    if gain is None or gain.value is None or gain.low is None or gain.high is None:
        return (
            *told,
            Advice("Too few test questions with a verdict to compare: more of them, or --test FILE", "", "warn"),
        )
    points = f"{100 * gain.value:+.0f} points"
    if gain.low > 0:
        told.append(Advice("The student is better than the same student with the same prompt", points, "good"))
    elif gain.high < 0:
        told.append(Advice("The student lost: a lower --rate, fewer --passes, or better traces", points, "warn"))
    else:
        told.append(
            Advice("No sure gain over the same prompt: more questions, more --passes, or a better teacher", points)
        )
    plain = gaps.get(LABELS["plain"])
    if plain is not None and plain.figure.high is not None and plain.figure.high < 0:
        lost = f"{-100 * (plain.figure.value or 0):+.0f} points"
        told.append(Advice("The prompt alone gains this; it is no part of what the traces are credited with", lost))
    for name, text in RIVALS.items():
        if name in rights and gain.low > 0:
            ahead = _between(rights[main], rights[name], seen.keys)
            if ahead is not None and ahead[1] <= 0:
                told.append(Advice(text, f"{100 * ahead[0]:+.0f} points between them, which may be none", "warn"))
    told += _of_references(ratios, gaps)
    if "teacher" in rights:
        ahead = _between(rights[main], rights["teacher"], seen.keys)
        if ahead is not None and ahead[1] > 0:
            told.append(Advice("The student is better than its teacher", f"{100 * ahead[0]:+.0f} points", "good"))
        elif ahead is not None and ahead[2] < 0:
            told.append(Advice("The teacher is still better than the student", f"{100 * -ahead[0]:+.0f} points"))
    return tuple(told)


def _of_traces(seen: "Seen") -> list[Advice]:
    assert seen.pool is not None
    told, answers = [], seen.pool.answers
    if seen.same:
        told.append(Advice("Teacher and student are one model: read this as self-training"))
    cut = float(np.mean([how == "length" for how in answers.finished]))
    if cut > CUT:
        text = "Many traces were cut, and not learned from: a higher --most-tokens, or a teacher that does not loop"
        told.append(Advice(text, f"{cut:.0%} cut", "warn"))
    return [*told, *(Advice(one, "", "warn") for one in seen.pool.usable.warnings)]


def _of_stopping(ours: Arm) -> list[Advice]:
    stopped, first, last = (
        ours.figure(name).value for name in ("stopped, share", "first answer right, share", "accuracy")
    )
    told = []
    if stopped is not None and stopped < STOPS:
        text = "The student often does not stop: more --passes or a higher --rate where its loss still falls, fewer and lower where it does not, or a higher --most-tokens"
        told.append(Advice(text, f"{stopped:.0%} stopped", "warn"))
    if first is not None and last is not None and first > last + TALKS:
        text = "It answers rightly and goes on: take its first result when it is used"
        told.append(Advice(text, f"{first:.0%} by the first result, {last:.0%} by the last", "warn"))
    return told


def _of_references(ratios: dict[str, Recovery], gaps: dict[str, Difference]) -> list[Advice]:
    told = []
    if all(one.value is None for one in ratios.values()):
        ways = "; ".join(one.reason for one in ratios.values())
        told.append(Advice("How much of a gap was recovered cannot be told", ways))
    oracle = gaps.get(LABELS["oracle"])
    if oracle is not None and oracle.figure.low is not None and oracle.figure.low <= 0:
        text = "Even the file's own solutions teach this student nothing that is seen: too few steps, or it lacks the skill itself, which traces can only call up"
        told.append(Advice(text, f"{100 * (oracle.figure.value or 0):+.0f} points", "warn"))
    return told


def _between(ours: Array, theirs: Array, keys: Array) -> tuple[float, float, float] | None:
    """(mean, low, high) of the difference over questions that both have a verdict on; None for fewer than two."""
    gained = ours - theirs
    both = ~np.isnan(gained)
    if len(np.unique(keys[both])) < 2:
        return None
    return bootstrap_mean(gained[both], clusters=keys[both])
