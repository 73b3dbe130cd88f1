"""Counts and sizes in the words of people; texts from files for a terminal, and paths for a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lerotool.wording import as_argument, counted, one_line, printable, shell_word, sized


@pytest.mark.parametrize(("number", "text"), [(0, "0 episodes"), (1, "1 episode"), (2, "2 episodes")])
def test_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "episode") == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2.5e9, "2.5 GB"),
        (3e15, "3000 TB"),
    ],
)
def test_sizes_are_decimal_and_short(size: float, text: str) -> None:
    assert sized(size) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Räume den Würfel auf → Kiste", "Räume den Würfel auf → Kiste"),
        ("立方体を\u3000取る", "立方体を\u3000取る"),
        ("\x1b]0;PWNED\x07", r"\x1b]0;PWNED\x07"),
        ("\x9b2J\x7f\r", r"\x9b2J\x7f\r"),
        ("left\u202eright", r"left\u202eright"),
        ("d\udcff", r"d\xff"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert one_line(text) == shown.replace("\n", r"\n")


ARGUMENTS = st.binary(min_size=1).filter(lambda data: b"\0" not in data).map(os.fsdecode)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash reads the words")
@given(st.lists(ARGUMENTS, min_size=1, max_size=20))
@example(["-x", "d\udcff", "two words", "it's", "\x1b[2J\\", "a\nb", "é1", "\x011"])
def test_a_shell_reads_every_printed_word_as_it_was(texts: list[str]) -> None:
    words = [shell_word(text) for text in texts]
    assert all(word.isprintable() or one_line(word) == word for word in words)
    read = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {' '.join(words)}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert read.stdout.split(b"\0")[:-1] == [os.fsencode(text) for text in texts]


def test_a_printed_path_is_never_an_option() -> None:
    assert as_argument("-x") == "./-x"
    assert as_argument(Path("-two words")) == "'./-two words'"
    assert as_argument("data/pick") == "data/pick"
