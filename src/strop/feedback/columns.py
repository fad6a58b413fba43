"""Which column is the user, the item, the rating, the time?"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strop.errors import StropError, suggestion

ROLES = ("user", "item", "rating", "time")
THINGS = """asin movie movieid product productid sku video videoid business businessid track trackid song songid artist
artistid book bookid isbn article articleid game gameid app appid recipeid gmapid anime animeid newsid itemindex"""
# Names as they are usual, without case and punctuation; a row of the table is preferred to those below it.
USUAL: dict[str, tuple[tuple[str, ...], ...]] = {
    "user": (
        ("user", "userid", "uid"),
        ("customer", "customerid", "reviewerid", "visitorid", "memberid", "accountid", "buyerid", "userindex"),
        ("username", "customername"),
    ),
    "item": (
        ("item", "itemid", "iid"),
        ("parentasin",),
        tuple(THINGS.split()),
    ),
    "rating": (
        ("rating", "ratings", "stars", "overall"),
        ("score", "watchratio"),
        ("weight", "playcount", "plays", "listencount", "count"),
    ),
    "time": (
        ("timestamp",),
        ("unixtime", "unixreviewtime", "time", "timems"),
        ("datetime", "date", "createdat", "eventtime", "reviewtime", "ts"),
    ),
}
ASIN = re.compile(r"^(B0[0-9A-Z]{8}|\d{9}[\dX])$")
DATE = re.compile(r"^\d{4}-\d\d-\d\d")
SOONEST = 1e8  # numbers above it are taken for times where no header tells: 1973 in seconds
MOST = 0.8  # share of the sample's cells that must agree


@dataclass(frozen=True)
class Wanted:
    """What the caller said of the columns: a name (a number from 1 where there is no header), "none", or None."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None

    def given(self) -> dict[str, str]:
        """The roles that were named."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role) not in (None, "none")}

    def unwanted(self) -> set[str]:
        """The roles that are to be left out."""
        return {role for role in ROLES if getattr(self, role) == "none"}


def plain(name: str) -> str:
    """A column's name without case and punctuation: "userId" and "user_id" are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def has_header(first: Sequence[str], others: Sequence[Sequence[str]], wanted: Wanted, file: str) -> bool:
    """Whether the first row names the columns. Errors: S204 with a question where it cannot be told."""
    given = list(wanted.given().values())
    if any(name in first for name in given):
        return True
    if given and all(name.isdigit() for name in given):
        return False
    usual = {name for role in ("user", "item") for tier in USUAL[role] for name in tier}
    if any(plain(cell) in usual for cell in first):
        return True
    for place, cell in enumerate(first):
        below = [row[place] for row in others if place < len(row)]
        numeric = sum(_number(c) is not None for c in below) >= MOST * max(1, len(below))
        if below and numeric:
            return _number(cell) is None
    if given or any(_number(cell) is not None for cell in first):
        return bool(given)
    raise StropError(
        "S204",
        f"is the first row ({', '.join(first[:4])}) a header?",
        f"if it is: --user {first[0]!r} --item NAME; if it is not: --user 1 --item 2 (columns by number)",
        file,
        1,
    )


def find(header: Sequence[str], wanted: Wanted, file: str) -> dict[str, int]:
    """Role -> place of its column, from named columns first and then usual names. Errors: S204, with a suggestion."""
    found: dict[str, int] = {}
    for role, name in wanted.given().items():
        places = [i for i, column in enumerate(header) if column == name]
        if len(places) != 1:
            what = f"{len(places)} columns are called" if places else "no column"
            near = "" if places else suggestion(name, list(header))
            raise StropError(
                "S204", f'{what} "{name}"{near}', "the columns are: " + ", ".join(header[:20]), file, column=name
            )
        found[role] = places[0]
    for role in ROLES:
        if role not in found and role not in wanted.unwanted():
            place = _usual(header, role, set(found.values()), file)
            if place is not None:
                found[role] = place
    _need_both(found, header, file)
    return found


def _usual(header: Sequence[str], role: str, taken: set[int], file: str) -> int | None:
    for tier in USUAL[role]:
        places = [i for i, name in enumerate(header) if plain(name) in tier and i not in taken]
        if len(places) > 1 and role in ("user", "item"):
            both = " and ".join(f'"{header[i]}"' for i in places[:3])
            raise StropError(
                "S204", f"which one is the {role}: {both}?", f"--{role} NAME", file, column=header[places[0]]
            )
        if places:
            return min(places, key=lambda i: tier.index(plain(header[i])))
    return None


def _need_both(found: dict[str, int], header: Sequence[str], file: str) -> None:
    missing = [role for role in ("user", "item") if role not in found]
    if missing:
        flags = " ".join(f"--{role} NAME" for role in missing)
        raise StropError(
            "S204",
            f"no column looks like the {' or the '.join(missing)}",
            f"{flags}; the columns are: " + ", ".join(header[:20]),
            file,
        )
    if found["user"] == found["item"]:
        raise StropError("S204", "the user and the item are the same column", "--user NAME --item NAME", file)


def guess(rows: Sequence[Sequence[str]], wanted: Wanted, file: str, *, known: bool) -> tuple[dict[str, int], str]:
    """Role -> place in a table without a header, and how that was told. Errors: S204 with a question.

    known: a format whose columns are user, item, rating and time by definition.
    """
    width = len(rows[0])
    given = wanted.given()
    if given:
        for role, number in given.items():
            if not (number.isdigit() and 1 <= int(number) <= width):
                raise StropError(
                    "S204",
                    f'no column "{number}"',
                    f"the file has no header: name columns by number, 1 to {width}",
                    file,
                    column=role,
                )
        found = {role: int(number) - 1 for role, number in given.items()}
        _need_both(found, [str(i + 1) for i in range(width)], file)
        return found, "columns by number"
    ask = StropError(
        "S204",
        f"the file has no header and {width} columns: which one is the user?",
        "name them by number: --user 1 --item 2 (and --rating 3 --time 4)",
        file,
        1,
    )
    if not 2 <= width <= 4:
        raise ask
    if known:
        found = {role: place for place, role in enumerate(ROLES[:width]) if role not in wanted.unwanted()}
        return found, "user, item, rating, time by place"
    columns = [[row[i].strip() for row in rows if i < len(row)] for i in range(width)]
    found, reason = _guess_names(columns[0], columns[1], ask)
    for place in range(2, width):
        kind = _guess_value(columns[place])
        if kind is None or kind in found:
            raise ask
        found[kind] = place
    return {role: place for role, place in found.items() if role not in wanted.unwanted()}, reason


def _share(cells: Sequence[str], test: Callable[[str], object]) -> bool:
    return sum(bool(test(cell)) for cell in cells) >= MOST * len(cells)


def _guess_names(first: Sequence[str], second: Sequence[str], ask: StropError) -> tuple[dict[str, int], str]:
    asin = [_share(cells, ASIN.match) for cells in (first, second)]
    if asin == [True, False]:
        return {"user": 1, "item": 0}, "column 1 looks like product numbers (ASIN), so it is the item"
    if asin == [False, True]:
        return {"user": 0, "item": 1}, "column 2 looks like product numbers (ASIN), so it is the item"
    if all(_share(cells, lambda c: c.lstrip("-").isdigit()) for cells in (first, second)):
        return {"user": 0, "item": 1}, "the first column is taken for the user, the second for the item"
    raise ask


def _guess_value(cells: Sequence[str]) -> str | None:
    if _share(cells, DATE.match):
        return "time"
    numbers = [_number(cell) for cell in cells]
    if sum(n is not None for n in numbers) < MOST * len(cells):
        return None
    return "time" if _share(cells, lambda c: (_number(c) or 0) > SOONEST) else "rating"
