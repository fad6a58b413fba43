"""How is each arm of a weak-to-strong run taught: from what, and at which rate?"""

import logging
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from strop.errors import StropError
from strop.experiments import weak_to_strong_lessons as lessons
from strop.experiments.weak_to_strong_stages import LABELS, Stages, Taught, kept_as_main
from strop.feedback.eliciting import elicited
from strop.feedback.selecting import Kind, select
from strop.recipes import w2sr
from strop.records import Questions

if TYPE_CHECKING:
    from strop.experiments.weak_to_strong import Seen

log = logging.getLogger("strop.w2sr")
FACTORS = (1.0, 3.0, 1 / 3, 10.0)  # of the rates that were asked for, tried in this order
SPARED = ("S202", "S305", "S601")  # an arm that has nothing to learn from, or learns nothing, is left out and said


def learners(stages: Stages, seen: "Seen", learning: list[str], *, test: Questions, validation: Questions) -> None:
    """Teaches and measures every arm that learns, the main one first; one that cannot be taught is left out, and it is said why.

    test, validation: questions as they are in the file. Errors: as the main arm's.
    """
    about, main = stages.settings, stages.settings["select"]
    asked, chosen_by = (elicited(one, about["prompt"], form=about["form"]) for one in (test, validation))
    for number, arm in enumerate(sorted(learning, key=lambda one: one != main)):
        log.info("arm %d of %d: %s", number + 1, len(learning), LABELS[arm])
        try:
            if about["trials"] > 1:
                seen.taught[arm] = best_of(arm, stages, seen, chosen_by)
            else:
                make = lesson_of(arm, stages, seen)
                seen.taught[arm] = stages.taught(arm, make, about["student"], main=arm == main)
        except StropError as error:
            if arm == main or error.code not in SPARED:
                raise
            seen.left_out[arm] = error.message
            continue
        draws = int(about["vote"]) if arm == main else 0
        seen.found[arm] = stages.measured(arm, seen.taught[arm].place, asked, draws=draws)


def best_of(arm: str, stages: Stages, seen: "Seen", validation: Questions) -> Taught:
    """The arm's student at the rate with which it is right most often on validation, the first of equals. Errors: as a trial's."""
    trials = []
    for number, factor in enumerate(FACTORS[: stages.settings["trials"]]):
        name, at = f"{arm}-{number + 1}", stages.scaled(factor)
        taught = at.taught(name, lesson_of(arm, at, seen), stages.settings["student"], main=False)
        right = at.measured(f"{name}-validation", taught.place, validation).right
        trials.append((float(np.nansum(right)), -number, name, factor, taught))
    _, _, name, factor, taught = max(trials)
    seen.names[arm] = name
    if arm == stages.settings["select"]:
        taught = taught._replace(place=kept_as_main(taught.place, stages.folder))
    rate = factor * stages.settings["grpo_rate" if arm == "grpo" else "rate"]
    by = ", ".join(f"{factor:.0%}: {right:.0f}" for right, _, _, factor, _ in trials)
    told = (
        f"rate {rate:.3g}, chosen by {len(validation):,} validation questions; right there, by the rate asked for: {by}"
    )
    return taught._replace(notes=(told, *taught.notes))


def lesson_of(arm: str, stages: Stages, seen: "Seen") -> Any:
    """How an arm's student is made. Errors: S202, S305 it has nothing to learn from."""
    student = stages.settings["student"]
    assert seen.pool is not None and seen.chosen is not None and seen.asked is not None
    asked, pool, many, written = seen.asked, seen.pool, len(seen.chosen), 0
    if arm == "grpo":
        if not stages.settings["grpo_steps"]:
            raise StropError("S305", "--grpo-steps 0")
        return lessons.reinforced(stages, asked, student=student)
    if arm == "labels":
        return lessons.labels(stages, asked, seen.chosen, pool.tokens, student=student)
    if arm == "self":
        seen.own = lessons.own_traces(stages, asked, student=student)
        questions, texts = lessons.self_training(stages, asked, seen.own, many)
        written = seen.own.tokens
    elif arm == "answers":
        questions, texts = lessons.answers_only(stages, asked, many)
    elif arm == "oracle":
        questions, texts = lessons.oracle(stages, asked, many)
    elif arm == "structure":
        questions, texts = lessons.structure_only(asked, seen.chosen, seed=stages.seed)
        written = pool.tokens
    else:
        chosen = select(pool.usable.answers, cast(Kind, arm), match=stages.settings["match"], seed=stages.seed)
        questions, texts = w2sr.lesson(asked, chosen)
        written = pool.tokens
    return lessons.learned(stages, questions, texts, written, student=student)
