"""What a person is told when the input is bad: one line with code, file, row and column, and what mends it."""

import gzip
import os
import subprocess
import sys

import pytest

from strop.errors import StropError
from strop.feedback import readers, stream


def refused(path, **settings):
    with pytest.raises(StropError) as caught:
        readers.read(path, **settings)
    return caught.value


def test_the_first_bad_row_is_told_and_the_others_counted(tmp_path):
    """Rows 3, 5, 6, 7 and 9 hold no number: the first is told with its value, two more by number, two counted."""
    cells = ["4", "abc", "3", "", "x", "nan", "5", "inf"]
    path = tmp_path / "a.csv"
    path.write_text("user,item,stars\n" + "".join(f"{n % 3},{n},{cell}\n" for n, cell in enumerate(cells)))
    error = refused(path)
    assert str(error) == (f'error[S203] {path}:3: column "stars": "abc" is not a number (also rows 5, 6 and 2 more)')
    assert "--bad-rows skip" in error.help and error.exit_status == 3


def test_skipped_rows_are_counted_and_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('user,item,rating,time\n1,2,3,10\n1,2\n,3,4,10\n2,3,x,10\n2,4,"5,10\n3,4,1,10\n4,4,2,-1\n')
    reading = readers.open_table(path, bad_rows="skip")
    assert reading.clicks.user_ids.tolist() == [1, 3]
    dropped = [note for note in reading.notes if "dropped" in note]
    assert [note[:23] for note in dropped] == [
        "1 row dropped [S205]: r",
        "1 row dropped [S210]: r",
        "1 row dropped [S203]: r",
        "1 row dropped [S205]: r",
        "1 row dropped [S213]: r",
    ]
    path.write_bytes(b"user,item,stars\x00\n1,2,3\n2,3,4\n")  # no header is left, and no row is taken for it
    assert len(readers.read(path, bad_rows="skip", user="user", item="item")) == 2
    path.write_text("user,item,rating\n1,2,x\n2,3,y\n")
    error = refused(path, bad_rows="skip")
    assert error.code == "S202" and "2 rows dropped" in error.help


def test_a_row_is_a_line_of_the_file(tmp_path):
    """Blank lines, cells with line ends in them and \\r\\n count as an editor counts them."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'user,item,note\r\n\r\n1,2,"a\r\nb"\r\n2,3,x\r\n\r\n,4,y\r\n')
    assert refused(path).row == 7


@pytest.mark.parametrize(
    ("name", "content", "code", "row", "words"),
    [
        ("a.csv", b"", "S202", None, "empty"),
        ("a.csv", b"\n\n \n", "S202", None, "empty"),
        ("a.csv", b"user,item\n", "S202", None, "a header and no row"),
        ("a.csv", b"user,rating\n1,2\n", "S204", None, "looks like the item"),
        ("a.csv", b"user,item\n1,2\n1,3\n", "S209", None, "1 users, 2 items"),
        ("a.csv", b"user,item\n1,2\n2,2\n", "S209", None, "2 users, 1 items"),
        ("a.csv", b"user,item\n1,2\n2,2,3\n", "S205", 3, "3 cells where the header has 2"),
        ("a.csv", "user,item\n1,2\nJosé,2\n".encode("latin-1"), "S206", 3, "byte 0xe9 is not UTF-8"),
        ("a.csv", "user,item\n1,2\n".encode("utf-16"), "S206", 1, "UTF-16"),
        ("a.csv", b"user,item\n1,2\n\x00,2\n", "S206", 3, "NUL"),
        ("a.csv", b'user,item\n1,2\n"3,2\n4,5\n', "S205", 3, "a quote is not closed"),
        ("a.csv", b'user,item\n1,2\n"3"x,2\n"4",5\n', "S205", 3, "a quote is not closed"),
        ("train.txt", b"0 1 2\n1 2\n2 1 " + b"9" * 25 + b"\n", "S203", 3, "is not a position"),
        ("a.csv", b"user,item,time\n1,2,1000000000\n2,3,1000000000000\n", "S213", 3, "another unit than the seconds"),
        ("a.csv", b"user,item,time\n1,2,1e10\n2,3,5e9\n3,4,9e18\n", "S213", 4, "outside 1970 to 2106"),
        ("a.csv", b"user,item,time\n1,2,2150-01-01\n2,3,2000-01-01\n", "S213", 2, "outside 1970 to 2106"),
        ("a.csv", b"PK\x03\x04 and more", "S208", None, "zip archive"),
        ("a.csv", gzip.compress(b"user,item\n1,2\n" * 99, mtime=0)[:30], "S207", None, "gzip"),
        ("a.parquet", b"PAR1 and no more", "S207", None, "cut short"),
        ("a.inter", b"user_id:token\titem:tokne\n1\t2\n", "S204", 1, 'did you mean "token"'),
        ("a.jsonl", b'{"user": 1, "item": 2}\n{"user": 1 "item": 2}\n', "S205", 2, "not a row"),
        ("a.jsonl", b'{"user": 1, "item": 2, "rating": 1e400}\n' * 2, "S203", 1, "out of range"),
        ("a.txt", b"word\nword\n", "S208", 1, "one column"),
    ],
)  # fmt: skip
def test_kinds_of_bad_files(name, content, code, row, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    error = refused(path)
    assert (error.code, error.row, error.file) == (code, row, str(path)) and words in str(error)


def test_settings_out_of_range(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,item,rating\n1,2,3\n2,3,4\n")
    assert refused(path, threshold=float("nan")).code == "S301"
    assert refused(path, k_core=-1).code == "S301"
    assert refused(path, bad_rows="ignore").code == "S101"
    assert refused(path, encoding="hex").code == refused(path, encoding="utf8-ish").code == "S101"
    assert 'did you mean "parquet"' in str(refused(path, format="parqet"))
    assert refused(path, threshold=3, rating="none").code == "S204"
    assert refused(path, separator="").code == "S101"
    assert refused(42).code == "S208"


def test_folders(tmp_path):
    """A folder with one file, or a known one, is read; others are refused with the names in them."""
    assert refused(tmp_path).code == "S201"
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "clicks.csv").write_text("user,item\n1,2\n2,3\n")
    assert len(readers.read(tmp_path)) == 2
    (tmp_path / "items.csv").write_text("item,title\n")
    error = refused(tmp_path)
    assert error.code == "S201" and "2 files" in error.message and "items.csv" in error.help
    (tmp_path / "u.data").write_text("1\t2\t3\t100\n2\t3\t3\t100\n3\t1\t3\t100\n")
    assert len(readers.read(tmp_path)) == 3


def test_paths_that_are_no_file(tmp_path):
    (tmp_path / "ratings.csv").write_text("user,item\n1,2\n")
    error = refused(tmp_path / "rating.csv")
    assert error.code == "S201" and 'did you mean "ratings.csv"' in error.message
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").code == "S201"
    assert refused(tmp_path / "no" / "such.csv").code == "S201"


def test_an_unreadable_file_as_an_ordinary_user(tmp_path):
    """Root reads everything: in a process of its own that gives root up first."""
    path = tmp_path / "secret.csv"
    path.write_text("user,item\n1,2\n")
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o755)
    program = (
        "import os, sys; from strop.feedback import readers; from strop.errors import StropError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: readers.read(sys.argv[1])\n"
        "except StropError as error: print(error.code, error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "S201 you may not read this file", done.stderr


def test_a_line_without_end(tmp_path, monkeypatch):
    """A line of 100 MB is refused before it is held in memory: here 1 MB and a limit of 64 KB."""
    monkeypatch.setattr(stream, "LONGEST", 1 << 16)
    monkeypatch.setattr(stream, "BLOCK", 1 << 15)
    path = tmp_path / "a.csv"
    for line in ("x" * (1 << 20), '"' + "x" * (1 << 20), "1," * (1 << 20)):
        path.write_text("user,item\n1,2\n" + line)
        error = refused(path)
        assert (error.code, error.row) == ("S205", 3)


def test_a_file_too_large_for_memory_says_what_it_needs(tmp_path, monkeypatch):
    """10,000 clicks, 600 KB at their peak: with 400 KB free refused after the first block of 4 KB, with an estimate near the
    truth.
    """
    path = tmp_path / "a.csv"
    path.write_text("user,item\n" + "".join(f"{n % 100},{n // 100}\n" for n in range(10_000)))
    monkeypatch.setattr(stream, "BLOCK", 1 << 12)
    asked = []
    monkeypatch.setattr("strop.feedback.table.available_memory", lambda: asked.append(1) or 4e5)
    error = refused(path)
    assert error.code == "S502" and error.exit_status == 6 and asked == [1]
    clicks = int(error.message.split()[1].replace(",", ""))
    assert 9_000 < clicks < 12_000
    monkeypatch.setattr("strop.feedback.table.available_memory", lambda: 1e7)
    assert len(readers.read(path)) == 10_000
