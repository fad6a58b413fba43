"""Where does a label go so that it can be read? Near its point, inside the drawing, on top of no other label."""

import unicodedata
from collections.abc import Iterator, Sequence
from math import hypot
from typing import NamedTuple

from strop.report.wording import clean

ROOM = 2.0  # units kept free around a marker
STEPS = (8.0, 14.0, 22.0, 34.0, 48.0, 66.0, 90.0)
SIDES = ((1, 0), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1), (0, -1), (0, 1))


class Box(NamedTuple):
    """A rectangle of the drawing; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share an area."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: "Box") -> bool:
        """Whether this one lies in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def width(text: str, *, size: float) -> float:
    """About how wide the text is in a sans-serif face of that size; rather too wide than too narrow."""
    return size * sum(_em(one) for one in text)


def fit(text: object, *, room: float, size: float = 12.0) -> str:
    """The text on one line, cut with an ellipsis where it is wider than the room."""
    whole = clean(text)
    if width(whole, size=size) <= room:
        return whole
    end = len(whole)
    while end and width(whole[:end] + "…", size=size) > room:
        end -= 1
    return whole[:end].rstrip() + "…"


def _em(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in "il.,:;'|!()[] ":
        return 0.38
    return 0.8 if letter.isupper() or letter in "mw%@=+—" else 0.62


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Places in [low, high] at least `gap` apart, in the order of the wanted ones and nearest to them by least squares.

    Where they cannot all have the gap, they share the room evenly.
    """
    n = len(wanted)
    if n > 1 and gap * (n - 1) > high - low:
        gap = (high - low) / (n - 1)
    order = sorted(range(n), key=lambda i: wanted[i])
    blocks: list[tuple[float, int]] = []  # (mean, size): neighbours that would overlap move as one
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    top = high - gap * (n - 1)
    flat = [min(max(mean, low), top) for mean, size in blocks for _ in range(size)]
    found = [0.0] * n
    for rank, i in enumerate(order):
        found[i] = flat[rank] + rank * gap
    return found


def place(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    area: Box,
    avoid: Sequence[Box] = (),
) -> list[Box | None]:
    """A box of the given (width, height) for each point: inside the area, over no other box and no marker.

    `avoid` (error bars) is kept clear where a place near the point allows it. None: there was no free place.
    """
    markers = [Box(x - 4 - ROOM, y - 4 - ROOM, x + 4 + ROOM, y + 4 + ROOM) for x, y in points]
    found: list[Box | None] = []
    for (x, y), size in zip(points, sizes, strict=True):
        taken = [*markers, *(box for box in found if box)]
        best, least = None, float("inf")
        for distance, box in _candidates(x, y, size, area):
            if distance >= least or not box.within(area) or any(box.overlaps(one) for one in taken):
                continue
            # A line that runs along the words is worse than one that crosses them.
            cost = distance + sum(28 if one.right > one.left else 12 for one in avoid if box.overlaps(one))
            if cost < least:
                best, least = box, cost
        found.append(best)
    return found


def _candidates(x: float, y: float, size: tuple[float, float], area: Box) -> Iterator[tuple[float, Box]]:
    """(distance, box): first around the point, then every place of the area; a far one costs more than any near one."""
    w, h = size
    for step in STEPS:
        for side, (across, down) in enumerate(SIDES):
            reach = step if not (across and down) else step * 0.8
            left = x + across * reach - (0 if across > 0 else w if across < 0 else w / 2)
            top = y + down * reach - (h / 2 if not down else 0 if down > 0 else h)
            yield step + side * 0.3, Box(left, top, left + w, top + h)
    top = area.top
    while top + h <= area.bottom:
        left = area.left
        while left + w <= area.right:
            yield 100 + hypot(left + w / 2 - x, top + h / 2 - y), Box(left, top, left + w, top + h)
            left += 6
        top += 3
