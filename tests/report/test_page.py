"""The page: complete, silent on the network, readable by its colours, and unharmed by any string."""

import builtins
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import result_examples as examples

from strop.errors import StropError
from strop.records import Advice, Arm, Difference, DoseCurve, Figure, Receipt, Result, Table
from strop.report import figures, page, terminal
from strop.report.wording import clean

ALL = ["comparison", "audit", "run", "receipt"]
HTML = set(
    re.findall(
        r"\w+",
        "html head meta link title style body main header section footer h1 h2 h3 p dl dt dd div span b br ul li "
        "table thead tbody tr th td details summary pre figure",
    )
)
DRAWN = {"svg", "title", "desc", "text", "line", "path", "circle", "rect", "polygon"}
VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Collects tags, attributes and words, and checks that tags close in the order in which they opened."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = set(), [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def assert_harmless(text):
    read = Reader(text)
    assert read.tags <= {*HTML, *DRAWN}
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name in ("style", "src", "srcset")]
    assert {value for _, name, value in read.attributes if name in ("href", "xlink:href", "action")} == {"data:,"}
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]
    return read


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_one_file_without_script_or_request(name):
    text = page.render(getattr(examples, name)())
    assert_harmless(text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert len(text) < 200_000


def test_the_verdict_comes_first_and_every_section_is_there():
    read = Reader(page.render(examples.comparison()))
    order = ["IPL recommends far less", "What to do", "Accuracy against bias", "Who is recommended", "Learning curves",
             "All figures", "Paired differences", "How this was made"]  # fmt: skip
    at = [read.text.index(words) for words in order]
    assert at == sorted(at)
    for words in ("0.79", "[0.72, 0.86]", "5f2c9d", "strop compare ml-100k.inter", "20 entries", "closed form"):
        assert words in read.text


def test_empty_sections_are_not_there():
    text = page.render(Result("check", "A file", "Nothing is wrong with it."))
    read = Reader(text)
    assert "svg" not in read.tags
    assert "table" not in read.tags
    assert "details" not in read.tags
    assert [words for words in ("What to do", "Learning", "Paired", "figures") if words in read.text] == []


def test_a_lone_arm_is_no_trade_off():
    assert "Accuracy against bias" not in page.render(examples.run())


def test_the_undefined_is_a_dash_with_a_title():
    assert '<span title="undefined">–</span>' in page.render(examples.run())


def test_a_receipt_says_which_conditions_were_met():
    read = Reader(page.render(examples.receipt()))
    for words in ("in part", "not met", "cannot tell", "gamma 1.826", "0322ac0", "The claim: A penalty"):
        assert words in read.text


def hostile():
    """200 strings that have broken pages, terminals or drawings somewhere."""
    seeds = [
        "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</style><img src=x onerror=alert(1)>",
        "</title><script>alert(1)</script>", "</svg><script>alert(1)</script>", "<svg/onload=alert(1)>", "<img src=http://x.invalid/a>",
        "\" onmouseover=\"alert(1)", "' onfocus='alert(1)' autofocus='", "`onclick=alert(1)`", "javascript:alert(1)",
        "<a href=\"https://x.invalid\">x</a>", "<iframe src=//x.invalid>", "<base href=//x.invalid>", "<meta http-equiv=refresh content=0>",
        "{{ 7*7 }}", "{% raw %}", "{{ config }}", "${7*7}", "<%= 7 %>", "]]>", "<![CDATA[x]]>", "<!--", "-->", "<!doctype x>",
        "&lt;script&gt;", "&#60;script&#62;", "&", "&amp", "<", ">", "\"", "'", "\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
        "\x9b31m", "\r\nX: y", "a\nb", "\t", "\u202egnp.exe", "\u2066x\u2069", "\ud800", "\udfff", "\ufffe", "\uffff", "\U0010ffff",
        "x" * 300, "映" * 80, "e" + "\u0301" * 50, "🎬" * 40, "<b>" * 40, "style=\"position:fixed\"", "expression(alert(1))",
        "url(http://x.invalid)", "@import 'x'", "*/ body{display:none} /*", "<details open ontoggle=alert(1)>", "<math><mi//xlink:href=\"data:x\">",
        "<x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">alert(1)</x:script>", "<foreignObject><body onload=alert(1)>", "</text><script>alert(1)</script>",
        "<use href=\"#x\"/>", "<animate onbegin=alert(1) attributeName=x>", "%3Cscript%3E",
    ]  # fmt: skip
    wrapped = [form.replace("?", one) for form in ("?", "name ?", '"?"', "?</td>") for one in seeds]
    return wrapped[:200]


def filled(kind, word):
    """A record of that kind with the word in every place where text may stand."""
    figure = Figure(f"recall@20 {word}", 0.3, 0.2, 0.4, 5)
    if kind is Receipt:
        bad = {
            one.name: word for one in fields(Receipt) if one.name in ("method", "paper", "claim", "scope", "verdict", "sentence", "rule_commit", "command")
        }  # fmt: skip
        return Receipt(
            **bad, data=({word: word},), seeds=(1,), baselines=(word,), designs_tried=(word,), figures=(figure,),
            conditions=({"name": word, "threshold": word, "value": 0.1, "met": word}, {"name": word, "value": 1, "low": 0, "high": 2, "threshold": 1.5, "met": True}),
            cost={word: 1.0}, versions={word: word},
        )  # fmt: skip
    arms = tuple(
        Arm(word + end, (figure, Figure(f"reo@20 {word}", 0.5 + len(end)), Figure(f"di@20 {word}", 1.0), Figure(word, None)), {word: word, "list": [word]},
            ((1.0, 0.5, 0.1), (2.0, 0.4, 0.2)), ((3.0, 0.5, 0.4, 0.3, 0.2), (9.0, 0.5, 0.6, 0.7, 0.8)), {word: 1.0}, 3, word)
        for end in ("", "2")
    )  # fmt: skip
    return Result(
        kind=word, title=word, verdict=word, command=word, arms=arms, differences=(Difference(word, word, figure, 0.1),), figures=(figure,),
        advice=(Advice(word, word, word),), definitions={word: word}, settings={word: [word, {word: word}]}, data={word: word, "name": word},
        versions={word: word}, cost={word: 2.0}, notes=(word,),
        tables=(Table(word, (word, "b"), ((word, word),), word),),
        curves=tuple(DoseCurve(word, word, {word: ((0.0, figure), (0.1, figure))}, word, word, form) for form in (word, "reliability", "")),
    )  # fmt: skip


def test_the_fixture_fills_every_text_field():
    def empty(record):
        for one in fields(record):
            value = getattr(record, one.name)
            if isinstance(value, tuple) and value and is_dataclass(value[0]):
                yield from empty(value[0])
            elif value in ("", (), {}, None):
                yield one.name

    assert list(empty(filled(Result, "x"))) == []
    assert list(empty(filled(Receipt, "x"))) == []


def test_words_stand_to_the_left_of_a_column_and_numbers_to_the_right():
    table = Table("t", ("user", "title", "share"), (("7", "Fargo", "12.5%"), ("8", "", "-1,000")))
    shown = page.render(replace(filled(Result, "x"), tables=(table,)))
    assert '<td role="cell" class="left" data-name="title">Fargo</td>' in shown
    assert '<td role="cell" data-name="share">12.5%</td>' in shown


@pytest.mark.parametrize("kind", [Result, Receipt])
def test_200_hostile_strings_in_every_field(kind):
    words = hostile()
    assert len(set(words)) == 200
    for word in words:
        read = assert_harmless(page.render(filled(kind, word)))
        shown = re.sub(r"\s+", " ", clean(word)).strip()
        assert shown in read.text, "the string is shown as it is, not executed and not lost"
        drawn = figures.receipt_svg(filled(Receipt, word))
        assert set(re.findall(r"<([a-zA-Z]\w*)", drawn)) <= {*DRAWN, "style"}


@pytest.mark.parametrize("kind", [Result, Receipt])
def test_no_string_reaches_the_terminal_as_a_control_code(kind):
    for word in hostile():
        text = terminal.table(filled(kind, word))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        text.encode("utf-8")


def test_long_lists_of_names_stay_out_of_the_page():
    """Privacy: a table of users that slipped into the settings or the data is shown as a count."""
    users = [f"jane.doe{i}@example.org" for i in range(50)]
    leaky = replace(
        examples.run(), data={"users": users, "by user": dict.fromkeys(users, 1)}, settings={"users": tuple(users)}
    )
    assert "jane" not in page.render(leaky)


def test_without_the_extra_the_message_has_the_command(monkeypatch):
    real = builtins.__import__

    def none(name, *rest):
        if name.partition(".")[0] == "jinja2":
            raise ImportError(name)
        return real(name, *rest)

    page._environment.cache_clear()
    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(StropError, match="S401") as caught:
        page.render(examples.run())
    assert caught.value.help == 'pip install "strop[report]"'


def test_write_leaves_the_page_and_nothing_else(tmp_path):
    path = page.write(examples.audit(), tmp_path / "audit.html")
    assert path.read_text(encoding="utf-8") == page.render(examples.audit())
    assert [one.name for one in tmp_path.iterdir()] == ["audit.html"]


THEME = (Path(page.__file__).parent / "theme.css").read_text(encoding="utf-8")


def themes():
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in THEME.split("@media"))
    assert len(light) == len(dark) == 18
    return {"light": light, "dark": dark}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand():
    """Black on white: (1 + 0.05) / (0 + 0.05) = 21. Grey 118 on white is the known edge of AA: 4.54."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_marks_have_the_contrast_of_aa(theme):
    """Words 4.5 to 1 on the paper and on the panel; marks, lines and axes 3 to 1 on the paper (WCAG 2.2, AA)."""
    colours = themes()[theme]
    for ground in ("paper", "panel"):
        for word in ("ink", "quiet", "accent", "good", "bad"):
            assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
    for mark in ("edge", "good", "bad", *(f"c{i}" for i in range(8))):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark
    for mark in ("c0", "c1"):
        assert contrast(colours[mark], colours["fill"]) >= 3, f"{mark} runs across the area of likes"


def test_every_colour_of_the_style_is_in_the_theme():
    style = THEME + (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert set(re.findall(r"var\(--([\w-]+)\)", style)) - {"c"} <= set(themes()["light"])
