"""What does a weak-to-strong run say: its arms' figures, what they took, how much of the gap is recovered, and what to do?"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from strop.audits.intervals import holm, middle, resampled_means, two_sided_p
from strop.audits.pairs import clustered_share
from strop.audits.recovery import Recovery
from strop.audits.stopping import DEFINITIONS as STOPPING
from strop.audits.stopping import stopping
from strop.experiments.question_runs import change_in_words
from strop.experiments.run_folder import Run
from strop.experiments.weak_to_strong_advice import advice
from strop.experiments.weak_to_strong_stages import LABELS, Found, Stages
from strop.records import Advice, Arm, Difference, Figure, Table

if TYPE_CHECKING:
    from strop.experiments.weak_to_strong import Seen

Array = npt.NDArray[Any]
NOTES = {
    "plain": "the same model without the prompt around the question",
    "vote": "the result of most drawn answers; nothing is learned",
    "self": "its own right traces, as many",
    "answers": "right answers without a way to them, as many",
    "labels": "the teacher's results and its own likeliest ones, half each: ours, after Burns et al. 2023",
    "structure": "the same traces with random numbers in them",
    "oracle": "the file's own solutions, as many",
    "grpo": "so many steps, at rates as many as the other arms tried: as a reference it is no better than these",
    "incorrect": "W2SR-N",
    "all": "W2SR",
    "correct": "W2SR-P",
}
REFERENCES = ("oracle", "grpo")
DEFINITIONS = {
    "accuracy": "Share of held-out questions whose likeliest answer (a token at a time) ends in a right result; those without a verdict are left out. Intervals by question.",
    **{name: text for name, text in STOPPING.items() if not name.startswith("last")},
    "pass@k": "Share of held-out questions with a right answer among k, drawn at temperature 0.6 from the likeliest tokens with 95 % of the share.",
    "right when drawn": "Share of right ones among those drawn answers.",
    "traces right, share": "Of the teacher's traces of the training questions; intervals by question.",
    "traces left out, share of all": "Cut, without a result or with two, the same as another: kept in traces.jsonl, not learned from.",
    "agreement": "Share of a question's drawn answers that have the result of most.",
    "RGR": "Reasoning gap recovered: what learning from traces gains over the student with the same prompt, as a share of what the reference gains. None where the reference's own gain may be none.",
}  # fmt: skip


class Told(NamedTuple):
    """The parts of a result."""

    verdict: str
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    figures: tuple[Figure, ...]
    advice: tuple[Advice, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def told(seen: "Seen", stages: Stages, run: Run) -> Told:
    """All that is said of a run."""
    main = stages.settings["select"]
    arms, rights = [], {}
    for name in LABELS:
        of = {"vote": "student", "teacher vote": "teacher"}.get(name, name)
        found = seen.found.get(of)
        if found is None or (of != name and (found.drawn is None or (name == "vote" and "vote" in seen.left_out))):
            continue
        voted = of != name
        rights[name] = found.voted()[0] if voted else found.right
        figures = of_votes(found, seen.keys) if voted else of_answers(found, seen.keys)
        arms.append(_arm(name, figures, seen, stages))
    arms.sort(key=lambda arm: arm.name != LABELS[main])
    rights = {name: rights[name] for name in sorted(rights, key=lambda one: one != main)}
    gaps = differences(rights, seen.keys, seed=run.seed)
    ratios = {reference: seen.recovered(main, reference, seed=run.seed) for reference in REFERENCES}
    figures_ = tuple(
        Figure(f"RGR against {LABELS[name]}", one.value, one.low, one.high, one.n) for name, one in ratios.items()
    )
    figures_ += of_traces(seen)
    by_name = {arm.name: arm for arm in arms}
    return Told(
        verdict(by_name, gaps, LABELS[main], ratios),
        tuple(arms),
        tuple(gaps),
        figures_,
        advice(seen, stages, by_name, {one.arm: one for one in gaps}, ratios, rights),
        tuple(filter(None, (recovery_table(seen, run.seed), cost_table(seen, stages), difficulty_table(seen)))),
        (
            *(f"{LABELS[name]}: left out: {why}" for name, why in seen.left_out.items()),
            *(f"{LABELS[name]}: {note}" for name, one in seen.taught.items() for note in one.notes),
        ),
    )


def _arm(name: str, figures: tuple[Figure, ...], seen: "Seen", stages: Stages) -> Arm:
    taught = seen.taught.get(name)
    settings = {"select": name, "match": stages.settings["match"]} if name in ("correct", "all", "incorrect") else {}
    cost = {"CPU seconds": round(seconds_of(name, seen, stages), 1)}
    curve = taught.curve if taught is not None and name == stages.settings["select"] else ()
    return Arm(
        LABELS[name],
        figures,
        settings,
        curve=curve,
        cost=cost,
        note=NOTES.get(name, ""),
        unit="step",
        trials=stages.settings["trials"] if taught is not None else 0,
    )


def seconds_of(name: str, seen: "Seen", stages: Stages) -> float:
    """CPU seconds to get an arm's student: writing what it learns from, and learning; measuring it left out."""
    costs, found = stages.costs, stages.costs.get(f"teaching {seen.names.get(name, name)}", 0.0)
    if name in ("correct", "all", "incorrect", "structure", "labels"):
        found += costs.get("traces", 0.0)
    return found + (costs.get("own traces", 0.0) if name == "self" else 0.0)


def of_answers(found: Found, keys: Array) -> tuple[Figure, ...]:
    """Accuracy, first results, stopping; and of drawn answers how many are right, and pass@k."""
    last, *others = stopping(found.answers, first=found.first)
    figures = [Figure("accuracy", last.value, last.low, last.high, last.n), *others]
    if found.drawn is not None:
        groups = found.groups()
        whole = ~np.isnan(groups).any(1)
        means, most = groups[whole].mean(1), groups[whole].max(1, initial=0)
        figures += [
            clustered_share("right when drawn", means, keys[whole]),
            clustered_share(f"pass@{groups.shape[1]}", most, keys[whole]),
        ]
    return tuple(figures)


def of_traces(seen: "Seen") -> tuple[Figure, ...]:
    """How many of the teacher's traces are right, and how many were left out of learning whatever their verdict."""
    assert seen.pool is not None
    answers, kept = seen.pool.answers, seen.pool.usable.kept
    scored = ~np.isnan(answers.right)
    return (
        clustered_share("traces right, share", answers.right[scored], answers.questions[scored]),
        Figure("traces left out, share of all", float(1 - kept.mean()), n=len(kept)),
    )


def of_votes(found: Found, keys: Array) -> tuple[Figure, ...]:
    """Accuracy of the vote, and how far the answers agree."""
    right, share = found.voted()
    scored = ~np.isnan(right)
    return (
        clustered_share("accuracy", right[scored], keys[scored]),
        clustered_share("agreement", share, keys),
    )


def differences(rights: dict[str, Array], keys: Array, *, seed: int) -> list[Difference]:
    """Each arm minus the student with the same prompt, paired by question.

    p of the first arm, which the run is about, stands for itself; those of the others are adjusted among themselves (Holm).
    """
    base, rows = rights["student"], []
    for name, right in rights.items():
        gained = right - base
        both = ~np.isnan(gained)
        groups = np.unique(keys[both], return_inverse=True)[1] if both.any() else keys[both]
        if name == "student" or len(np.unique(groups)) < 2:
            continue
        drawn = resampled_means(gained[both], seed=seed, clusters=groups)
        low, high = middle(drawn) or (None, None)
        mean = float(gained[both].mean())
        rows.append((name, Figure("accuracy", mean, low, high, int(both.sum())), two_sided_p(drawn)))
    adjusted = [p for *_, p in rows[:1]] + holm([p for *_, p in rows[1:]]).tolist()
    return [
        Difference(LABELS[name], LABELS["student"], figure, None if p is None or q is None else float(q))
        for (name, figure, p), q in zip(rows, adjusted, strict=True)
    ]


def verdict(arms: dict[str, Arm], gaps: list[Difference], main: str, ratios: dict[str, Recovery]) -> str:
    """What share is right, what it was with the same prompt, whether that is surely more, and how much of the gap that is."""
    ours, theirs = (arms[name].figure("accuracy") for name in (main, LABELS["student"]))
    gap = next((one.figure for one in gaps if one.arm == main), None)
    if ours.value is None or theirs.value is None or gap is None or gap.value is None:
        return f"{main} could not be measured: no held-out answer has a verdict."
    interval = "" if ours.low is None else f" [{ours.low:.0%}, {ours.high:.0%}]"
    said = f"{main}: {ours.value:.0%}{interval} of {ours.n:,} held-out questions answered rightly, {theirs.value:.0%} before with the same prompt"
    said = f"{said}: {change_in_words(gap)}"
    known = [
        f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}] of what {LABELS[name]} gain{'s' if name == 'grpo' else ''}"
        for name, one in ratios.items()
        if one.value is not None and one.low is not None
    ]
    return f"{'; '.join([said, ', '.join(known)] if known else [said])}."


def recovery_table(seen: "Seen", seed: int) -> Table | None:
    """RGR of every arm that learned against both references, side by side, with the reason where there is none."""
    rows, reasons = [], {}
    for name in (one for one in LABELS if one in seen.taught):
        cells = []
        for reference in REFERENCES:
            found = seen.recovered(name, reference, seed=seed)
            reasons[reference] = found.reason
            if found.value is None or found.low is None:
                cells.append("none")
            else:
                itself = name == reference
                cells.append("1, by definition" if itself else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")
        rows.append((LABELS[name], *cells))
    note = "; ".join(f"against {LABELS[name]}: {why}" for name, why in reasons.items())
    columns = ("what the student learned from", *(f"against {LABELS[name]}" for name in REFERENCES))
    return Table("Reasoning gap recovered", columns, tuple(rows), note) if rows else None


def cost_table(seen: "Seen", stages: Stages) -> Table:
    """What each arm took to get, and what an answer of it costs."""
    rows = []
    for name in LABELS:
        of = {"vote": "student", "teacher vote": "teacher"}.get(name, name)
        found, taught = seen.found.get(of), seen.taught.get(name)
        if found is None or (of != name and (found.drawn is None or name in seen.left_out)):
            continue
        answers = found.drawn if of != name else found.answers
        assert answers is not None
        each = float(np.sum(answers.tokens)) / len(found.answers)
        texts, written, read = taught[1:4] if taught is not None else (0, 0, 0)
        seconds = seconds_of(name, seen, stages)
        rows.append((LABELS[name], *(f"{one:,}" for one in (texts, written, read)), f"{seconds:,.1f}", f"{each:,.1f}"))
    columns = ("arm", "texts", "tokens written", "tokens read", "CPU seconds", "tokens an answer")
    note = "Texts learned from, tokens written to get them, tokens read while learning (all passes), CPU seconds of both (those that a kill cut off are not counted); and tokens of an answer when it is used, of all that are voted on."
    return Table("What each arm took", columns, tuple(rows), note)


def difficulty_table(seen: "Seen") -> Table | None:
    """Whether the chosen traces are those of easy questions: by how often the student itself is right, else by length."""
    assert seen.asked is not None and seen.pool is not None and seen.chosen is not None
    many = len(seen.asked)
    if seen.own is not None:
        right, drawn = (
            np.bincount(seen.own.answers.questions, weights=w, minlength=many)
            for w in (np.nan_to_num(seen.own.answers.right), None)
        )
        share = right / np.maximum(drawn, 1)
        of = np.digitize(share, [1e-9, 0.5])
        names = ("the student itself is never right", "right in less than half of its draws", "right in half or more")
        how = f"Each question was answered {int(drawn.max())} times by the student itself."
    else:
        sizes = np.array([len(str(prompt)) for prompt in seen.asked.prompts])
        cuts = np.quantile(sizes, [1 / 3, 2 / 3])
        if cuts[0] == sizes.max() or sizes.min() == sizes.max():
            return None
        of = np.searchsorted(cuts, sizes)
        names = ("short questions", "of middle length", "long questions")
        how = "By length: --arms self draws the student's own answers, and tells difficulty by them."
    columns = ("questions", "of all", "of the chosen traces", "traces that are right")
    answers = seen.pool.answers
    rows = []
    for number, name in enumerate(names):
        inside = answers.right[of[answers.questions] == number]
        known = inside[~np.isnan(inside)]
        shares = (float(np.mean(of == number)), float(np.mean(of[seen.chosen.questions] == number)))
        rows.append((name, *(f"{one:.0%}" for one in shares), f"{known.mean():.0%}" if len(known) else "none"))
    return Table("Are the chosen traces those of easy questions?", columns, tuple(rows), how)
