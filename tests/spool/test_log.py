"""Append-only files and their records."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import SpoolError
from lerotool.spool.log import FRAME, AppendFile, frame, iter_records

PAYLOADS = st.lists(st.binary(min_size=1, max_size=50), max_size=8)


def read(data: bytes) -> list[bytes]:
    return [bytes(payload) for payload in iter_records(data)]


@given(PAYLOADS)
def test_records_come_back_in_order(payloads: list[bytes]) -> None:
    assert read(b"".join(map(frame, payloads))) == payloads


@given(PAYLOADS, st.binary(min_size=1, max_size=20))
def test_every_cut_leaves_exactly_the_complete_records(payloads: list[bytes], last: bytes) -> None:
    """Property: whatever part of the last record is missing, all before are read and it is not."""
    whole = b"".join(map(frame, [*payloads, last]))
    for missing in range(1, len(frame(last)) + 1):
        assert read(whole[:-missing]) == payloads


@given(PAYLOADS, st.binary(min_size=1, max_size=20), st.data())
def test_a_flipped_bit_ends_reading_before_its_record(payloads: list[bytes], last: bytes, data: st.DataObject) -> None:
    """Property: a damaged record is never returned, and neither is anything behind it."""
    start = sum(len(frame(payload)) for payload in payloads)
    whole = bytearray(b"".join(map(frame, [*payloads, last])))
    position = data.draw(st.integers(start, len(whole) - 1))
    before = bytes(whole)
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    assert bytes(whole) != before
    assert read(bytes(whole)) == payloads


@given(PAYLOADS, st.integers(1, 100))
def test_zeros_after_a_power_cut_are_no_records(payloads: list[bytes], zeros: int) -> None:
    assert read(b"".join(map(frame, payloads)) + bytes(zeros)) == payloads


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(data: bytes) -> None:
    """Property: reading never fails, and what it returns is framed in the data."""
    payloads = read(data)
    assert data.startswith(b"".join(map(frame, payloads)))


def test_an_empty_record_is_refused() -> None:
    with pytest.raises(SpoolError, match="found 0"):
        frame(b"")


def test_a_record_is_size_check_sum_payload_little_endian() -> None:
    assert frame(b"abc") == bytes.fromhex("03000000 c2412435") + b"abc"
    assert FRAME.size == 8


def test_appends_are_in_the_file_when_they_return(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "rows.log")
    assert file.append(b"one") == 0
    assert (tmp_path / "rows.log").read_bytes() == b"one"
    assert file.append(memoryview(b"three")) == 3
    assert (tmp_path / "rows.log").read_bytes() == b"onethree"
    assert (file.size, file.count) == (8, 2)
    file.close()


def test_a_file_that_exists_is_never_appended_to(tmp_path: Path) -> None:
    (tmp_path / "rows.log").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        AppendFile(tmp_path / "rows.log")
    assert (tmp_path / "rows.log").read_bytes() == b"old"


def test_a_closed_file_takes_nothing_and_syncs_quietly(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "rows.log")
    file.close()
    file.close()
    file.sync()
    with pytest.raises(SpoolError, match="closed"):
        file.append(b"x")


def test_rewinding_cuts_the_file(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "rows.log")
    file.append(b"one")
    file.append(b"two")
    file.rewind(3, 1)
    file.append(b"2")
    file.close()
    assert (tmp_path / "rows.log").read_bytes() == b"one2"
    assert file.count == 2


class CtrlCError(BaseException):
    """What Ctrl-C does between two steps."""


def test_an_interrupt_during_the_write_leaves_no_uncounted_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is on disk already when the interrupt comes, but nobody was told."""
    file = AppendFile(tmp_path / "rows.log")
    file.append(b"one")
    write = os.write

    def interrupted(descriptor: int, data: bytes) -> int:
        write(descriptor, data)
        raise CtrlCError

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(CtrlCError):
            file.append(b"two")
    assert (file.size, file.count) == (3, 1)
    file.append(b"three")
    file.close()
    assert (tmp_path / "rows.log").read_bytes() == b"onethree"


def test_a_failed_sync_is_told_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync a later one may succeed although data are lost, so it must not be believed."""
    file = AppendFile(tmp_path / "rows.log")
    file.append(b"one")

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("lerotool.spool.log.sync_descriptor", failing)
        with pytest.raises(OSError, match="Input/output"):
            file.sync()
    for again in (file.sync, lambda: file.append(b"two")):
        with pytest.raises(OSError, match="Input/output"):
            again()
    file.close()


def test_threads_append_and_sync_at_once(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "rows.log")
    stop = threading.Event()

    def keep_syncing() -> None:
        while not stop.is_set():
            file.sync()

    syncing = threading.Thread(target=keep_syncing)
    writers = [
        threading.Thread(target=lambda b=bytes([n + 65]): [file.append(frame(b * 9)) for _ in range(100)])
        for n in range(3)
    ]
    for thread in [syncing, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    file.close()
    stop.set()
    syncing.join()
    payloads = read((tmp_path / "rows.log").read_bytes())
    assert sorted(payloads) == sorted(bytes([n + 65]) * 9 for n in range(3) for _ in range(100))
