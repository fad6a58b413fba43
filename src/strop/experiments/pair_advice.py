"""What should the owner of preference pairs be told, in words, each line with its figure?"""

from typing import TYPE_CHECKING

from strop.experiments.pair_noise import CHOSEN_AT
from strop.experiments.pair_suspicion import AGAINST, AT_MOST, FIRST, TOLD_APART, TRACE, sees
from strop.experiments.pair_trouble import LEAST_RULE, biased, clean_worth, flips, many
from strop.records import Advice, Figure

if TYPE_CHECKING:
    from strop.experiments.audit_pairs import Found

DEFINITIONS = {
    "head on other questions, share": "How often a linear head, fitted on four fifths of the questions, prefers the chosen answer in the last fifth; a tie is a half.",
    "wrong labels, share": "From a checked slice, second raters or repeats; a dash where there are none: it cannot be told from single labels.",
    TRACE: "The share of turned labels under which the head's margins make the labels likeliest: turned ones speak against it however sure it is, hard pairs only where it is not. Evidence, no estimate.",
    AGAINST: "Of the pairs whose margin is furthest from 0: clean labels hardly ever do, turned ones as often as they are turned.",
    AT_MOST: "The share of labels against which the head speaks, if it is right more often than not.",
    TOLD_APART: "One half by chance; labels that are wrong already look like planted ones, and lower it.",
    "worth of a pair in clean ones": "Fisher information about the margin that a turned label leaves, over that of a clean one, averaged over the head's margins.",
    "break-even rate of turned labels": "The share of labels turned in training at which the head does no better than the best rule that reads nothing; a dash where it always does, or where no curve could be drawn.",
    "doubt": "The chance that a label is wrong, by the margin of a head that was fitted on other questions, at the share of wrong labels that is known or leaves a trace (1 % at least).",
}  # fmt: skip


def verdict(found: "Found") -> str:
    """What the pairs teach, what is wrong with them, and what they are worth."""
    return " ".join(words for words in (_taught(found), _wrong(found), _worth(found)) if words)


def _taught(found: "Found") -> str:
    free = f'"{found.free.name}" in {found.free.value:.0%}'
    if found.free.low is None:
        free = "no rule that reads nothing does better than chance"
    if found.head is None:
        return f"There are too few questions here to learn from some and ask others; {free}."
    ours = found.head.accuracy
    if (ours.low or 0.0) <= 0.5:
        return f"A linear head on {found.reads} learns nothing here beyond chance: {ours.value:.0%} of held-out pairs {_between(ours)}; {free}."
    return f"A linear head on {found.reads} tells the chosen answer in {ours.value:.0%} of held-out pairs {_between(ours)}; {free}."


def _between(figure: Figure) -> str:
    return f"[{figure.low:.0%}, {figure.high:.0%}]"


def _wrong(found: "Found") -> str:
    """The trouble that was found, in one sentence."""
    told = []
    turned = flips(found)
    if turned and found.rate.value is not None:
        told.append(f"{found.rate.value:.0%} of the labels are wrong {_between(found.rate)}")
    elif turned and found.seen is not None:
        told.append(f"{found.seen.trace.value:.0%} of the labels look turned round {_between(found.seen.trace)}")
    exact, near, contradicted, _ = found.copied.figures()
    copies = Figure("", (exact.value or 0) + (near.value or 0), n=exact.n)
    named = "rater" in found.pairs.covariates
    if many(contradicted) and not named:
        told.append(f"{_rows(contradicted)} pairs are judged both ways")
    if many(copies) and not named:
        told.append(f"{_rows(copies)} pairs stand twice")
    if biased(found.length[0]):
        longer = (found.length[0].value or 0.0) > 0.5
        share = found.length[0].value or 0.0
        told.append(f"the {'longer' if longer else 'shorter'} answer is chosen in {share if longer else 1 - share:.0%}")
    if biased(found.position):
        told.append(f"the answer shown first is chosen in {found.position.value:.0%}")
    told += [
        f"the author alone tells {rule.value:.0%}"
        for rule in found.rules
        if rule.name == "author wins" and (rule.low or 0) > LEAST_RULE
    ]
    told += [
        f"{figure.value:.1%} of the labels go against the file's own scores"
        for figure in found.scores[:1]
        if many(figure)
    ]
    told += [f"{figure.value:.0%} of the test prompts stand in it too" for figure in found.leaks[:1] if figure.value]
    if told:
        sentence = told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]
        ends = "" if turned is not None else " Whether labels are turned round cannot be told."
        return f"{sentence[0].upper()}{sentence[1:]}.{ends}"
    if turned is None:
        return "No contradictions, copies or length bias stand out; whether labels are turned round cannot be told."
    return "No turned labels, contradictions, copies or length bias stand out."


def _rows(figure: Figure) -> str:
    return f"{round((figure.value or 0.0) * figure.n):,} of {figure.n:,}"


def _worth(found: "Found") -> str:
    told = clean_worth(found)
    if told is None:
        return ""
    count, known = told
    size = 10 ** max(0, len(str(count)) - 2)
    return f"These {len(found.pairs):,} pairs are worth {'about' if known else 'at least'} {round(count / size) * size:,} clean ones."


def advice(found: "Found") -> list[Advice]:
    """All lines, trouble first."""
    return [*_labels(found), *_rules(found), *_rows_to_mend(found), *_raters(found), *_checking(found), *_cost(found)]


def share_of(figure: Figure) -> str:
    """A share with its interval, or that it is not identified."""
    if figure.value is None:
        return "not identified"
    return (
        f"{figure.value:.1%} [{figure.low:.1%}, {figure.high:.1%}]" if figure.low is not None else f"{figure.value:.1%}"
    )


def _labels(found: "Found") -> list[Advice]:
    lines, turned = [], flips(found)
    if found.rate.value is not None:
        text = f"Wrong labels, from {found.flips.method}, if {found.flips.assumes}"
        lines.append(Advice(text, share_of(found.rate), "warn" if turned else "good"))
    else:
        lines.append(
            Advice(
                f"How many labels are wrong is not identified: {found.flips.reason}",
                "not identified",
                "warn" if turned else "note",
            )
        )
    if found.seen is None:
        return lines
    trace, against = found.seen.trace, found.seen.against()
    if not sees(found.planted):
        lines.append(
            Advice(
                "Labels turned round would hardly be seen here: those planted in a copy are not", _apart(found), "warn"
            )
        )
    elif found.rate.value is not None:
        text = "Planted labels are seen here, and what the head makes of the file's own"
        lines.append(Advice(text, f"trace {share_of(trace)}; {_apart(found)}"))
    elif turned:
        text = "Labels look turned round: as many speak against the head where it is surest. Check 200 at random before you train on them"
        lines.append(Advice(text, f"trace {share_of(trace)}; surest fifth {share_of(against)}", "warn"))
    elif turned is None:
        text = "Labels may be turned round, or hard to tell: the trace is too wide. Check 200 at random"
        lines.append(Advice(text, f"trace {share_of(trace)}; {_apart(found)}", "warn"))
    else:
        text = "Turned labels would be seen, and leave no clear trace here; tastes that differ between raters may look the same"
        lines.append(Advice(text, f"trace {share_of(trace)}; {_apart(found)}", "good"))
    return lines


def _apart(found: "Found") -> str:
    figure = next((one for one in found.planted if one.name == TOLD_APART), Figure("", None))
    return f"a planted one is doubted more than another in {share_of(figure)}"


def _rules(found: "Found") -> list[Advice]:
    best = f'"{found.free.name}" {share_of(found.free)}'
    level = "warn" if (found.free.low or 0) > LEAST_RULE else "note"
    lines = [Advice("Hold every model against the best rule that reads nothing", best, level)]
    if found.free.low is None:
        lines = [Advice("No rule that reads nothing does better than chance", f"{len(found.rules)} rules", "good")]
    if biased(found.length[0]):
        text = "One length is chosen far more often: a model may learn length; compare answers of like length, or weigh the pairs"
        lines.append(
            Advice(
                text,
                f"{share_of(found.length[0])} longer, {found.length[1].value:+,.0f} characters at the median",
                "warn",
            )
        )
    if found.position.value is None:
        text = "Whether the answer shown first is preferred is not identified: keep a column `chosen_first`"
        lines.append(Advice(text, "not identified"))
    else:
        lines.append(
            Advice(
                "How often the answer shown first is chosen",
                share_of(found.position),
                "warn" if biased(found.position) else "good",
            )
        )
    return lines


def _rows_to_mend(found: "Found") -> list[Advice]:
    exact, near, contradicted, alike = found.copied.figures()
    named = "rater" in found.pairs.covariates
    lines = []
    if contradicted.value:
        text = "Pairs that were judged both ways" + (
            ", by raters who differ" if named else ": one of each two is wrong"
        )
        lines.append(Advice(text, f"{_rows(contradicted)} rows", "warn" if many(contradicted) else "note"))
    if (exact.value or near.value) and not named:
        text = "Rows that stand twice, to the letter, and but for case and white space: count them once"
        lines.append(
            Advice(text, f"{_rows(exact)} and {_rows(near)} rows", "warn" if many(exact) or many(near) else "note")
        )
    if alike.value:
        lines.append(Advice("Answers that differ in case and white space alone", f"{_rows(alike)} rows", "warn"))
    for figure in found.scores:
        text = {
            "score against label, share": "Labels that go against the file's own scores",
            "scores equal, share": "Pairs whose scores are equal",
        }[figure.name]
        lines.append(Advice(text, f"{_rows(figure)} rows", "warn" if many(figure) else "good"))
    if found.leaks:
        prompts, both = found.leaks
        text = "Test pairs whose prompt stands here too, and those that stand here whole: take them out of training"
        lines.append(Advice(text, f"{_rows(prompts)} and {_rows(both)}", "warn" if prompts.value else "good"))
    return lines


def _raters(found: "Found") -> list[Advice]:
    lines = []
    if found.agreement:
        lines.append(Advice("Two raters of one pair agree this often", share_of(found.agreement[0])))
    known = {figure.name: figure for figure in found.raters.figures if figure.low is not None}
    if len(known) > 1:
        best = min(known.values(), key=lambda figure: figure.high or 1.0)
        for figure in known.values():
            if (figure.low or 0.0) > (best.high or 1.0):
                lines.append(
                    Advice(
                        f"{figure.name} is wrong more often than {best.name}: weigh or relabel",
                        f"{share_of(figure)} against {share_of(best)}",
                        "warn",
                    )
                )
    return lines


def _checking(found: "Found") -> list[Advice]:
    by_name = {figure.name: figure.value for figure in found.planted}
    hits = by_name.get(f"planted flips in the first {FIRST} found, most doubted first, share")
    if hits is None:
        return []
    chance = by_name["planted flips found by chance, share"] or 0.0
    length = by_name[f"planted flips in the first {FIRST} found, shorter chosen first, share"] or 0.0
    told = f"{hits:.2f} flips a pair checked, {length:.2f} where the shorter was chosen, {chance:.2f} at random"
    if found.noise is not None and hits * found.noise.lost_by_one * 1000 >= 0.0005:
        told += f"; 100 relabelled would give back {100 * hits * found.noise.lost_by_one:.4f} accuracy"
    text = f"Relabel the most doubted first: of the labels planted wrong in a copy, one in {1 / chance:.0f}, the first {FIRST} held this many"
    return [Advice(text, told, "good" if hits > 2 * chance else "note")]


def _cost(found: "Found") -> list[Advice]:
    worth = clean_worth(found)
    if worth is None:
        text = "What these pairs are worth in clean ones cannot be told: check 200 at random (check_random, column `checked`)"
        lines = [Advice(text, "not identified")]
    else:
        text = f"What {len(found.pairs):,} pairs are worth in clean ones, by information"
        lines = [
            Advice(
                text if worth[1] else text + ", if no more are wrong than where the head is surest",
                f"{'' if worth[1] else 'at least '}{worth[0]:,}",
            )
        ]
    if found.noise is None:
        if found.head is not None:
            lines.append(
                Advice(
                    "No noise curve: the head is not surely 10 points above chance, authors held apart",
                    share_of(found.head.accuracy),
                )
            )
        return lines
    noise, check = found.noise, found.noise.check()
    text = f"Checked by training: all pairs with {CHOSEN_AT:.0%} of the labels turned, against the {noise.few_share:.0%} of them that information says they are worth"
    lines.append(Advice(text, f"{check.value:+.3f} accuracy [{check.low:+.3f}, {check.high:+.3f}]"))
    clean, lost = (noise.accuracy("plain", dose).value or 0.0 for dose in (0.0, CHOSEN_AT))
    gained, as_is = noise.gained(CHOSEN_AT), noise.gained(0.0)
    lines.append(
        Advice(
            f"One label in five turned would cost the plain loss this accuracy, and {noise.robust} wins back",
            f"{clean - lost:.3f}; {gained.value:+.3f} [{gained.low:+.3f}, {gained.high:+.3f}]",
        )
    )
    if (gained.low or 0.0) > 0 and (as_is.low or 0.0) > -0.01:
        lines.append(
            Advice(
                f"Train with a robust loss ({noise.robust}): it wins under flips, and loses at most a point as the labels are",
                f"{as_is.value:+.3f} [{as_is.low:+.3f}, {as_is.high:+.3f}]",
                "good",
            )
        )
    even = noise.break_even(found.free.value)
    named = found.free.name if found.free.low is None else f'"{found.free.name}"'
    told = "beyond 40 %" if even is None else f"{even:.0%}"
    lines.append(Advice(f"The share of turned labels at which the head does no better than {named}", told))
    return lines
