"""Help and explanations import nothing heavy; every verb answers."""

import json
import subprocess
import sys

import pytest

from strop import catalogue
from strop.cli import VERBS
from strop.cli.run import LARGEST, NO_FLAGS, recipe_command

HOOK = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "numpy", "polars", "numba", "scipy", "jinja2"):
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
from strop.cli import status_of
lines = json.loads(sys.argv[1])
sys.exit("; ".join(" ".join(line) for line in lines if status_of(line) != 0) or 0)
"""


def light(*lines):
    return subprocess.run(
        [sys.executable, "-c", HOOK, json.dumps(lines)], capture_output=True, text=True, timeout=60, check=False
    )


def test_nothing_heavy_is_imported_for_help_lists_and_explanations():
    done = light(
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "recipe"],
        ["explain", "S203"],
        ["explain", "ipl"],
        *([verb, "--help"] for verb in VERBS),
        ["run", "bpr", "--help"],
        ["doctor", "--json"],
    )
    assert done.returncode == 0, done.stderr


def test_the_hook_sees_an_import():
    done = light(["check", __file__])
    assert done.returncode == 1 and "was imported" in done.stderr


@pytest.mark.parametrize("recipe", [e.name for e in catalogue.entries() if e.room == "recipe"])
def test_the_flags_of_a_recipe_are_its_keywords(recipe, strop):
    """Each keyword is one flag with its default; none hides a flag that every run has."""
    names = [str(p.name) for p in recipe_command(recipe).params]
    assert len(set(names)) == len(names)
    defaults = {p.name: p.default for p in recipe_command(recipe).params}
    for parameter in catalogue.parameters(recipe):
        if parameter.name not in NO_FLAGS:
            assert defaults[parameter.name] == parameter.default
    assert not {"folder"} & set(names)
    status, out, _ = strop("run", recipe, "--help")
    assert status == 0 and len(out.splitlines()) <= 70
    for parameter in catalogue.parameters(recipe):
        assert ("--" + parameter.name.replace("_", "-") in out) == (parameter.name not in NO_FLAGS[1:])


def test_the_help_of_run_fits_on_a_page(strop):
    status, out, _ = strop("run", "--help")
    assert status == 0 and len(out.splitlines()) <= 60 and "ipl" in out


def test_no_setting_is_larger_than_an_array(strop, clicks):
    assert strop("run", "bpr", clicks, "--dimensions", LARGEST + 1)[0] == 2
    assert strop("run", "bpr", clicks, "--rate", "nan")[0] == 2


def test_doctor_says_what_is_missing_and_how_to_mend_it(strop, monkeypatch):
    from importlib import metadata

    status, out, _ = strop("doctor", "--json")
    assert status == 0
    found = {one["name"]: one for one in json.loads(out)}
    assert found["torch"]["found"] == metadata.version("torch") and found["torch"]["state"] == "ok"
    real = metadata.version

    def without(name):
        if name in ("numba", "jinja2"):
            raise metadata.PackageNotFoundError(name)
        return "1.9" if name == "numpy" else real(name)

    monkeypatch.setattr(metadata, "version", without)
    status, out, err = strop("doctor")
    assert status == 5 and err.startswith("error[S403] missing: numpy, numba\n")
    lines = {line[2:].split()[0]: line for line in out.splitlines()}
    assert "1.9, older than 2.0" in lines["numpy"] and 'pip install "numba>=' in lines["numba"]
    assert 'pip install "strop[report]"' in lines["jinja2"]


def test_a_check_of_doctor_that_fails_is_a_finding(strop, monkeypatch):
    from strop.cli import doctor

    def broken():
        raise OSError("no such device")

    monkeypatch.setitem(doctor.CHECKS, "disk", broken)
    status, out, _ = strop("doctor")
    assert status == 0 and "could not be looked at: no such device" in out
