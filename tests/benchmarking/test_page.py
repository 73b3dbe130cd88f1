"""The page of a run: complete in itself, whatever texts it is made of."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import matplotlib as mpl

from lerotool.benchmarking import beside, codecs, strategies, views
from lerotool.benchmarking.figures import Basis, Better, Failure, Report
from lerotool.benchmarking.page import page_of
from tests.benchmarking.parts import figure, report

_VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """Reads a page as a browser would and notes what is odd."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            is_place = name in ("src", "href", "xlink:href") and not (value or "").startswith("#")
            if is_place or name.startswith("on"):
                self.problems.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def run() -> Report:
    figures = [
        figure(strategies.WAIT, seconds, case=case, group=strategies.group_of(15.0), basis=Basis.ESTIMATED)
        for case, seconds in (("immediate", 8.0), ("background", 0.04))
    ]
    figures += [
        figure(name, value, case="immediate", group=strategies.group_of(1.0), unit=unit, better=better)
        for name, value, unit, better in (
            (strategies.WAIT, 2.0, "s", Better.LESS),
            (strategies.LONGEST, 3.0, "s", Better.LESS),
            (strategies.END, 3.0, "s", Better.LESS),
            (strategies.CPU, 8.0, "ms/frame", Better.LESS),
            (strategies.DISK, 9.0, "MB", Better.LESS),
            (strategies.LOST, 2.0, "", Better.ZERO),
        )
    ]
    figures += [
        figure(codecs.RATE, *values, case=case, group=codecs.GROUP, unit="frames/s", better=Better.MORE)
        for case, values in (("libsvtav1 12", (150.0, 200.0)), ("<b>&co, a long name of a codec", (90.0,)))
    ]
    return report(*figures, failures=(Failure("beside", "LeRobot <1>", "TypeError: a < b"),), machine="A & B <i>")


def read(run: Report) -> tuple[str, Reader]:
    page, reader = page_of(run), Reader()
    reader.feed(page)
    reader.close()
    return page, reader


def test_the_page_is_whole_and_fetches_nothing() -> None:
    page, reader = read(run())
    assert reader.problems == []
    assert reader.open == []
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)
    # Names of XML languages are all that looks like an address.
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_the_page_fits_a_phone_and_has_a_plot_for_each_comparison() -> None:
    page, reader = read(run())
    assert 'name="viewport" content="width=device-width' in page
    assert "prefers-color-scheme: dark" in page
    assert reader.tags.count("svg") == 2
    assert all('width="' not in found for found in re.findall(r"<svg[^>]*>", page))


def test_everything_found_is_on_the_page_as_text() -> None:
    page, reader = read(run())
    text = " ".join(reader.texts)
    for expected in (
        "A & B <i>",
        "≈ 8.00",
        "<b>&co",
        "LeRobot <1> failed: TypeError: a < b",
        "do this",
        "175 (150–200)",
    ):
        assert expected in text, expected
    assert "<b>&co" not in page
    assert "<td class=wrong>2</td>" in page


def test_flags_are_not_broken_and_nothing_else_is_marked() -> None:
    advice = ("record with --batch 0 and encode later with --pending & more",)
    told = run().model_copy(update={"advice": advice})
    assert "record with <code>--batch 0</code> and encode later with <code>--pending</code> &amp; more" in page_of(told)


def test_drawing_leaves_the_settings_of_others_alone() -> None:
    before = dict(mpl.rcParams)
    page_of(run())
    assert dict(mpl.rcParams) == before


def test_the_same_run_gives_the_same_page() -> None:
    assert page_of(run()) == page_of(run())


def test_what_people_ask_first_comes_first() -> None:
    groups = [view.group for view in views.views(run())]
    assert groups == [strategies.group_of(15.0), strategies.group_of(1.0), codecs.GROUP]
    late = report(figure(group="of a later version"), figure(group=beside.MERGE_GROUP), figure(group=codecs.GROUP))
    assert next(view.group for view in views.views(late)) == codecs.GROUP


def test_numbers_have_three_digits_that_matter() -> None:
    told = [views.number(value) for value in (0.0, 0.0123, 1.5, 12.34, 123.4, 12.0)]
    assert told == ["0.00", "0.01", "1.50", "12.3", "123", "12"]
    assert views.words(figure("x", 2.5, unit="x")) == "2.50x"
    assert views.words(figure("x", 2.5, basis=Basis.ESTIMATED)) == "≈ 2.50 s"
