"""What happens to files that are broken? Thousands of them: one StropError each, or an acceptance that is on the list."""

import gzip
import os
import random
import time
from pathlib import Path

import polars as pl
import pytest
from broken_files import ACCEPTED, NAMES, RANDOM, REFUSED, Draft, sound

from strop.errors import CODES, StropError
from strop.feedback import readers, stream

COUNT = int(os.environ.get("STROP_BROKEN_FILES", "500"))


def attempt(draft: Draft, folder: Path) -> readers.Reading | StropError:
    """The answer to a file; anything but a Reading or a StropError is a failure, and so is taking five seconds."""
    path = folder / NAMES[draft.form][0]
    data = draft.bytes()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" and data[:2] != stream.GZIP else data)
    start = time.monotonic()
    try:
        return readers.open_table(path)
    except StropError as error:
        assert error.code in CODES and error.message and error.file == str(path), error
        assert "\n" not in str(error) and len(str(error)) < 800, error
        return error
    finally:
        assert time.monotonic() - start < 5


CASES = [(*case, None) for case in REFUSED] + [(n, m, f, same, None, why) for n, m, f, same, why in ACCEPTED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_each_kind_of_trouble_in_each_format(case, tmp_path):
    """Refused kinds are refused with their code, file and row; accepted ones are on the list, and do what it says."""
    name, mutate, forms, outcome, row, why = case
    for form in forms:
        rng = random.Random(f"{name} {form}")
        draft = sound(form, rng)
        base = attempt(draft, tmp_path)
        assert not isinstance(base, StropError), (form, base)
        mutate(draft, rng)
        found = attempt(draft, tmp_path)
        if why is None:
            assert isinstance(found, StropError) and found.code in outcome, (form, found)
            assert not row or found.row is not None, (form, found)
        else:
            assert not isinstance(found, StropError), (form, found)
            same = found.clicks.checksum == base.clicks.checksum
            assert same if outcome == "same" else not same or name == "rating out of its scale", form


def test_thousands_of_broken_files(tmp_path):
    """STROP_BROKEN_FILES files, one to four changes each. No other exception, none over 5 s, and a file with one change
    that is on no list of accepted things is refused; at least 99 % of the refusals of rows name the row.
    """
    rng = random.Random(2026)
    named = rows = 0
    for number in range(COUNT):
        form = rng.choice(list(NAMES))
        draft = sound(form, rng)
        kinds = [(case, case[5] is None) for case in CASES if form in case[2]]
        changes = rng.choices(kinds, k=rng.choice([0, 1, 1, 2]))
        try:
            for case, _ in changes:
                case[1](draft, rng)
            for _ in range((len(changes) != 1) * rng.choice([1, 2])):
                rng.choice(RANDOM)[1](draft, rng)
        except (IndexError, ValueError, TypeError, AttributeError, pl.exceptions.PolarsError):
            continue  # the second change found nothing left to change
        found = attempt(draft, tmp_path)
        if len(changes) == 1:
            case, refuse = changes[0]
            assert isinstance(found, StropError) == refuse, (number, form, case[0], found)
            if refuse and case[4]:
                rows += 1
                named += found.row is not None
        if not isinstance(found, StropError):
            assert found.clicks.n_users > 1 and len(found.clicks)
    assert named >= 0.99 * rows
