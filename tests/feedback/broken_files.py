"""Sound files of every format, and the changes that break them: each is refused with its code, or on the list of accepted."""

import gzip
import io
import json
import random
from dataclasses import dataclass

import polars as pl

HEADER = ["user_id", "item_id", "rating", "timestamp"]
TYPED = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
NAMES = {  # format -> (file name, separator, header)
    "csv": ("clicks.csv", ",", HEADER),
    "semicolons": ("clicks.csv", ";", HEADER),
    "tsv": ("clicks.tsv", "\t", HEADER),
    "csv.gz": ("clicks.csv.gz", ",", HEADER),
    "recbole": ("clicks.inter", "\t", TYPED),
    "u.data": ("u.data", "\t", None),
    "ratings.dat": ("ratings.dat", "::", None),
    "jsonl": ("clicks.jsonl", "", HEADER),
    "jsonl.gz": ("clicks.jsonl.gz", "", HEADER),
    "lightgcn": ("train.txt", " ", None),
    "matrix": ("train.ascii", " ", None),
    "parquet": ("clicks.parquet", "", HEADER),
}
TABLES = ("csv", "semicolons", "tsv", "csv.gz", "recbole", "u.data", "ratings.dat")
QUOTED = ("csv", "semicolons", "tsv", "csv.gz")
JSON = ("jsonl", "jsonl.gz")
ROWS = (*TABLES, *JSON)
TEXT = tuple(name for name in NAMES if name != "parquet")
PLAIN = tuple(name for name in TEXT if not name.endswith(".gz"))


@dataclass
class Draft:
    """A sound file of some format, and what a mutator makes of it: its cells first, then its bytes."""

    form: str
    header: list[str] | None
    rows: list[list]
    data: bytes | None = None

    def bytes(self) -> bytes:
        return self.render() if self.data is None else self.data

    def render(self) -> bytes:
        if self.form == "parquet":
            buffer = io.BytesIO()
            columns = {name: [row[i] for row in self.rows] for i, name in enumerate(self.header)}
            pl.DataFrame(columns, strict=False).write_parquet(buffer)
            return buffer.getvalue()
        if self.form in JSON:
            text = "".join(json.dumps(dict(zip(self.header, row, strict=False))) + "\n" for row in self.rows)
        else:
            mark = NAMES[self.form][1]
            lines = ([self.header] if self.header else []) + self.rows
            text = "".join(mark.join(map(str, line)) + "\n" for line in lines)
        return text.encode()


def sound(form: str, rng: random.Random) -> Draft:
    """10 users, 12 items, 30 clicks; LightGCN's lists and the matrix hold the same pairs."""
    pairs = sorted([*rng.sample([(u, i) for u in range(10) for i in range(12)], 30), (10, 1), (11, 2)])
    if form == "lightgcn":
        lists = [[u, *(i for v, i in pairs if v == u)] for u in range(12)]
        return Draft(form, None, [*lists, [12, 1, 2, 3]])
    if form == "matrix":
        return Draft(form, None, [[rng.randint(1, 5) if (u, i) in pairs else 0 for i in range(12)] for u in range(12)])
    rng.shuffle(pairs)
    rows = [[u + 1, i + 100, rng.randint(1, 5), 880_000_000 + rng.randrange(10**7)] for u, i in pairs]
    return Draft(form, NAMES[form][2] and list(NAMES[form][2]), rows)


def cell(column: int, value):
    def change(draft: Draft, rng: random.Random) -> None:
        rng.choice(draft.rows)[column] = value

    return change


def whole(change):
    """A change of all bytes."""

    def apply(draft: Draft, rng: random.Random) -> None:
        draft.data = change(draft.bytes(), rng)

    return apply


def some_line(change):
    """A change of one line of the bytes, never the first."""

    def apply(draft: Draft, rng: random.Random) -> None:
        lines = (draft.bytes()).split(b"\n")
        place = rng.randrange(1, len(lines) - 1)
        lines[place] = change(lines[place], rng)
        draft.data = b"\n".join(lines)

    return apply


def short_row(draft, rng):
    rng.choice(draft.rows[1:]).pop()


def long_row(draft, rng):
    rng.choice(draft.rows[1:]).append(7)


def no_header(draft, rng):
    draft.header = None


def no_column(draft, rng):
    place = draft.header.index(rng.choice(draft.header[:2]))
    draft.header.pop(place)
    for row in draft.rows:
        row.pop(place)


def wrong_type(draft, rng):
    place = rng.randrange(4)
    draft.header[place] = draft.header[place].replace("token", "tokn").replace("float", "flot")


def swapped_columns(draft, rng):
    for row in [draft.header, *draft.rows]:
        row[0], row[1] = row[1], row[0]


def extra_column(draft, rng):
    for row, value in zip([draft.header, *draft.rows], ["title", *"x" * len(draft.rows)], strict=True):
        row.append(value)


def twice(draft, rng):
    draft.rows.append(list(rng.choice(draft.rows)))


def other_order(draft, rng):
    rng.shuffle(draft.rows)


def all_times(factor):
    def change(draft, rng):
        for row in draft.rows:
            row[3] = int(row[3]) * factor

    return change


def deep(line, rng):
    return b'{"user_id": 1, "item_id": 2, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"


def stray_bytes(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def cut(data, rng):
    return data[: rng.randrange(1, len(data))]


def packed_cut(data, rng):
    return gzip.compress(data, mtime=0)[: rng.randrange(20, 60)]


def spliced(data, rng):
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:b] + data[a:]


REFUSED = [  # mutator, formats, codes it may end in, whether a row is named
    ("rating abc", cell(2, "abc"), ROWS, {"S203"}, True),
    ("rating yes", cell(2, "yes"), ROWS, {"S203"}, True),
    ("rating empty", cell(2, ""), ROWS, {"S203"}, True),
    ("rating NaN", cell(2, "NaN"), ROWS, {"S203"}, True),
    ("rating inf", cell(2, "inf"), ROWS, {"S203"}, True),
    ("rating 1e400", cell(2, "1e400"), ROWS, {"S203"}, True),
    ("rating nan in binary", cell(2, float("nan")), ("parquet",), {"S203"}, True),
    ("rating of 40 digits", cell(2, "9" * 40), ROWS, {"S203"}, True),
    ("rating 3,5", cell(2, "3,5"), ("semicolons", "tsv", "u.data", *JSON), {"S203"}, True),
    ("rating list", cell(2, [3]), JSON, {"S203"}, True),
    ("user empty", cell(0, ""), TABLES, {"S210"}, True),
    ("item empty", cell(1, "  "), (*TABLES, *JSON), {"S210"}, True),
    ("user null", cell(0, None), (*JSON, "parquet"), {"S210"}, True),
    ("user object", cell(0, {"id": 1}), JSON, {"S205"}, True),
    ("user true", cell(0, True), JSON, {"S210"}, True),
    ("user very long", cell(0, "x" * 300), ROWS, {"S211"}, True),
    ("user with a bell", cell(0, "a\x07"), ROWS, {"S211"}, True),
    ("time abc", cell(3, "soon"), ROWS, {"S203"}, True),
    ("time in milliseconds, one row", cell(3, 880_000_000_000), (*ROWS, "parquet"), {"S213"}, True),
    ("time a date, one row", cell(3, "1998-01-01"), ROWS, {"S213"}, True),
    ("time below 0", cell(3, -5), (*ROWS, "parquet"), {"S213"}, True),
    ("time of 30 digits", cell(3, "8" * 30), ROWS, {"S213"}, True),
    ("short row", short_row, TABLES, {"S205"}, True),
    ("short row", short_row, ("matrix",), {"S205"}, True),
    ("long row", long_row, (*TABLES, "matrix"), {"S205"}, True),
    ("key missing", lambda d, r: d.rows[5].__delitem__(slice(1, None)), JSON, {"S210"}, True),
    ("no column", no_column, (*QUOTED, "recbole", *JSON, "parquet"), {"S204"}, False),
    ("wrong type suffix", wrong_type, ("recbole",), {"S204"}, True),
    ("word in a list", lambda d, r: r.choice(d.rows).append("x7"), ("lightgcn",), {"S203"}, True),
    ("negative position", lambda d, r: r.choice(d.rows).append(-1), ("lightgcn",), {"S203"}, True),
    ("nan in a matrix", cell(3, "nan"), ("matrix",), {"S203"}, True),
    ("empty file", whole(lambda d, r: b""), tuple(NAMES), {"S202", "S207"}, False),
    ("header only", lambda d, r: d.rows.clear(), (*QUOTED, "recbole", "parquet"), {"S202"}, False),
    ("NUL", some_line(lambda x, r: x[:2] + b"\0" + x[2:]), PLAIN, {"S206"}, True),
    ("latin-1", some_line(lambda x, r: "é".encode("latin-1") + x), PLAIN, {"S206"}, True),
    ("lone surrogate", some_line(lambda x, r: b"\xed\xa0\x80" + x), PLAIN, {"S206"}, True),
    ("UTF-16", whole(lambda d, r: d.decode().encode("utf-16")), PLAIN, {"S206"}, True),
    ("UTF-16 without its mark", whole(lambda d, r: d.decode().encode("utf-16-le")), PLAIN, {"S206"}, True),
    ("bare carriage return", some_line(lambda x, r: x + b"\r\r"), TABLES[:3], {"S205"}, True),
    ("unclosed quote", some_line(lambda x, r: b'"' + x), QUOTED[:3], {"S205"}, True),
    ("quote inside a cell", some_line(lambda x, r: b'5" nail' + x), QUOTED[:3], {"S205"}, True),
    ("deep JSON", some_line(deep), ("jsonl",), {"S205"}, True),
    ("surrogate in JSON", some_line(lambda x, r: b'{"user_id": "\\ud800", "item_id": 1}'), ("jsonl",), {"S205"}, True),
    ("JSON cut", some_line(lambda x, r: x[: len(x) // 2]), ("jsonl",), {"S205"}, True),
    ("JSON with more behind", some_line(lambda x, r: x + b"}"), ("jsonl",), {"S205"}, True),
    ("JSON number", some_line(lambda x, r: b"42"), ("jsonl",), {"S205"}, True),
    ("truncated gzip", whole(packed_cut), TEXT, {"S207"}, False),
    ("truncated parquet", whole(cut), ("parquet",), {"S207"}, False),
    ("parquet of zeros", whole(lambda d, r: d[:4] + bytes(len(d) - 8) + d[-4:]), ("parquet",), {"S207"}, False),
]  # fmt: skip
# Accepted, and why: what a file may hold without an error. "same": the clicks are those of the sound file.
ACCEPTED = [
    ("byte order mark", whole(lambda d, r: b"\xef\xbb\xbf" + d), PLAIN, "same", "dropped: editors write it"),
    ("CRLF", whole(lambda d, r: d.replace(b"\n", b"\r\n")), PLAIN, "same", "both line ends are lines"),
    ("CRLF in some lines", some_line(lambda x, r: x + b"\r"), PLAIN, "same", "both line ends are lines"),
    ("no line end at the end", whole(lambda d, r: d.removesuffix(b"\n")), PLAIN, "same", "the last line counts"),
    ("blank lines", some_line(lambda x, r: b"\n\n" + x), PLAIN, "same", "a blank line is no row"),
    ("gzip", whole(lambda d, r: gzip.compress(d, mtime=0)), TEXT, "same", "told by its first bytes, whatever the name"),
    ("cells quoted", some_line(lambda x, r: b'"' + x.replace(b",", b'","') + b'"'), ("csv",), "same", "csv's own rule"),
    ("spaces around cells", some_line(lambda x, r: x.replace(b",", b" , ")), ("csv",), "same", "never part of a name"),
    ("other order of rows", other_order, (*ROWS, "parquet", "lightgcn"), "same", "rows are sorted"),
    ("other order of columns", swapped_columns, (*QUOTED, "recbole", *JSON), "same", "told by their names"),
    ("extra column", extra_column, (*QUOTED, "parquet"), "same", "not read, and that is said"),
    ("row twice", twice, (*ROWS, "parquet"), "same", "merged, counted and said"),
    ("keys twice", some_line(lambda x, r: x[:-1] + b", " + x[1:]), ("jsonl",), "same", "the last counts, as in JSON readers"),
    ("times in milliseconds", all_times(1000), (*ROWS, "parquet"), "same", "all rows agree; said"),
    ("times in microseconds", all_times(10**6), (*ROWS, "parquet"), "same", "all rows agree; said"),
    ("times in nanoseconds", all_times(10**9), (*ROWS, "parquet"), "same", "all rows agree; said"),
    ("no header", no_header, QUOTED, "same", "integers: user, item, rating, time by place; said"),
    ("another user", cell(0, "x" * 200), TABLES, "other", "a name of any letters: all names are text then"),
    ("user of 30 digits", cell(0, "9" * 30), TABLES, "other", "too large for an integer: all names are text then"),
    ("item with leading zeros", cell(1, "007"), TABLES, "other", "not the integer 7: all names are text then"),
    ("rating out of its scale", cell(2, 1e30), ROWS, "other", "the scale is not known"),
    ("shorter list", short_row, ("lightgcn",), "other", "a user may have any number of items, none too"),
    ("time 0", cell(3, 0), ROWS, "other", "1970-01-01 is a time"),
]  # fmt: skip
# Changed at random: what is left may be sound (a digit for a digit), so only the kind of answer is checked.
RANDOM = [
    ("a byte", whole(stray_bytes)),
    ("cut", whole(cut)),
    ("spliced", whole(spliced)),
    ("gzip with a byte", whole(lambda d, r: stray_bytes(gzip.compress(d, mtime=0), r))),
]
