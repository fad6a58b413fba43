"""What `strop list`, `strop explain` and the page of papers print: plain text, at most 100 columns but for links."""

import re
import tomllib
from functools import cache
from textwrap import fill, shorten, wrap
from typing import Any

from strop.catalogue import reading
from strop.catalogue.reading import Parameter, entries, matches

WIDTH = 100
TITLES = {
    "recipe": "Recipes: strop run NAME",
    "model": "Models",
    "loss": "Losses",
    "weight": "Weights",
    "channel": "Channels",
    "metric": "Metrics and intervals",
    "error code": "Error codes",
}


@cache
def papers() -> dict[str, dict[str, Any]]:
    """The bibliography: key -> title, authors, year, link."""
    return tomllib.loads((reading.ROOT / "papers.toml").read_text(encoding="utf-8"))


def cited(text: str) -> list[str]:
    """The keys that a docstring names (a word that ends in a year: bpr2009), in order, known or not."""
    return list(dict.fromkeys(re.findall(r"\b[a-z]\w*(?:19|20)\d\d[a-z]?\b", text)))


def _paper(key: str) -> str:
    paper = papers()[key]
    return f"{paper['title']}. {paper['authors']}, {paper['year']}. {paper['link']}"


def _wrapped(text: str) -> str:
    """At most WIDTH columns: sentences that run over a line are joined, lines that are set in stay as they are."""
    blocks: list[str] = []
    for line in text.splitlines():
        goes_on = bool(blocks) and blocks[-1][-1:] not in ("", ".") and not re.match(r" |$|[\w,]+(?: \w+){0,2}: ", line)
        blocks = [*blocks[:-1], f"{blocks[-1]} {line}"] if goes_on else [*blocks, line]
    return "\n".join(fill(block, WIDTH) if block[:1] != " " else block[:WIDTH] for block in blocks)


def listing() -> str:
    """What `strop list` prints: each name with its first sentence, room by room."""
    rooms = []
    for room, title in TITLES.items():
        inside = [e for e in entries() if e.room == room]
        width = max((len(e.name) for e in inside), default=0)
        lines = [f"  {e.name:<{width}}  {shorten(e.summary, WIDTH - width - 4, placeholder=' ...')}" for e in inside]
        rooms += ["\n".join([title, *lines])] if inside else []
    return "\n\n".join(rooms) + "\n"


def explain(name: str) -> str:
    """What `strop explain NAME` prints, for every entry of that name: text, signature, settings of a recipe, papers."""
    parts = []
    for entry in matches(name):
        lines = [f"{entry.name} ({entry.room}; {entry.place})", "", _wrapped(entry.text)]
        if entry.room == "recipe":
            lines += [
                "",
                *(
                    line
                    for p in entry.parameters[1:]
                    for line in wrap(_keyword(p), WIDTH, initial_indent="  ", subsequent_indent="      ")
                ),
            ]
        elif entry.signature:
            lines += ["", *wrap(entry.signature, WIDTH, initial_indent="  ", subsequent_indent="    ")]
        sources = [fill(f"{key}: {_paper(key)}", WIDTH) for key in cited(entry.text) if key in papers()]
        parts.append("\n".join([*lines, "", *sources] if sources else lines))
    return "\n\n".join(parts) + "\n"


def _keyword(parameter: Parameter) -> str:
    return f"--{parameter.name.replace('_', '-')} {parameter.annotation} = {parameter.default!r}"


def papers_page() -> str:
    """docs/papers.md: the bibliography by year, each paper with what in the house rests on it."""
    lines = [
        "# Papers\n",
        "Made from `papers.toml` and the docstrings. What has no paper says so: `strop explain NAME`.\n",
    ]
    for key in sorted(papers(), key=lambda key: (papers()[key]["year"], key)):
        used = ", ".join(f"`{e.name}` ({e.room})" for e in entries() if key in cited(e.text))
        lines.append(f"- **{key}** {_paper(key)}" + (f" Used by {used}." if used else ""))
    return "\n".join(lines) + "\n"
