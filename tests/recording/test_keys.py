"""Keys: from bytes, however cut, and from a real terminal."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.recording.controls import HeldKeys, Key, Keyboard, KeyParser
from tests.recording.terminal import Terminal

NEXT, AGAIN, STOP = Key.NEXT, Key.AGAIN, Key.STOP
SEQUENCES = {
    b"n": [NEXT],
    b"N": [NEXT],
    b" ": [NEXT],
    b"r": [AGAIN],
    b"q": [STOP],
    b"s": [Key.SUCCESS],
    b"F": [Key.FAILURE],
    b"!": [Key.FLAG],
    b"x": [Key.FLAG],
    b"\x1b[C": [NEXT],
    b"\x1bOC": [NEXT],
    b"\x1b[1;5C": [NEXT],
    b"\x1b[D": [AGAIN],
    b"\x1bOD": [AGAIN],
    b"\x1b[A": [],
    b"\x1b[3~": [],
    b"y": [],
    b"\r": [],
    "ü→".encode(): [],
    b"\x1bn": [],
    b"\x1b\x1b[C": [NEXT],
}


@given(st.lists(st.sampled_from(sorted(SEQUENCES))), st.data())
def test_keys_are_the_same_however_their_bytes_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    parser = KeyParser()
    keys = []
    for index, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(stream)], strict=True)):
        keys += parser.feed(stream[start:stop], index * 0.05)
    assert keys == [key for part in parts for key in SEQUENCES[part]]


def test_an_escape_counts_when_nothing_follows() -> None:
    parser = KeyParser()
    assert parser.feed(b"\x1b", 1.0) == []
    assert parser.feed(b"", 1.05) == []
    assert parser.feed(b"", 1.061) == [STOP]
    assert parser.feed(b"", 2.0) == []


def test_an_unfinished_sequence_is_dropped_and_never_an_escape() -> None:
    parser = KeyParser()
    assert parser.feed(b"\x1b[1;", 1.0) == []
    assert parser.feed(b"", 1.4) == []
    assert parser.feed(b"", 1.6) == []
    assert parser.feed(b"n", 1.7) == [NEXT]


@given(st.lists(st.binary(max_size=8)))
def test_any_bytes_are_survived(chunks: list[bytes]) -> None:
    parser = KeyParser()
    for index, chunk in enumerate(chunks):
        parser.feed(chunk, index * 0.3)
    parser.feed(b"", 1e6)
    assert parser.feed(b"q", 1e6 + 1) == [STOP]


def test_a_held_key_counts_once() -> None:
    held = HeldKeys()
    times = [0.0, 0.5, *(0.5 + 0.03 * k for k in range(1, 100))]
    assert [key for now in times for key in held.presses([NEXT], now)] == [NEXT]


def test_presses_of_different_keys_and_later_ones_count() -> None:
    held = HeldKeys()
    assert held.presses([NEXT, AGAIN], 0.0) == [NEXT, AGAIN]
    assert held.presses([NEXT], 0.9) == [NEXT]


def test_there_are_no_keys_where_stdin_is_no_terminal(tmp_path: Path) -> None:
    with (tmp_path / "empty").open("w+b") as file, Keyboard(file.fileno()) as keyboard:
        assert not keyboard.is_active
        assert keyboard.poll() == []


CHILD = """
import sys, termios, time
from lerotool.recording.controls import Keyboard
before = termios.tcgetattr(0)
with Keyboard() as keyboard:
    print("ready", flush=True)
    keys = []
    while "stop" not in keys:
        keys += keyboard.poll()
        time.sleep(0.005)
print("keys", *keys, flush=True)
print("restored", termios.tcgetattr(0) == before, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs a pty")
def test_keys_arrive_from_a_real_terminal_which_is_restored() -> None:
    with Terminal([sys.executable, "-c", textwrap.dedent(CHILD)]) as terminal:
        terminal.read_until("ready")
        terminal.type(b"\x1b", b"[", b"C")
        terminal.type(b"y\x1bOD")
        terminal.type(b"q")
        text = terminal.read_until("restored True")
    assert "keys next again stop" in text


@pytest.mark.skipif(os.name == "nt", reason="needs a pty")
def test_the_terminal_is_taken_again_after_it_was_stopped() -> None:
    with Terminal([sys.executable, "-c", textwrap.dedent(CHILD)]) as terminal:
        terminal.read_until("ready")
        terminal.restore_line_mode()
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.wait_for_key_mode()
        terminal.type(b"n")
        terminal.type(b"\x1b")
        assert "keys next stop" in terminal.read_until("restored")
