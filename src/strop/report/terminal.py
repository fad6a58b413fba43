"""What stands in the terminal? The verdict in words, then a table that fits, then what to do about it."""

import unicodedata
from collections.abc import Sequence
from textwrap import wrap

from strop.records import Difference, Figure, Receipt, Result, Table
from strop.report.wording import (
    Cell,
    cell,
    cells,
    clean,
    direction,
    exact,
    figure_of,
    measured,
    met,
    names_of,
    p_value,
    sense,
    shorten,
)

SIGNS = {"good": "+", "warn": "!"}
SHOWN = 5  # rows of a table
BOLD, QUIET, WARN, GOOD, PLAIN = "\033[1m", "\033[2m", "\033[33m", "\033[32m", "\033[0m"


def table(result: Result | Receipt, *, width: int = 80, colour: bool = False) -> str:
    """The result as lines of at most `width` characters (40 at least); control codes only with `colour`."""
    width = max(width, 40)
    blocks = _receipt(result, width) if isinstance(result, Receipt) else _result(result, width)
    lines = [line for block in blocks if block for line in [("", ""), *block]][1:]
    return "\n".join(f"{tone}{line}{PLAIN}" if colour and tone else line for tone, line in lines) + "\n"


Lines = list[tuple[str, str]]  # (tone, text)


def _result(result: Result, width: int) -> list[Lines]:
    return [
        _words(result.verdict, width, tone=BOLD),
        _arms(result, width),
        _figures(result.figures, width),
        _differences(result.differences, width),
        [
            line
            for one in result.advice
            for line in _words(
                f"{one.text} ({one.figure})" if one.figure else one.text,
                width,
                mark=SIGNS.get(one.level, "-"),
                tone={"good": GOOD, "warn": WARN}.get(one.level, ""),
            )
        ],
        *[_table(one, width) for one in result.tables],
        [line for note in result.notes for line in _words(note, width, tone=QUIET)],
        [(QUIET, shorten("definitions: on the page, and `strop explain recall`", width))] if result.definitions else [],
    ]


def _table(table: Table, width: int) -> Lines:
    """The first rows of a table, in columns; the page and the written files have them all."""
    rows = [[shorten(clean(word), width // 3) for word in row] for row in (table.columns, *table.rows[:SHOWN])]
    sizes = [max(_columns(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = _words(f"{table.title}{'. ' + table.note if table.note else ''}", width)
    for place, row in enumerate(rows):
        text = "  ".join(_pad(word, size, left=True) for word, size in zip(row, sizes, strict=True)).rstrip()
        lines.append((QUIET if place == 0 else "", shorten(text, width)))
    left = len(table.rows) - SHOWN
    return lines + ([(QUIET, f"and {left} more on the page")] if left > 0 else [])


def _receipt(receipt: Receipt, width: int) -> list[Lines]:
    judged = []
    for one in receipt.conditions:
        words, outcome = cell(measured(one)), met(one)[0]
        bound = f", threshold {_ascii(exact(one['threshold']))}" if "threshold" in one else ""
        text = f"{outcome or 'not judged'}: {one.get('name', '')}: {_flat(words)}{bound}"
        judged += _words(text, width, mark={"met": "+", "not met": "!"}.get(outcome, "-"))
    return [
        _words(f"{receipt.method}: {receipt.verdict}. {receipt.sentence}", width, tone=BOLD),
        _words(f"claim ({receipt.paper}, scope {receipt.scope}): {receipt.claim}", width),
        judged,
        _figures(receipt.figures, width),
        [line for one in receipt.designs_tried for line in _words(f"tried: {one}", width, tone=QUIET)],
    ]


def _arms(result: Result, width: int) -> Lines:
    """Arms as rows, as many of the main figures as fit, and the names of those that do not; a lone arm line by line."""
    if not result.arms:
        return []
    if len(result.arms) == 1:
        arm = result.arms[0]
        title = _words(f"{arm.name}: {arm.note}" if arm.note else arm.name, width, tone=QUIET)
        return title + _figures([figure_of(arm, name) for name in names_of(result.arms)], width)
    names = [shorten(clean(arm.name), max(10, width // 4)) for arm in result.arms]
    first = max(_columns(name) for name in [*names, "method"])
    kept: list[tuple[str, list[str]]] = []
    left: list[str] = []
    used = first
    for name in names_of(result.arms):
        texts = _column([figure_of(arm, name) for arm in result.arms], name)
        need = 2 + max(_columns(text) for text in texts)
        if left or used + need > width:
            left.append(clean(name))
            continue
        used += need
        kept.append((name, texts))
    rows = [["", "method", *names], *([*texts] for _, texts in kept)]
    lines: Lines = []
    for i in range(len(names) + 2):
        parts = [_pad(rows[0][i], first, left=True)] + [
            _pad(r[i], 2 + max(map(_columns, r)), left=False) for r in rows[1:]
        ]
        line = "".join(parts).rstrip()
        lines += [("" if i > 1 else QUIET, line)] if line else []
    if left:
        lines += _words("not shown for want of width: " + ", ".join(left), width, tone=QUIET)
    notes = [f"{name}: {clean(arm.note)}" for name, arm in zip(names, result.arms) if arm.note]
    return lines + [line for note in notes for line in _words(note, width, tone=QUIET)]


def _column(figures: Sequence[Figure], name: str) -> list[str]:
    """Two header lines, then one text an arm: the value and the longer half of its interval."""
    above, _, below = clean(name).partition(" ")
    bare = [Figure(one.name, one.value) for one in figures]
    halves = [
        Figure(one.name, max(one.high - one.value, one.value - one.low))
        if one.value is not None and one.low is not None and one.high is not None
        else Figure(one.name, None)
        for one in figures
    ]
    both = cells([*bare, *halves])
    values, spreads = both[: len(bare)], both[len(bare) :]
    texts = [
        f"{_ascii(v.value)} ±{s.value}" if half.value is not None else _ascii(v.value)
        for v, s, half in zip(values, spreads, halves)
    ]
    return [above, below, *texts] if below else ["", above, *texts]


def _figures(figures: Sequence[Figure], width: int) -> Lines:
    names = [shorten(clean(one.name), width // 2) for one in figures]
    first = max((_columns(name) for name in names), default=0)
    return [
        line
        for name, one in zip(names, figures)
        for line in _words(
            f"{_pad(name, first, left=True)}  {_flat(cell(one))}{f'  n {one.n:,}' if one.n else ''}", width
        )
    ]


def _differences(differences: Sequence[Difference], width: int) -> Lines:
    """Figure by figure: who minus whom, by how much, and what that says."""
    lines: Lines = []
    for name in dict.fromkeys(one.figure.name for one in differences):
        rows = [one for one in differences if one.figure.name == name]
        words = cells([one.figure for one in rows], sign="+")
        second = max(_columns(_flat(one)) for one in words)
        room = max((width - second - 27) // 2, 8)  # what the figures leave to each of two names
        pairs = [f"{shorten(clean(one.arm), room)} - {shorten(clean(one.baseline), room)}" for one in rows]
        first = max(_columns(pair) for pair in pairs)
        lines += _words(f"difference in {name}, {direction(name)}", width, tone=QUIET)
        for pair, word, one in zip(pairs, words, rows):
            p = f"p {p_value(one.p)}" if one.p is not None else ""
            text = f"{_pad(pair, first, left=True)}  {_pad(_flat(word), second, left=True)}  {p:8s} {sense(one)}"
            lines += [("", text.rstrip())] if _columns(text.rstrip()) <= width else _words(text, width)
    return lines


def _flat(words: Cell) -> str:
    return _ascii(f"{words.value} {words.interval}".strip())


def _ascii(text: str) -> str:
    return text.replace("−", "-")


def _words(text: str, width: int, *, tone: str = "", mark: str = "") -> Lines:
    """The text cleaned and wrapped, continuation lines set in."""
    start = f"{mark} " if mark else ""
    lines = wrap(clean(text), width, initial_indent=start, subsequent_indent=" " * len(start)) if text else []
    return [(tone, line) for line in lines]


def _columns(text: str) -> int:
    return sum(
        2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1 for one in text
    )


def _pad(text: str, columns: int, *, left: bool) -> str:
    room = " " * (columns - _columns(text))
    return text + room if left else room + text
