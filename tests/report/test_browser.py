"""The pages in a real browser: nothing runs over the edge, nothing is asked of the network, nothing complains."""

import os
from dataclasses import replace
from pathlib import Path

import browser as devtools
import pytest
import result_examples as examples
from test_page import filled, hostile

from strop.records import Receipt, Result
from strop.report import page

pytestmark = pytest.mark.browser
WIDTHS = (360, 768, 1280)
SMALL_WORDS = """[...document.querySelectorAll('svg text')].map(t => parseFloat(getComputedStyle(t).fontSize)
  * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width).filter(s => s && s < 11).length"""
OUTSIDE = """[...document.querySelectorAll('figure svg text')].filter(t => { const b = t.getBBox(), v = t.ownerSVGElement.viewBox.baseVal;
  return b.width && (b.x < -3 || b.y < -3 || b.x + b.width > v.width + 3 || b.y + b.height > v.height + 3) }).map(t => t.textContent)"""
ON_TOP = """[...document.querySelectorAll('figure svg')].flatMap(s => { const t = [...s.querySelectorAll('text')].map(e => [e.textContent, e.getBBox()]);
  return t.flatMap(([n, a], i) => t.slice(i + 1).filter(([m, b]) => a.x + 2 < b.x + b.width && b.x + 2 < a.x + a.width && a.y + 4 < b.y + b.height
  && b.y + 4 < a.y + a.height).map(([m]) => n + ' | ' + m)) })"""


@pytest.fixture(scope="module")
def chromium():
    program = devtools.find()
    if not program:
        if os.environ.get("CI") == "true" or os.environ.get("STROP_BROWSER_REQUIRED") == "1":
            pytest.fail("no browser: set STROP_BROWSER or install chromium")
        pytest.skip("no browser: set STROP_BROWSER or put chromium on the path")
    one = devtools.Browser(program)
    yield one
    one.close()


def odd():
    """Hostile strings in every field, twelve arms with long names, and undefined figures."""
    base = examples.comparison()
    words = hostile()
    arms = tuple(replace(base.arms[i % 6], name=words[(7 * i) % 200], note=words[60 + i]) for i in range(12))
    return replace(
        base, arms=arms, title=words[48], verdict="x" * 200, command="y" * 300, settings={"z" * 90: "z" * 200}
    )


PAGES = {
    "comparison": examples.comparison,
    "audit": examples.audit,
    "run": examples.run,
    "receipt": examples.receipt,
    "odd": odd,
    "bare": lambda: Result("check", "A file", "Nothing is wrong with it."),
    "hostile": lambda: filled(Result, " ".join(hostile()[:60])),
    "hostile receipt": lambda: filled(Receipt, " ".join(hostile()[60:120])),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    for name, make in PAGES.items():
        page.write(make(), place / f"{name}.html")
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_is_silent_and_without_error(chromium, folder, name, scheme):
    address = (folder / f"{name}.html").as_uri()
    for width in WIDTHS:
        chromium.open(address, width=width, scheme=scheme)
        where = f"{name}, {width} pixels, {scheme}"
        picture(chromium, f"{name}-{width}-{scheme}")
        check_width(chromium, width, where)
        chromium.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
        check_width(chromium, width, f"{where}, opened")
        asked = [one["params"]["request"]["url"] for one in chromium.named("Network.requestWillBeSent")]
        assert [url for url in asked if url not in (address, "data:,")] == [], where
        assert chromium.named("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == [], where
        assert chromium.named("Page.javascriptDialogOpening", "Page.windowOpen") == [], where
        assert chromium.value("document.scripts.length") == 0
        ground = chromium.value("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(251, 250, 247)", "dark": "rgb(21, 23, 26)"}[scheme]


def check_width(chromium, width, where):
    """A phone's browser widens the view for a page that is too wide: so the view is checked too."""
    assert chromium.value("innerWidth") == width, where
    assert chromium.value("document.documentElement.scrollWidth") <= width, where


@pytest.mark.parametrize("name", ["comparison", "audit", "run", "receipt"])
def test_words_in_figures_can_be_read(chromium, folder, name):
    """At every width: letters of 11 pixels or more, inside their drawing, none on top of another."""
    for width in WIDTHS:
        chromium.open((folder / f"{name}.html").as_uri(), width=width, scheme="light")
        assert chromium.value(SMALL_WORDS) == 0, width
        assert chromium.value(OUTSIDE) == [], width
        assert chromium.value(ON_TOP) == [], width


def test_on_paper_the_page_is_light_and_its_details_are_open(chromium, folder):
    chromium.open((folder / "comparison.html").as_uri(), width=768, scheme="dark", media="print")
    assert chromium.value("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"
    assert chromium.value("document.querySelector('details pre').getBoundingClientRect().height") > 10


def test_the_checks_can_fail(chromium, tmp_path):
    """A page that is too wide, asks for a picture and throws is caught by all three."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<meta name=viewport content='width=device-width'><div style='width:900px'>x</div><img src='http://127.0.0.1:9/x.png'><script>throw 1</script>"
    )
    chromium.open(bad.as_uri(), width=360, scheme="light")
    with pytest.raises(AssertionError):
        check_width(chromium, 360, "bad")
    assert len(chromium.named("Network.requestWillBeSent")) == 2
    assert chromium.named("Runtime.exceptionThrown")


def picture(chromium, name):
    if os.environ.get("STROP_SHOTS"):
        place = Path(os.environ["STROP_SHOTS"])
        place.mkdir(parents=True, exist_ok=True)
        chromium.picture(place / f"{name}.png")
