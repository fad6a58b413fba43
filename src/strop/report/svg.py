"""How is a drawing put together? Escaped elements, linear scales with round ticks, and the axes they make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from zlib import crc32

from strop.report.wording import clean, number, places

SHAPES = ("circle", "square", "diamond", "triangle")
COLOURS = 8
NOTHING = 1e-9  # what is nearer to zero, or to its neighbour, is drawn as the same


@dataclass(frozen=True)
class Scale:
    """A straight line from values [low, high] to drawing units [start, stop], with its ticks."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    @property
    def cut(self) -> bool:
        """Whether zero is off the axis, which the reader has to be told."""
        return not self.low <= 0 <= self.high


def scale(
    values: Iterable[float | None], start: float, stop: float, *, wanted: int = 4, least_step: float = 0.0
) -> Scale:
    """A scale with about `wanted` round steps that covers the values; zero is on it where it is near."""
    known = [value for value in values if value is not None and isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    size = max(abs(low), abs(high))
    if 0 < low <= high / 3:
        low = 0.0
    if low / 3 <= high < 0:
        high = 0.0
    if size < NOTHING:
        low, high = 0.0, 1.0
    elif high - low < NOTHING * size:
        low, high = low - 0.1 * size, high + 0.1 * size
    step = max(_round_step((high - low) / wanted), least_step)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, stop, ticks)


def _round_step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(unit * power for unit in (1, 2, 5, 10) if unit * power >= rough * (1 - 1e-9))


def element(name: str, attributes: Mapping[str, object], *children: str) -> str:
    """One element; attribute values are escaped here, children are elements or escaped text already."""
    inside = "".join(f' {key}="{escape(_unit(value))}"' for key, value in attributes.items())
    return f"<{name}{inside}>{''.join(children)}</{name}>" if children else f"<{name}{inside}/>"


def _unit(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else clean(value)


def text(x: float, y: float, words: object, kind: str = "t", *, anchor: str = "start") -> str:
    """Escaped words with their baseline at y."""
    where: dict[str, object] = {"x": float(x), "y": float(y), "class": kind}
    if anchor != "start":
        where["text-anchor"] = anchor
    return element("text", where, escape(clean(words)) or " ")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return element("line", {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2), "class": kind})


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False) -> str:
    """A line through the points, closed to an area on request."""
    steps = " ".join(f"{'L' if i else 'M'}{_unit(float(x))} {_unit(float(y))}" for i, (x, y) in enumerate(points))
    return element("path", {"d": steps + (" Z" if closed else ""), "class": kind})


def marker(x: float, y: float, index: int, *, hint: str = "") -> str:
    """The mark of the arm with that index: its colour and its shape, so that neither alone has to be told apart."""
    kind: dict[str, object] = {"class": f"m c{index % COLOURS}"}
    title = [element("title", {}, escape(clean(hint)))] if hint else []
    shape = SHAPES[(index + index // COLOURS) % len(SHAPES)]
    if shape == "circle":
        return element("circle", {"cx": float(x), "cy": float(y), "r": 4.2} | kind, *title)
    if shape == "square":
        return element("rect", {"x": x - 3.8, "y": y - 3.8, "width": 7.6, "height": 7.6} | kind, *title)
    corners = [(0.0, -5.2), (5.2, 0.0), (0.0, 5.2), (-5.2, 0.0)]
    if shape == "triangle":
        corners = [(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)]
    around = " ".join(f"{_unit(float(x + dx))},{_unit(float(y + dy))}" for dx, dy in corners)
    return element("polygon", {"points": around} | kind, *title)


def tick_labels(ticks: Sequence[float], *, percent: bool) -> list[str]:
    """The ticks as text with as many decimals as their step needs."""
    factor, unit = (100, "%") if percent else (1, "")
    step = abs(ticks[1] - ticks[0]) * factor if len(ticks) > 1 else 1.0
    count = min(places([step], digits=1), 8)
    return [number(tick * factor, decimals=count) + unit for tick in ticks]


def down_axis(across: Scale, down: Scale, *, percent: bool = False) -> list[str]:
    """Grid lines and labels of the upright axis."""
    labels = tick_labels(down.ticks, percent=percent)
    return [
        line(across.start, down(tick), across.stop, down(tick), "zero" if tick == 0 else "grid") for tick in down.ticks
    ] + [text(across.start - 6, down(tick) + 4, label, "t q", anchor="end") for tick, label in zip(down.ticks, labels)]


def across_axis(across: Scale, y: float, *, top: float | None = None, percent: bool = False) -> list[str]:
    """The lying axis at height y; grid lines up to `top` where that is given."""
    labels = tick_labels(across.ticks, percent=percent)
    parts = [line(across.start, y, across.stop, y, "axis")]
    for tick, label in zip(across.ticks, labels):
        if top is not None:
            parts.append(line(across(tick), top, across(tick), y, "zero" if tick == 0 else "grid"))
        parts.append(text(across(tick), y + 16, label, "t q", anchor="middle"))
    return parts


def drawing(width: float, height: float, parts: Iterable[str], *, title: str, description: str, style: str = "") -> str:
    """The whole drawing, with what a screen reader tells of it; one with a style stands alone and has a size."""
    body = "".join(parts)
    name = f"g{crc32((title + description + body).encode('utf-8', 'replace')):08x}"
    alone: dict[str, object] = {"width": 1.6 * width, "height": 1.6 * height} if style else {}
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_unit(float(width))} {_unit(float(height))}",
            "role": "img",
            "aria-labelledby": f"{name}-t {name}-d",
        }
        | alone,
        element("title", {"id": f"{name}-t"}, escape(clean(title)) or " "),
        element("desc", {"id": f"{name}-d"}, escape(clean(description)) or " "),
        f"<style>{style}</style>" if style else "",
        body,
    )
