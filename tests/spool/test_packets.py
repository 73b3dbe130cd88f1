"""Camera packets and their index."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import SpoolError
from lerotool.spool.log import AppendFile, frame
from lerotool.spool.packets import ENTRY, PacketReader, PacketWriter, read_entries

PACKETS = st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.integers(-(2**63), 2**63 - 1), st.booleans()))
KEY = "observation.images.front"


def write(folder: Path, packets: list[tuple[bytes, int, bool]]) -> PacketWriter:
    writer = PacketWriter(folder / "front.mjpeg", folder / "front.index")
    for number, packet in enumerate(packets):
        assert writer.append(*packet) == number
    return writer


def read(folder: Path, count: int) -> PacketReader:
    return PacketReader(folder, KEY, folder / "front.mjpeg", folder / "front.index", count)


@given(PACKETS)
def test_packets_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, packets: list[tuple[bytes, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("packets")
    writer = write(folder, packets)
    assert writer.count == len(packets)
    assert writer.newest == ((len(packets) - 1, packets[-1][1]) if packets else None)
    writer.close()
    with read(folder, len(packets)) as reader:
        assert len(reader) == len(packets)
        assert [reader.packet(number) for number in range(len(packets))] == [data for data, _, _ in packets]
        assert reader.captured_ns.tolist() == [captured for _, captured, _ in packets]
        assert reader.keyframes.tolist() == [keyframe for _, _, keyframe in packets]
        assert reader.captured_ns.dtype == np.int64
        assert reader.count_sound() == len(packets)


def test_the_files_are_as_documented(tmp_path: Path) -> None:
    """Packets lie one after another; the index says offset, size, check sum, capture time and keyframe."""
    write(tmp_path, [(b"abc", 5, True), (b"de", 7, False)]).close()
    assert (tmp_path / "front.mjpeg").read_bytes() == b"abcde"
    entries = [
        struct.pack("<QIIqI", 0, 3, zlib.crc32(b"abc"), 5, 1),
        struct.pack("<QIIqI", 3, 2, zlib.crc32(b"de"), 7, 0),
    ]
    assert (tmp_path / "front.index").read_bytes() == b"".join(map(frame, entries))


@pytest.mark.parametrize(
    "packet",
    [bytearray(b"abcd"), memoryview(b"abcd"), np.frombuffer(b"abcd", np.uint8).reshape(2, 2), av.Packet(b"abcd")],
)
def test_anything_like_bytes_is_a_packet(tmp_path: Path, packet: bytes) -> None:
    write(tmp_path, [(packet, 0, True)]).close()
    assert read(tmp_path, 1).packet(0) == b"abcd"


def test_an_empty_packet_is_refused(tmp_path: Path) -> None:
    writer = write(tmp_path, [(b"abc", 0, True)])
    with pytest.raises(SpoolError, match="found 0"):
        writer.append(b"", 1)
    assert writer.count == 1
    writer.close()


def test_after_closing_packets_are_refused(tmp_path: Path) -> None:
    writer = write(tmp_path, [(b"abc", 0, True)])
    writer.close()
    with pytest.raises(SpoolError, match="closed"):
        writer.append(b"abc", 1)


def test_a_packet_whose_index_cannot_be_written_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write(tmp_path, [(b"abc", 0, True)])
    append = AppendFile.append

    def full(self: AppendFile, data: bytes) -> int:
        if self.path.suffix == ".index":
            raise OSError(28, "No space left on device")
        return append(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(AppendFile, "append", full)
        with pytest.raises(OSError, match="No space"):
            writer.append(b"lost", 1)
    assert (tmp_path / "front.mjpeg").read_bytes() == b"abc"
    assert writer.append(b"de", 2) == 1
    writer.close()
    with read(tmp_path, 2) as reader:
        assert [reader.packet(0), reader.packet(1)] == [b"abc", b"de"]


def test_every_flipped_bit_of_a_packet_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, [(b"abc", 0, True), (b"de", 1, True)]).close()
    path = tmp_path / "front.mjpeg"
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert bytes(damaged) != whole
        path.write_bytes(damaged)
        wrong = 0 if bit // 8 < 3 else 1
        with read(tmp_path, 2) as reader:
            assert reader.packet(1 - wrong) in (b"abc", b"de")
            assert reader.count_sound() == wrong
            with pytest.raises(SpoolError, match=f"{tmp_path.name}.*{KEY}.*packet {wrong} is damaged"):
                reader.packet(wrong)


def test_packets_beyond_the_end_of_the_file_are_told(tmp_path: Path) -> None:
    write(tmp_path, [(b"abc", 0, True), (b"de", 1, True)]).close()
    (tmp_path / "front.mjpeg").write_bytes(b"abcd")
    with pytest.raises(SpoolError, match="packet 1 lies beyond the end"):
        read(tmp_path, 2)
    assert read(tmp_path, 1).packet(0) == b"abc"


@pytest.mark.parametrize("offset", [2**64 - 1, 2**63, 4])
def test_an_index_that_points_anywhere_is_told(tmp_path: Path, offset: int) -> None:
    (tmp_path / "front.mjpeg").write_bytes(b"abc")
    (tmp_path / "front.index").write_bytes(frame(ENTRY.pack(offset, 2**32 - 1, 0, 0, 0)))
    with pytest.raises(SpoolError, match="packet 0 lies beyond the end"):
        read(tmp_path, 1)


def test_missing_files_have_no_packets(tmp_path: Path) -> None:
    assert len(read_entries(tmp_path / "front.index")) == 0
    assert len(read(tmp_path, 0)) == 0
    with pytest.raises(SpoolError, match="expected 1 packets, the index has 0"):
        read(tmp_path, 1)


def test_a_number_out_of_range_is_an_index_error(tmp_path: Path) -> None:
    write(tmp_path, [(b"abc", 0, True)]).close()
    with read(tmp_path, 1) as reader:
        for number in (-1, 1):
            with pytest.raises(IndexError, match=f"packet {number} of 1"):
                reader.packet(number)
