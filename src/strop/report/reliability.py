"""Is it as sure as it is right, how much can be kept, when is it worth looking things up? Inline SVG, shares on both axes."""

from collections.abc import Mapping, Sequence
from math import ceil

from strop.records import DoseCurve, Figure
from strop.report import svg
from strop.report.placing import fit, width
from strop.report.wording import number

WIDE, NARROW, LETTER = 340, 260, 12.0
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COLUMN = 15.0  # units across: a tenth of the axis, less a gap
HIGH, ACROSS = 308, 3  # units of a panel, panels in a row
GROUND = svg.element("rect", {"width": "100%", "height": "100%", "class": "ground"})
STRIP = 34.0  # units up, for the columns of how many there are
Points = Sequence[tuple[float, Figure]]


def panels(curve: DoseCurve) -> list[str]:
    """The drawings of a curve by its form; nothing where no point is known."""
    shown = _shown(curve)
    if curve.form == "reliability":
        return [
            svg.drawing(NARROW, HIGH, parts, title=f"{name}: {curve.title}", description=told)
            for name, parts, told in _panels(shown, curve)
        ]
    return [_shares(shown, curve)] if shown else []


def alone(curve: DoseCurve, *, style: str) -> str:
    """One drawing that stands alone, panels side by side, at most ACROSS in a row; "" where no point is known."""
    shown = _shown(curve)
    if not shown or curve.form != "reliability":
        return _shares(shown, curve, style=style) if shown else ""
    found = _panels(shown, curve)
    moved = [
        svg.element("g", {"transform": f"translate({NARROW * (i % ACROSS)} {HIGH * (i // ACROSS)})"}, *parts)
        for i, (_, parts, _) in enumerate(found)
    ]
    return svg.drawing(
        NARROW * min(len(found), ACROSS),
        HIGH * -(-len(found) // ACROSS),
        [GROUND, *moved],
        title=curve.title,
        description="; ".join(f"{name}: {told}" for name, _, told in found),
        style=style,
    )


def _panels(shown: Mapping[str, Points], curve: DoseCurve) -> list[tuple[str, list[str], str]]:
    return [(name, *_panel(name, points, i, curve)) for i, (name, points) in enumerate(shown.items())]


def _shown(curve: DoseCurve) -> dict[str, Points]:
    """The lines with a known point, and of those the known ones."""
    known = {name: [(x, one) for x, one in points if one.value is not None] for name, points in curve.lines.items()}
    return {name: points for name, points in known.items() if points}


def _panel(name: str, points: Points, index: int, curve: DoseCurve) -> tuple[list[str], str]:
    """Parts and words of one confidence: what it says to the right, how often that is right upwards, and below how many there are."""
    across = svg.Scale(0.0, 1.0, 44, 234, TICKS)
    up = svg.Scale(0.0, 1.0, 224, 48, TICKS)
    colour = f"c{index % svg.COLOURS}"
    parts = [
        svg.text(2, 14, fit(name, room=250), "t b"),
        *svg.down_axis(across, up),
        *svg.across_axis(across, up.start, top=up.stop),
        svg.line(across(0.0), up(0.0), across(1.0), up(1.0), "zero"),
        svg.text(4, 32, fit(f"↑ {curve.up}", room=240), "t q"),
        svg.text(across.stop, 258, f"{fit(curve.dose, room=180)} →", "t q", anchor="end"),
    ]
    total = sum(one.n for _, one in points)
    for x, one in points if total else ():
        high = STRIP * one.n / max(other.n for _, other in points)
        tenth = max(ceil(10 * x - 1e-9), 1) / 10  # (0.2, 0.3] stands below 0.25, wherever its mean is
        left = across(tenth - 0.05) - COLUMN / 2
        box = {"x": left, "y": 302 - high, "width": COLUMN, "height": high, "class": "likes"}
        parts.append(svg.element("rect", box, svg.element("title", {}, f"{one.n:,} answers")))
    parts.append(svg.line(across.start, 302, across.stop, 302, "axis"))
    if total:
        largest = max(one.n for _, one in points) / total
        parts.append(svg.text(4, 280, f"{number(100 * largest, decimals=0)}%", "t q"))
    parts.append(svg.path([(across(x), up(one.value or 0.0)) for x, one in points], f"curve {colour}"))
    told = []
    for x, one in points:
        if one.low is not None and one.high is not None:
            parts.append(svg.line(across(x), up(one.low), across(x), up(one.high), f"bar {colour}"))
        told.append(f"says {number(x, decimals=2)}, right {number(one.value, decimals=2)} of {one.n:,}")
        parts.append(svg.marker(across(x), up(one.value or 0.0), index, hint=told[-1]))
    return parts, "; ".join(told)


def _shares(lines: Mapping[str, Points], curve: DoseCurve, *, style: str = "") -> str:
    """Lines over shares from 0 to 1, named in a key above, since they meet where all is kept or looked up."""
    rows = _key(list(lines))
    top = 34.0 + 17 * len(rows)
    across = svg.Scale(0.0, 1.0, 46, 326, TICKS)
    values = [v for points in lines.values() for _, one in points for v in (one.value, one.low, one.high)]
    up = svg.scale(values, top + 176, top)
    parts = [GROUND] if style else []
    parts += [svg.text(4, top - 14, fit(f"↑ {curve.up}", room=250) + (" (axis cut)" if up.cut else ""), "t q")]
    for row, entries in enumerate(rows):
        for x, i, words in entries:
            parts += [svg.marker(x + 5, 10 + 17 * row, i), svg.text(x + 14, 14 + 17 * row, words)]
    parts += [*svg.down_axis(across, up), *svg.across_axis(across, up.start)]
    parts.append(svg.text(across.stop, up.start + 34, f"{fit(curve.dose, room=280)} →", "t q", anchor="end"))
    told = []
    for i, (name, points) in enumerate(lines.items()):
        colour = f"c{i % svg.COLOURS}"
        for x, one in points:
            if one.low is not None and one.high is not None and i == 0:
                parts.append(svg.line(across(x), up(one.low), across(x), up(one.high), f"bar {colour}"))
        parts.append(svg.path([(across(x), up(one.value or 0.0)) for x, one in points], f"curve {colour}"))
        for x, one in _marked(points):
            parts.append(
                svg.marker(across(x), up(one.value or 0.0), i, hint=f"{name}: {number(one.value)} at {number(x)}")
            )
        ends = [f"{number(one.value)} at {number(x)}" for x, one in (points[0], points[-1])]
        told.append(f"{name}: {ends[0]} to {ends[1]}")
    return svg.drawing(WIDE, up.start + 42, parts, title=curve.title, description="; ".join(told), style=style)


def _marked(points: Points) -> Points:
    """At most five of the points, the first among them, so that the marks tell the lines apart and do not hide them."""
    step = max(1, len(points) // 4)
    return points[::step]


def _key(names: list[str]) -> list[list[tuple[float, int, str]]]:
    """(x, index, words) of each name, row by row, as many in a row as fit."""
    rows: list[list[tuple[float, int, str]]] = [[]]
    x = 4.0
    for i, name in enumerate(names):
        words = fit(name, room=150)
        room = 14 + width(words, size=LETTER) + 14
        if x + room > WIDE and rows[-1]:
            rows.append([])
            x = 4.0
        rows[-1].append((x, i, words))
        x += room
    return rows
