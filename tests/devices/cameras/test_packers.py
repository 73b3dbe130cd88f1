"""H.264 that can be cut at keyframes, and which packets of it can be used."""

from __future__ import annotations

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.devices.cameras.demuxed import iter_unit_kinds, pack_h264
from lerotool.devices.cameras.reader import Inspector, Verdict
from lerotool.devices.cameras.simulated import read_number
from lerotool.devices.cameras.sources import StreamPacket
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, to_rgb
from tests.devices.cameras.h264 import SIZE, encoder, iter_packets
from tests.devices.cameras.parts import jpeg

_FORMAT = StreamFormat(StreamCodec.H264, *SIZE, "yuv420p", 50.0)
_COUNT = 40


def _pack(codec: av.VideoCodecContext) -> list[tuple[bytes, bool]]:
    codec.open()
    parameters = bytes(codec.extradata or b"")
    return [pack_h264(parameters, _flagged(data)) for data in iter_packets(codec, _COUNT)]


def _flagged(data: bytes) -> av.Packet:
    """Return a packet that a demuxer takes for a keyframe."""
    packet = av.Packet(data)
    packet.is_keyframe = True
    return packet


def _numbers(packets: list[bytes]) -> list[int]:
    decoder = PacketDecoder(_FORMAT)
    return [read_number(to_rgb(decoder.decode(data))) for data in packets]


@pytest.mark.parametrize("in_band", [True, False], ids=["sets in the stream", "sets beside the stream"])
def test_from_every_keyframe_on_a_stream_can_be_decoded_by_itself(in_band: bool) -> None:
    packed = _pack(encoder(in_band=in_band))
    keyframes = [number for number, (_, is_keyframe) in enumerate(packed) if is_keyframe]
    assert keyframes == [0, 12, 24, 36]
    for start in keyframes:
        assert _numbers([data for data, _ in packed[start:]]) == list(range(start, _COUNT))


def test_parameter_sets_that_are_there_are_not_repeated() -> None:
    for data, is_keyframe in _pack(encoder(in_band=True)):
        assert list(iter_unit_kinds(data)).count(7) == is_keyframe


def test_an_intra_picture_that_is_no_fresh_start_is_no_keyframe() -> None:
    packed = _pack(encoder(**{"x264-params": "open-gop=1:bframes=0:keyint=12:min-keyint=12:intra-refresh=1"}))
    assert [number for number, (_, is_keyframe) in enumerate(packed) if is_keyframe] == [0]


def test_a_damaged_packet_is_empty() -> None:
    packet = av.Packet(b"\0\0\1\x65abc")
    assert pack_h264(b"", packet) == (b"\0\0\1\x65abc", True)
    packet.is_corrupt = True
    assert pack_h264(b"", packet) == (b"", False)


@given(st.binary())
def test_any_bytes_have_units_or_none(data: bytes) -> None:
    assert all(0 <= kind < 32 for kind in iter_unit_kinds(data))


_KEY, _DEPENDS, _BAD = "key", "depends", "bad"


@settings(max_examples=200)
@given(st.lists(st.sampled_from([_KEY, _DEPENDS, _DEPENDS, _BAD]), max_size=40))
def test_a_group_is_whatever_the_newest_good_packet_needs(kinds: list[str]) -> None:
    inspector = Inspector(StreamCodec.H264)
    chain: list[int] = []  # the plain model: numbers since the last keyframe without a hole
    expected: tuple[int, ...] = ()
    for number, kind in enumerate(kinds):
        data = b"" if kind == _BAD else b"%d" % number
        verdict = inspector.inspect(StreamPacket(data, number, kind == _KEY))
        if kind == _BAD:
            chain = []
            assert verdict is Verdict.EMPTY
        elif kind == _KEY or chain:
            chain = [number] if kind == _KEY else [*chain, number]
            expected = tuple(chain)
            assert verdict is Verdict.GOOD
        else:
            assert verdict is Verdict.UNREACHABLE
        assert tuple(packet.captured_ns for packet in inspector.group) == expected


def test_a_group_that_is_too_large_is_not_kept_until_the_next_keyframe() -> None:
    inspector = Inspector(StreamCodec.H264, group_bytes=10)
    sizes = []
    for number, is_keyframe in enumerate([True, False, False, False, True, False]):
        assert inspector.inspect(StreamPacket(b"1234", number, is_keyframe)) is Verdict.GOOD
        sizes.append(len(inspector.group))
    assert sizes == [1, 2, 0, 0, 1, 2]


def test_of_pictures_that_stand_alone_the_newest_is_the_group() -> None:
    for codec, good in ((StreamCodec.RAW, b"abc"), (StreamCodec.MJPEG, jpeg(1))):
        inspector = Inspector(codec)
        for number in range(3):
            assert inspector.inspect(StreamPacket(good, number)) is Verdict.GOOD
        assert inspector.inspect(StreamPacket(b"", 3)) is Verdict.EMPTY
        assert [packet.captured_ns for packet in inspector.group] == [2]
        assert inspector.inspect(StreamPacket(good, 4)) is Verdict.GOOD
    assert inspector.inspect(StreamPacket(good[:-2], 5)) is Verdict.CUT
