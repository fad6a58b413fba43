"""What are the items called?"""

import csv
from pathlib import Path

from strop.errors import StropError
from strop.feedback import stream
from strop.feedback.columns import USUAL, plain
from strop.feedback.formats import is_typed, resolve


def read_titles(path: str | Path) -> dict[str, str]:
    """Item -> title, from a file of items: csv or tsv with a header, RecBole's .item, MovieLens u.item and movies.dat.

    Items are named by their text ("242"), whatever the type of the clicks' names. A file that is not UTF-8 is read as
    latin-1. Errors: S201 unreadable, S202 empty, S204 no column for item or title, S206 not text.
    """
    path = Path(path)
    with stream.reading(path):
        path = resolve(path)
        lines = stream.sample(path, encoding="utf-8", size=1 << 30)
    text = [line for line in lines if line]
    if any("\ufffd" in line for line in text):
        text = stream.sample(path, encoding="latin-1", size=1 << 30)
    first = text[0]
    mark = next((m for m in ("::", "\t", "|", ",", ";") if m in first), ",")
    if mark == "::" or (mark == "|" and first.split("|")[0].isdigit()):
        rows = [line.split(mark) for line in text]
        return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}
    try:
        if is_typed(first.split(mark)):
            header, *rows = [line.split(mark) for line in text]
        else:
            header, *rows = csv.reader(text, delimiter=mark)
    except csv.Error as error:
        raise StropError("S205", f"rows that cannot be read: {error}", "", str(path)) from None
    names = [plain(name.partition(":")[0]) for name in header]
    usual = {name for tier in USUAL["item"] for name in tier} | {"id"}
    items = [place for place, name in enumerate(names) if name in usual]
    titles = [place for place, name in enumerate(names) if name.endswith(("title", "name"))]
    if not items or not titles:
        what = "item" if not items else "title"
        raise StropError("S204", f"no column looks like the {what}", "columns: " + ", ".join(header[:20]), str(path), 1)
    item, title = items[0], titles[0]
    return {row[item].strip(): row[title].strip() for row in rows if len(row) > max(item, title)}
