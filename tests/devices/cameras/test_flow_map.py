"""Maps in braces, with PyYAML as the judge."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lerotool.devices.cameras.flow_map import parse_flow_map
from lerotool.errors import UsageError

yaml = pytest.importorskip("yaml")

_WORDS = st.sampled_from(
    (
        *("type", "opencv", "0", "-90", "30", "1.5", "true", "null", "~", "yes", "On", "010", "0x1F", "1_0", "1:30"),
        *("1e3", "1.5e+3", ".5", "-.inf", ".NaN", "2001-01-01", "<<", "=", "/dev/video0", "a:b", "a b", "'it''s'"),
        *(
            '"a\\"b"',
            "---",
            "...",
            "- a",
            "?",
            "a?b",
            "a #b",
            "a#b",
            "&a",
            "*a",
            "!!str",
            "|",
            ">",
            "@",
            "`",
            "%",
            "\\",
        ),
        *("''", '""', "[1]", "{}", "{a: 1}", "y", "N", "+3", "-0", "00", "0.0", "1.", "1__", "08", "\t", "é", "日本"),
        "\u2028",
    )
)
_PIECES = st.one_of(_WORDS, st.sampled_from([" ", "\n", ", ", ": ", ":", ",", "{", "}", "#", " "]), st.text(max_size=3))
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(-1e6, 1e6).map(lambda number: round(number, 3)),
    st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFF, categories=["L", "N", "P", "S", "Zs"]), max_size=20),
)
_KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_MAPS = st.dictionaries(_KEYS, st.one_of(_SCALARS, st.dictionaries(_KEYS, _SCALARS, max_size=4)), max_size=4)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


@settings(max_examples=500)
@given(st.lists(_PIECES, max_size=14).map("".join))
@example("{a: 1, a: 2}")
@example("{a:{b: 1}}")
@example("{'a':1}")
@example("{a: }")
@example("{a: b: c}")
@example("{a: 'b'c}")
@example("{a: b,}")
@example("{a\n: 1}")
def test_whatever_is_read_is_what_pyyaml_reads(inside: str) -> None:
    for text in (inside, f"{{{inside}}}", f"{{a: {inside}}}"):
        try:
            found = parse_flow_map(text)
        except UsageError:
            continue
        assert _same(found, yaml.safe_load(text)), text


@given(_MAPS)
def test_what_pyyaml_writes_in_double_quotes_is_read_or_refused_and_never_misread(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    try:
        found = parse_flow_map(text.strip())
    except UsageError:
        return
    assert _same(found, document)


_PLAIN = st.from_regex(r"[A-Za-z/_][A-Za-z0-9/_.-]{0,20}", fullmatch=True).filter(
    lambda text: text.casefold() not in ("yes", "no", "on", "off", "y", "n", "true", "false", "null")
)


@given(
    st.dictionaries(
        _PLAIN,
        st.dictionaries(_PLAIN, st.one_of(st.integers(), st.booleans(), st.none(), _PLAIN), max_size=6),
        max_size=4,
    )
)
def test_ordinary_maps_are_read_however_they_are_spaced(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, default_flow_style=True, width=math.inf, sort_keys=False).strip()
    assert _same(parse_flow_map(text), document)
    assert _same(parse_flow_map(text.replace(", ", ",\n  ").replace("{", "{ ").replace("}", " }")), document)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"expected '\{', at character 1"),
        ("front: {}", r"expected '\{', at character 1"),
        ("{a: 1", r"expected '\}', at character 6"),
        ("{a: 1} b", "nothing after the last brace, at character 8"),
        ("{a: 1, b: 2, a: 3}", "'a' is there twice, at character 14"),
        ("{a:1}", "expected a ':' and a space after a name, at character 5"),
        ("{a: }", "expected a name or a value, at character 5"),
        ("{a: [1, 2]}", "lists are not supported, at character 5"),
        ("{a: 'b}", "quotes that open here do not close in the same line, at character 5"),
        ('{a: "C:\\foo"}', "backslash"),
        ("{a: no}", "'no' can mean several things"),
        ("{a: 0x10}", "'0x10' can mean several things"),
        ("{1: a}", "expected a name, at character 2"),
        ("{a: b?c}", "must stand in quotes"),
        ("{a: " * 40, "nested too deeply"),
    ],
)
def test_a_wrong_map_is_shown_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_flow_map(text)
    assert "index_or_path" in str(caught.value.hint)
