"""How far from the base to a reference did each way come? Inline SVG: a panel a reference, a row an arm, with intervals."""

from strop.records import Figure, Recovered
from strop.report import svg
from strop.report.placing import fit
from strop.report.wording import cell

WIDE, ROW, HEAD = 340, 22, 52
NAMES = 136.0  # units for the arms' names


def recovered(found: Recovered, *, style: str = "") -> str:
    """One drawing of all panels, one under the other: 0 is the base, 1 the reference, both as upright lines."""
    values = [v for rows in found.panels.values() for f in rows for v in (f.value, f.low, f.high)]
    across = svg.scale([0.0, 1.0, *values], NAMES + 14, 308)
    parts = [svg.element("rect", {"width": "100%", "height": "100%", "class": "ground"})] if style else []
    parts.append(svg.text(4, 16, fit(found.title, room=330), "t b"))
    top, told = 26.0, []
    for index, (reference, rows) in enumerate(found.panels.items()):
        drawn, words = _panel(reference, rows, found.notes.get(reference, ""), across, top, index)
        parts += drawn
        told.append(words)
        top += HEAD + (ROW * len(rows) + 22 if rows else 16)
    return svg.drawing(WIDE, top, parts, title=found.title, description="; ".join(told), style=style)


def _panel(
    reference: str, rows: tuple[Figure, ...], note: str, across: svg.Scale, top: float, index: int
) -> tuple[list[str], str]:
    parts = [svg.text(4, top + 18, fit(reference, room=330), "t b")]
    if not rows:
        parts.append(svg.text(4, top + 36, fit(note or "no figure", room=330, size=11.5), "t q"))
        return parts, f"{reference}: {note or 'no figure'}"
    first, bottom = top + HEAD, top + HEAD + ROW * (len(rows) - 1) + 14
    parts += svg.across_axis(across, bottom, top=first - 14)
    parts += [
        svg.line(across(1.0), first - 14, across(1.0), bottom, "limit"),
        svg.text(across(0.0), first - 18, "base", "t q", anchor="middle"),
        svg.text(across(1.0), first - 18, "reference", "t q", anchor="middle"),
    ]
    told = []
    for n, figure in enumerate(rows):
        y = first + ROW * n
        value, interval = cell(figure)
        words = f"{figure.name} {value} {interval}".strip()
        told.append(words)
        parts.append(svg.text(NAMES, y + 4, fit(figure.name, room=NAMES), anchor="end"))
        if figure.low is not None and figure.high is not None:
            parts.append(svg.line(across(figure.low), y, across(figure.high), y, f"span c{index % svg.COLOURS}"))
        if figure.value is not None:
            parts.append(svg.marker(across(figure.value), y, index, hint=words))
    return parts, f"{reference}: {', '.join(told)}"
