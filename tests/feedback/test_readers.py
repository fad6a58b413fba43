"""Each format that people have is read to the same table, told aloud, and asked about where it is ambiguous."""

import csv
import gzip
import json

import numpy as np
import polars as pl
import pytest
from feedback_tables import ROWS, expected, found
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strop.errors import StropError
from strop.feedback import readers, table

WORDS = [(f"A{u}", f"B0000000{i:02d}"[:10], r, t) for u, i, r, t in ROWS if i < 100]


def lines(rows, mark, header="", order=(0, 1, 2, 3)):
    return (header + "\n" if header else "") + "".join(mark.join(str(row[c]) for c in order) + "\n" for row in rows)


def quoted(text):
    return "".join(f'"{line}"\n' for line in text.replace(",", '","').splitlines())


def objects(rows, names, factor=1, more=""):
    made = [
        dict(zip(names, (u, i, r, t * factor), strict=True)) | ({"text": more} if more else {}) for u, i, r, t in rows
    ]
    return "".join(json.dumps(one) + "\n" for one in made)


def dates(mark):
    return "user,item,rating,date\n" + "".join(
        f"{u},{i},{r},{str(np.datetime64(t, 's')).replace('T', mark)}\n" for u, i, r, t in ROWS
    )


GOLDEN = {  # name: (file, text, rows, what is read, format, user's column, item's column)
    "csv": ("a.csv", lines(ROWS, ",", "user,item,rating,timestamp"), ROWS, 4, "csv", "user", "item"),
    "semicolons": ("a.csv", lines(ROWS, ";", "User ID;Item ID;Score;Time"), ROWS, 4, "csv", "User ID", "Item ID"),
    "quoted": ("a.csv", quoted(lines(ROWS, ",", "user,item,rating,timestamp")), ROWS, 4, "csv", "user", "item"),
    "tsv": ("a.tsv", lines(ROWS, "\t", "uid\tsku\tstars\tunixtime"), ROWS, 4, "tsv", "uid", "sku"),
    "bars": ("a.txt", lines(ROWS, "|", "customer_id|track_id|plays|ts"), ROWS, 4, "csv", "customer_id", "track_id"),
    "spaces": ("a.txt", lines(ROWS, " ", "user item rating time"), ROWS, 4, "csv", "user", "item"),
    "movielens 100k": ("u.data", lines(ROWS, "\t"), ROWS, 4, "movielens", "1", "2"),
    "movielens 1m": ("ratings.dat", lines(ROWS, "::"), ROWS, 4, "movielens", "1", "2"),
    "movielens 20m": ("ratings.csv", lines(ROWS, ",", "userId,movieId,rating,timestamp"), ROWS, 4, "csv", "userId", "movieId"),
    "recbole": ("x.inter", lines(ROWS, "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float"), ROWS, 4, "recbole", "user_id", "item_id"),
    "amazon 2014": ("ratings.csv", lines(WORDS, ","), WORDS, 4, "csv", "1", "2"),
    "amazon 2018": ("all.csv", lines(WORDS, ",", order=(1, 0, 2, 3)), WORDS, 4, "csv", "2", "1"),
    "amazon 2023": ("r.jsonl", objects(WORDS, ("user_id", "parent_asin", "rating", "timestamp"), 1000, "so \u2028 good"), WORDS, 4, "jsonl", "user_id", "parent_asin"),
    "amazon 2023 csv": ("r.csv", lines([(u, i, r, t * 1000) for u, i, r, t in WORDS], ",", "user_id,parent_asin,rating,timestamp"), WORDS, 4, "csv", "user_id", "parent_asin"),
    "yahoo r3": ("train.tsv", lines(ROWS, "\t", order=(0, 1, 2)), ROWS, 3, "tsv", "1", "2"),
    "kuairec": ("small.csv", lines(ROWS, ",", "user_id,video_id,watch_ratio,timestamp"), ROWS, 4, "csv", "user_id", "video_id"),
    "yelp": ("review.json", objects(ROWS, ("user_id", "business_id", "stars", "date")).replace("date", "ts"), ROWS, 4, "jsonl", "user_id", "business_id"),
    "dates": ("d.csv", dates("T"), ROWS, 4, "csv", "user", "item"),
    "dates and a space": ("d.csv", dates(" "), ROWS, 4, "csv", "user", "item"),
    "pairs": ("p.csv", lines(ROWS, ",", order=(0, 1)), ROWS, 2, "csv", "1", "2"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("packed", [False, True])
def test_golden_files(name, packed, tmp_path):
    file, text, rows, columns, format, user, item = GOLDEN[name]
    path = tmp_path / (file + ".gz" * packed)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    reading = readers.open_table(path)
    assert found(reading, columns) == expected(rows, range(columns))
    assert (reading.format, reading.columns["user"], reading.columns["item"]) == (format, user, item)
    assert any(note.startswith(f"format: {format}") for note in reading.notes)
    assert columns < 3 or "every rating counts as a click; --threshold N for less" in reading.notes


def test_lightgcn_lists(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("0 4 1 2\n1\n2 4\n10 1 2 3 \n")
    clicks = readers.read(path)
    assert clicks.user_ids.tolist() == [0, 1, 2, 10] and clicks.item_ids.tolist() == [1, 2, 3, 4]
    assert [clicks.items_of(u).tolist() for u in range(4)] == [[0, 1, 3], [], [3], [0, 1, 2]]


def test_a_matrix_keeps_its_shape(tmp_path):
    path = tmp_path / "train.ascii"
    path.write_text("0 5 0 0\n2 0 0 0\n0 0 0 0\n4 1 0 0\n")
    reading = readers.open_table(path, threshold=4)
    assert found(reading, 3) == [("0", "1", "5"), ("1", "0", "2"), ("3", "0", "4"), ("3", "1", "1")]
    clicks = reading.clicks
    assert (clicks.n_users, clicks.n_items, clicks.users.tolist(), clicks.items.tolist()) == (4, 4, [0, 3], [1, 0])
    assert any("2 of 4 ratings are at least 4" in note for note in reading.notes)


def test_one_table_has_one_checksum_in_every_format_and_order(tmp_path):
    """csv -> parquet -> jsonl -> shuffled rows -> in shards of a frame: same sha256; positions follow the names' order."""
    first = tmp_path / "a.csv"
    first.write_text(GOLDEN["csv"][1])
    frame = pl.read_csv(first)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "b.csv")
    made = [readers.read(tmp_path / name) for name in ("a.csv", "a.parquet", "a.jsonl", "b.csv")]
    made.append(readers.read(frame.reverse()))
    assert len({clicks.checksum for clicks in made}) == 1
    for clicks in made:
        assert clicks.user_ids.tolist() == [3, 10, 25] and clicks.item_ids.dtype == np.int64
        assert (clicks.items == made[0].items).all() and (clicks.times == made[0].times).all()


def test_text_names_are_ordered_as_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,item\nb,10\nB,9\né,x\nb,9\n007,9\n")
    clicks = readers.read(path)
    assert clicks.user_ids.tolist() == ["007", "B", "b", "é"] and clicks.item_ids.tolist() == ["10", "9", "x"]


@pytest.mark.parametrize("odd", ["007", "9999999999999999999", "+5", "1.0", "-0"])
def test_one_name_that_is_no_integer_makes_all_of_them_text(odd, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"user,item\n10,1\n9,2\n{odd},1\n")
    assert readers.read(path).user_ids.tolist() == sorted(["10", "9", odd])


def test_the_latest_of_duplicates_counts(tmp_path):
    """User 1 rates item 5 with 2 at time 30 and 4 at time 20: the 2 counts. Without times the last row's 4 counts."""
    rows = "user,item,rating,time\n1,5,2,30\n1,5,4,20\n2,6,3,10\n2,5,1,10\n2,5,5,10\n"
    path = tmp_path / "a.csv"
    path.write_text(rows)
    reading = readers.open_table(path)
    assert reading.ratings.values.tolist() == [2, 5, 3] and reading.clicks.times.tolist() == [30, 10, 10]
    assert any(note.startswith("2 rows of a user and an item that stood before") for note in reading.notes)
    reading = readers.open_table(path, time="none")
    assert reading.ratings.values.tolist() == [4, 5, 3] and reading.clicks.times is None


def test_threshold_and_core(tmp_path):
    """At least 3: users 1, 2, 3 on items 5, 6 stay; 2-core: user 3 has one click, then item 7 one, and both go."""
    path = tmp_path / "a.csv"
    path.write_text("user,item,rating\n1,5,3\n1,6,4\n2,5,5\n2,6,3\n3,7,5\n1,7,3\n4,5,1\n")
    reading = readers.open_table(path, threshold=3, k_core=2)
    clicks = reading.clicks
    assert clicks.user_ids.tolist() == [1, 2] and clicks.item_ids.tolist() == [5, 6] and len(clicks) == 4
    assert reading.ratings.user_ids.tolist() == [1, 2, 3, 4]
    assert "2-core: 1 users, 1 items and 2 clicks left out in 2 rounds" in reading.notes
    with pytest.raises(StropError) as caught:
        readers.read(path, k_core=5)
    assert caught.value.code == "S209"


def test_core_by_another_road():
    """Against a loop that takes away one user or item at a time."""
    rng = np.random.default_rng(3)
    pairs = np.unique(rng.integers(0, 40, (300, 2)) ** 2 // 40, axis=0)
    keep, _ = table.core(pairs[:, 0], pairs[:, 1], 5)
    left = {tuple(p) for p in pairs.tolist()}
    while True:
        few = [(s, n) for s in (0, 1) for n in {p[s] for p in left} if sum(p[s] == n for p in left) < 5]
        if not few:
            break
        side, name = few[0]
        left = {p for p in left if p[side] != name}
    assert left == {tuple(p) for p in pairs[keep].tolist()} and 0 < len(left) < len(pairs)


AMBIGUOUS = {
    "two items": ("a.csv", "user,item_id,itemid\n1,2,3\n", "S204", "--item NAME"),
    "two users of one name": ("a.csv", "user,user,item\n1,2,3\n", "S204", "--user NAME"),
    "names without header": ("a.csv", "anna,up,5\nbert,heat,3\n", "S204", "--user 1 --item 2"),
    "header or not": ("a.csv", "kunde,ware\nanna,up\n", "S204", "--user 1 --item 2"),
    "even lines of numbers": ("train.txt", "1 2 3\n4 5 6\n", "S208", "--format lightgcn"),
    "two separators": ("a.txt", "1;2,3\n2;3,4\n", "S208", "--separator"),
    "five columns of numbers": ("a.csv", "1,2,3,4,5\n1,3,4,5,6\n", "S204", "by number"),
    "an array": ("a.json", '[{"user": 1, "item": 2}]', "S208", "one object a line"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_files_are_asked_about(name, tmp_path):
    file, text, code, help = AMBIGUOUS[name]
    path = tmp_path / file
    path.write_text(text)
    with pytest.raises(StropError) as caught:
        readers.read(path)
    assert caught.value.code == code and help in caught.value.help and caught.value.file == str(path)


def test_flags_answer_the_questions(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("anna,up,5\nbert,heat,3\nanna,heat,3\n")
    reading = readers.open_table(path, user="1", item=2, rating="3")
    assert found(reading, 3) == [("anna", "heat", "3"), ("anna", "up", "5"), ("bert", "heat", "3")]
    path.write_text("wer;was;wann\nanna;up;2020-01-02\nbert;heat;2020-01-03\n")
    reading = readers.open_table(path, user="wer", item="was", time="wann")
    assert reading.clicks.user_ids[reading.clicks.users].tolist() == ["anna", "bert"]
    assert reading.clicks.times.tolist() == [1577923200, 1578009600]
    path = tmp_path / "train.txt"
    path.write_text("1 2 3\n4 5 6\n")
    assert len(readers.read(path, format="lightgcn")) == 4
    assert readers.open_table(path, separator=" ").ratings.values.tolist() == [3, 6]
    path.write_bytes("user,item\nJosé,1\nZoë,2\n".encode("utf-16"))
    assert readers.read(path, encoding="utf-16").user_ids.tolist() == ["José", "Zoë"]


def test_a_misspelt_column_gets_a_suggestion(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("person_id,thing,stars\n1,2,3\n")
    with pytest.raises(StropError, match='did you mean "person_id"') as caught:
        readers.read(path, user="personid", item="thing")
    assert caught.value.code == "S204" and "person_id, thing, stars" in caught.value.help


def test_many_blocks_are_one_table(tmp_path, monkeypatch):
    """Blocks of 64 bytes, cut inside quotes and between \\r and \\n, give what one block gives, rows of errors too."""
    text = "user,item,note\r\n" + "".join(f'{u},{i},"a ""b"", {t}\r\nc"\r\n' for u, i, _, t in ROWS)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    whole = readers.read(path)
    bad = text.replace(f"{ROWS[20][0]},{ROWS[20][1]},", ",5,")
    monkeypatch.setattr("strop.feedback.stream.BLOCK", 64)
    assert readers.read(path).checksum == whole.checksum and len(whole) == len(ROWS)
    path.write_bytes(bad.encode())
    with pytest.raises(StropError) as caught:
        readers.read(path)
    assert (caught.value.code, caught.value.row) == ("S210", 2 + 2 * 20)


WORD = st.text(st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\ufeff"), min_size=1, max_size=8)
NAME = WORD.map(str.strip).filter(bool)


@given(
    pairs=st.lists(st.tuples(NAME, NAME, st.text('a\n,; "', max_size=4)), min_size=4, max_size=20),
    mark=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_any_names_come_through_csv(pairs, mark, end, quoting, tmp_path_factory):
    """By another road: whatever Python's csv writer writes is read as it was, whichever separator, line end or quotes."""
    users, items = ({p[side] for p in pairs} for side in (0, 1))
    assume(len(users) > 1 and len(items) > 1)
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=mark, lineterminator=end, quoting=quoting)
        writer.writerows([("user", "item", "note"), *pairs])
    clicks = readers.read(path, separator=mark)
    read = set(zip(clicks.user_ids[clicks.users].tolist(), clicks.item_ids[clicks.items].tolist(), strict=True))
    assert {(str(u), str(i)) for u, i in read} == {p[:2] for p in pairs}


def test_an_epoch_unit_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(lines([(u, i, r, t * 1000 + 999) for u, i, r, t in ROWS], ",", "user,item,rating,time"))
    reading = readers.open_table(path)
    assert found(reading) == expected(ROWS, range(4))
    assert "times: milliseconds, from 1997-11-20 to 1997-11-21 (UTC)" in reading.notes
    path.write_text("user,item,time\n1,2,20230101\n2,3,20230102\n")
    assert any("all in 1970, is the unit right?" in note for note in readers.open_table(path).notes)


def test_twelve_bytes_a_click(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(GOLDEN["csv"][1])
    clicks = readers.read(path)
    assert sum(column.nbytes for column in (clicks.users, clicks.items, clicks.times)) == 12 * len(clicks)
