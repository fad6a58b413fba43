"""What should the owner of a log be told, in words, each line with its figure?"""

from typing import TYPE_CHECKING

from strop.experiments.compare import recall_of
from strop.experiments.found_again import FIRST, LEAST_RANDOM, sees
from strop.experiments.noise_curve import CHOSEN_AT, PLAIN
from strop.experiments.suspicion import AT_MOST
from strop.records import Advice, Figure, Split

if TYPE_CHECKING:
    from strop.experiments.audit_clicks import Found

DEFINITIONS = {
    AT_MOST: "Clicks whose user likes nine tenths of all items better, as a model of the other users sees it, times ten: random clicks would put a tenth of themselves there. A bound: odd taste looks the same.",
    "doubt": "The share of items that fit a click's user better than the clicked one, by an EASE model of the other half of the users; uniform for clicks at random.",
    "fit": "How much higher an item stands with those who clicked it than with users as active, in standard deviations; about 0 if anybody clicks it.",
    "worth of 100 clicks": "The share of clean clicks from which the plain model learns to recommend as well as the method does from all of them with random ones added.",
    "clicks left after undoing exposure": "Effective sample size over clicks, if each click weighed one over (popularity / largest) to that power, the assumed chance of being shown.",
}


def verdict(found: "Found", data: Split) -> str:
    """What the log teaches, what is wrong with it, and what it is worth."""
    top, chance = (recall_of(found.arms[name]) for name in (found.best, "chance"))
    if (top.low or 0) <= (chance.high or 0):
        return f"Nothing in this log is learned beyond chance: recall@20 {top.value:.3f}, chance {chance.value:.3f}."
    words = [
        f"This log teaches taste: {found.best} finds {top.value:.1%} of held-out clicks in 20 places [{top.low:.1%}, {top.high:.1%}], "
        f"and popularity alone finds {found.explained:.0%} of that.",
        _wrong(found),
        _worth(found),
    ]
    return " ".join(word for word in words if word)


def _wrong(found: "Found") -> str:
    """The trouble that was found, in one sentence."""
    if found.trouble is None or found.at_most is None:
        return ""
    told = []
    if found.trouble.random:
        told.append(f"up to {found.at_most.value:.0%} of its clicks look random")
    if len(found.trouble.accounts):
        told.append(f"{len(found.trouble.accounts)} accounts click no better than at random")
    if len(found.trouble.items):
        count = len(found.trouble.items)
        told.append(f"{count} item{'s are' if count > 1 else ' is'} clicked by anybody")
    if not told:
        return "No random clicks, bots or pushed items stand out." if found.trouble.random is False else ""
    sentence = told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]
    return f"{sentence[0].upper()}{sentence[1:]}: look at these first."


def clean_worth(found: "Found", method: str) -> tuple[int, int] | None:
    """(clean clicks that the log is worth to the method, the same by information alone), None where it cannot be read.

    With a share s of random clicks n (1 - s) are meant; the noise curve at the dose s / (1 - s) says what is left of them
    after training. s: from checked clicks, else the most that it can be.
    """
    share = found.random_share
    if found.noise is None or found.seen is None or share is None or share >= 1:
        return None
    left = found.noise.worth_at(method, share / (1 - share))
    n = int(found.seen.others.sum())
    return None if left is None else (round(n * (1 - share) * left), round(found.seen.information(share)))


def _worth(found: "Found") -> str:
    plain = clean_worth(found, PLAIN)
    if plain is None or found.seen is None:
        return ""
    n, surely = len(found.seen.clicks), "" if found.checked else " at least"
    return f"These {n:,} clicks are worth about {_round(plain[0]):,} clean ones{surely}, to plain matrix factorisation."


def _round(count: int) -> int:
    """Two figures that mean something."""
    size = 10 ** max(0, len(str(count)) - 2)
    return int(round(count / size) * size)


def first_hundred(found: "Found") -> str:
    """What checking the most doubtful clicks first yields, on planted noise."""
    by_name = {figure.name: figure for figure in found.planted}
    ours = by_name.get(f"false clicks in the first {FIRST} found, most suspicious first")
    if ours is None or ours.value is None:
        return ""
    chance = by_name["false clicks found by chance"].value or 0.0
    return f"With 1 false click in 20 planted here, {ours.value * 100:.0f} of the first 100 in this order were false; at random {100 * chance:.0f} would be."


def advice(found: "Found", data: Split) -> list[Advice]:
    """All lines, trouble first."""
    return [
        *_trouble(found),
        *_checking(found),
        *_cost(found),
        *_exposure(found),
        *_models(found),
        *_forgetting(found),
        *_time(found, data),
    ]


def _trouble(found: "Found") -> list[Advice]:
    lines = []
    if found.checked is not None:
        lines.append(
            Advice(
                "False clicks by the records that were checked, if those were drawn at random", _share(found.checked)
            )
        )
    if found.trouble is not None and found.seen is not None and found.at_most is not None:
        seen, bound = found.seen, found.at_most
        if found.trouble.random:
            text = "As many clicks as this look random, and random clicks planted here are seen: check 200 at random before you train on them"
            lines.append(
                Advice(text, f"at most {_share(bound)}; doubts end {seen.flat:.2f} as flat as random ones", "warn")
            )
        elif found.trouble.random is None:
            text = "How many clicks are random cannot be told: those planted here are hardly seen"
            lines.append(Advice(text, "not identified", "warn"))
        elif found.checked is None:
            level = "good" if (bound.value or 1) < LEAST_RANDOM / 2 else "note"
            text = "At most this share of clicks is random; how many are is not identified from clicks alone: check 200 at random"
            lines.append(Advice(text, _share(bound), level))
        if len(found.trouble.accounts):
            clicks = sum(int(seen.clicks.indptr[u + 1] - seen.clicks.indptr[u]) for u in found.trouble.accounts)
            text = "Accounts that click no better than at random: leave them out of training until somebody looked"
            lines.append(Advice(text, f"{len(found.trouble.accounts)} accounts, {clicks:,} clicks", "warn"))
        if len(found.trouble.items):
            text = "Items that anybody clicks, whatever else they like: shown too often, or pushed"
            lines.append(Advice(text, f"{len(found.trouble.items)} of {seen.clicks.n_items:,} items", "warn"))
        if found.trouble.random is False and not len(found.trouble.accounts) and not len(found.trouble.items):
            lines.append(
                Advice(
                    "No bots and no pushed items stand out; those that imitate taste would not",
                    "0 accounts, 0 items",
                    "good",
                )
            )
    if found.alike:
        lines.append(
            Advice(
                "Accounts with the very same list of 10 items or more: one person, or a script",
                f"{sum(map(len, found.alike))} accounts",
                "warn",
            )
        )
    for what in ("false clicks", "bots") if found.planted else ():
        figures = {figure.name: figure for figure in found.planted}
        ours, rare = (figures[f"{what} found, {how} first"] for how in ("most suspicious", "rarest items"))
        chance = figures[f"{what} found by chance"].value or 0.0
        seen_them = sees(found.planted, what)
        name = {"false clicks": "Random clicks", "bots": "Bots that click at random"}[what]
        text = f"{name} {'would be' if seen_them else 'would hardly be'} seen: of those planted, found by suspicion, by rarity alone, by chance"
        lines.append(Advice(text, f"{ours.value:.0%}, {rare.value:.0%}, {chance:.1%}", "good" if seen_them else "warn"))
    return lines


def _share(figure: Figure) -> str:
    if figure.value is None:
        return "not identified"
    return (
        f"{figure.value:.1%} [{figure.low:.1%}, {figure.high:.1%}]" if figure.low is not None else f"{figure.value:.1%}"
    )


def _gap(figure: Figure) -> str:
    return f"{figure.value:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"


def _checking(found: "Found") -> list[Advice]:
    text = first_hundred(found)
    if not text or found.noise is None:
        return []
    by_name = {figure.name: figure for figure in found.planted}
    hits = by_name[f"false clicks in the first {FIRST} found, most suspicious first"].value or 0.0
    gain = hits * 1000 * found.noise.lost_by_one()
    told = f"{hits:.2f} false clicks a record checked"
    if gain >= 0.0005:
        told += f"; 1,000 checked would give back {gain:.4f} recall@20"
    return [Advice("Check the most doubtful clicks first. " + text, told)]


def _cost(found: "Found") -> list[Advice]:
    if found.noise is None:
        return []
    lines, robust = [], found.noise.robust
    values = {
        name: {d: m.values["recall@20"] for d, m in by_dose.items()} for name, by_dose in found.noise.noisy.items()
    }
    if values[PLAIN][0.0] > 0:
        lost, kept = ((values[n][0.0] - values[n][CHOSEN_AT]) / values[PLAIN][0.0] for n in (PLAIN, robust))
        text = f"One random click for five real ones would cost {PLAIN} this share of its recall@20, and {robust} that"
        lines.append(Advice(text, f"{lost:.1%}, {kept:.1%}", "note"))
        gained, as_is = found.noise.gained(CHOSEN_AT), found.noise.gained(0.0)
        if (gained.low or 0) > 0 and (as_is.low or 0) > -0.01 * values[PLAIN][0.0]:
            text = f"Train with {robust}: with one random click for five it keeps more recall than {PLAIN}, and without them it loses at most 1 % (default settings)"
            lines.append(Advice(text, f"{_gap(gained)}; {_gap(as_is)} as the log is", "good"))
    told = [(name, clean_worth(found, name)) for name in (PLAIN, robust)]
    if all(worth for _, worth in told) and found.seen is not None:
        words = ", ".join(f"{worth[0]:,} to {name}" for name, worth in told if worth)
        by_information = next(worth[1] for _, worth in told if worth)
        told_by = "by the checked ones" if found.checked else "if as many are random as can be"
        text = f"What {len(found.seen.clicks):,} clicks are worth in clean ones, {told_by}"
        lines.append(Advice(text, f"{words}; {by_information:,} by information alone"))
    else:
        text = "What these clicks are worth in clean ones: more may be random than the noise curve reaches; check 200 at random"
        lines.append(Advice(text, "not identified"))
    return lines


def _exposure(found: "Found") -> list[Advice]:
    text = "Whether popular items are liked more or only shown more is not identified from clicks: log what is shown, or show a small share at random"
    lines = [Advice(text, "not identified")]
    level = "warn" if found.explained > 0.7 else "note"
    text = "Hold every model against popularity: it is the free baseline here"
    lines.append(Advice(text, f"{found.explained:.0%} of the best recall", level))
    points = found.arms[found.best].points
    least, most = [row for row in points[: len(points) // 2] if row], points[-1]
    shown, liked = (sum(row[i] or 0.0 for row in least) for i in (2, 3))
    if liked > 0:
        text = f"{found.best} gives the less popular half of the items this share of places, against their share of held-out likes"
        lines.append(Advice(text, f"{shown:.1%} against {liked:.1%}", "warn" if shown < 0.5 * liked else "note"))
    text = f"The top tenth of items takes most places of {found.best}"
    lines.append(Advice(text, f"{most[2] or 0:.0%} of places, {most[3] or 0:.0%} of likes"))
    return lines


def _models(found: "Found") -> list[Advice]:
    arms = found.arms
    if not {"bpr", "ease"} <= set(arms) or (recall_of(arms["bpr"]).high or 0) >= (recall_of(arms["ease"]).value or 0):
        return []
    figures = (recall_of(arms[name]).value or 0 for name in ("bpr", "ease"))
    text = "BPR is below EASE here: prefer EASE or iALS unless you need vectors"
    return [Advice(text, "{:.3f} against {:.3f}".format(*figures), "warn")]


def _forgetting(found: "Found") -> list[Advice]:
    values = {figure.name: figure.value for figure in found.quote}
    exact, refit = (values.get(f"ease: milliseconds to {what}, cost") for what in ("forget a user", "fit again"))
    nearly, again = (values.get(f"bpr: seconds to {what}, cost") for what in ("forget a user", "train again"))
    if exact is None or refit is None or nearly is None or again is None:
        return []
    text = "Forgetting one user (strop forget): by EASE exactly, by BPR nearly, each against training again"
    milliseconds = (f"{value:,.0f} ms" for value in (exact, refit, 1000 * nearly, 1000 * again))
    return [Advice(text, "{} against {}; {} against {} of CPU".format(*milliseconds))]


def _time(found: "Found", data: Split) -> list[Advice]:
    if data.train.times is None:
        return [Advice("Without times no split by time is possible: figures from random splits flatter", level="note")]
    days, silence, together = (figure.value or 0.0 for figure in found.clock)
    lines = []
    if silence > 7 and silence > 0.05 * days:
        lines.append(
            Advice(
                "The log falls silent for long: was something not recorded?",
                f"{silence:.0f} of {days:.0f} days",
                "warn",
            )
        )
    if together > 0.5:
        lines.append(
            Advice(
                "Most clicks share their second with another of the same user: pages of answers, or a script",
                f"{together:.0%}",
            )
        )
    return lines
