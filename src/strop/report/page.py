"""What does a person read? One HTML page that holds everything: words first, then figures, no script, no request."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strop.errors import StropError
from strop.records import Arm, Receipt, Result, Table
from strop.report import figures, lines, reliability
from strop.report.store import write_bytes
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
    setting,
)

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
COLUMNS = 6  # figures side by side in a table
TONES = {"holds": "good", "mechanism shown": "good", "not here": "bad", "not shown": "bad"}


def render(result: Result | Receipt) -> str:
    """The page as text; S401 where the extra "report" is not installed."""
    environment = _environment()
    if isinstance(result, Receipt):
        return environment.get_template("receipt.html").render(**_receipt(result))
    return environment.get_template("page.html").render(**_result(result))


def _in_words(table: Table) -> set[int]:
    """Columns that hold words: they stand to the left, numbers to the right."""
    numeric = "0123456789.,-%"
    return {n for row in table.rows for n, value in enumerate(row) if value.strip(numeric)}


def write(result: Result | Receipt, path: str | Path) -> Path:
    """Writes the page in one step; S401 without the extra, S501 disk full, S503 not writable."""
    return write_bytes(render(result).encode("utf-8"), path)


@cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise StropError("S401", 'the page needs the "report" extra', 'pip install "strop[report]"') from None

    def shown(value: Any) -> Any:
        return value if isinstance(value, Markup) else clean(value)

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    # Drawings escape every word themselves, and the style sheet is ours: only these two pass unescaped.
    environment.globals |= {
        "drawn": Markup,
        "style": "".join((HERE / name).read_text(encoding="utf-8") for name in ("theme.css", "page.css")),
        "cell": cell,
        "direction": direction,
        "exact": exact,
        "p_value": p_value,
        "setting": setting,
        "met": met,
        "tied": _tied,
        "in_words": _in_words,
    }
    return environment


def _tied(words: str) -> str:
    """The words with no break between a number and its percent sign."""
    return words.replace(" %", "\u00a0%")


def _result(result: Result) -> dict[str, Any]:
    arms, names = result.arms, names_of(result.arms)
    alone = tuple(figure_of(arms[0], name) for name in names) if len(arms) == 1 and not result.figures else ()
    pairs = figures.main_tradeoffs(arms) if len(arms) > 1 else []
    return {
        "record": result,
        "facts": _facts(result),
        "tiles": (result.figures or alone)[:4],
        "tradeoffs": [figures.tradeoff(arms, across=across, up=up) for across, up in pairs],
        "exposures": lines.exposure(arms),
        "likes_known": all(len(row) == 5 for arm in arms for row in arm.points),
        "validation": lines.validation(arms),
        "losses": lines.losses(arms),
        "doses": [(curve, drawn) for curve in result.curves if not curve.form and (drawn := lines.dose(curve))],
        "sure": [(curve, drawn) for curve in result.curves if curve.form and (drawn := reliability.panels(curve))],
        "tables": [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)] if not alone else [],
        "columns": partial(_columns, arms),
        "figures": result.figures or alone,
        "forest": figures.forest(result.differences),
        "has_settings": any(arm.settings or arm.cost or arm.trials for arm in arms),
    }


def _columns(arms: Sequence[Arm], names: Sequence[str]) -> dict[str, list[Cell]]:
    return {name: cells([figure_of(arm, name) for arm in arms]) for name in names}


def _facts(result: Result) -> list[str]:
    """What stands above the verdict: the data's name, its counts, the seed."""
    name = [str(result.data["name"])] if "name" in result.data else []
    counts = [
        f"{value:,} {key}"
        for key, value in result.data.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    return [*name, *counts[:3], f"seed {result.seed}"]


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "record": receipt,
        "tone": TONES.get(receipt.verdict, ""),
        "drawing": figures.conditions(receipt),
        "measured": [cell(measured(one)) for one in receipt.conditions],
    }
