"""Packets of cameras become pictures, one by one."""

from __future__ import annotations

import gc
import pickle
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from lerotool.errors import MediaError
from lerotool.media.decode import iter_rgb
from lerotool.media.encode import VideoEncoder, encode_jpeg
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, to_rgb
from tests.media.pictures import H264, HEIGHT, WIDTH, number_of, numbered, psnr, rgb_frame, scene

MJPEG = StreamFormat(StreamCodec.MJPEG, 160, 120, "yuvj422p", 30)


def raw(pixel_format: str, width: int = WIDTH, height: int = HEIGHT) -> StreamFormat:
    return StreamFormat(StreamCodec.RAW, width, height, pixel_format, 30)


def h264_packets(count: int, **options: str) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base = Fraction(1, 30)
    context.options = {"g": "10", **options}
    packets = []
    for number in range(count):
        frame = rgb_frame(numbered(number))
        frame.pts = number
        packets += context.encode(frame)
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]


def test_jpegs_stay_full_range_and_unconverted():
    decoder = PacketDecoder(MJPEG)
    for number in range(5):
        frame = decoder.decode(encode_jpeg(scene(number)))
        assert frame.format.name == "yuvj422p"
        assert frame.color_range == ColorRange.JPEG
        assert psnr(to_rgb(frame), scene(number)) > 35


@pytest.mark.parametrize("packet", [b"", b"\xff\xd8", b"hello" * 100, encode_jpeg(scene(0))[:300]])
def test_a_damaged_jpeg_is_told_and_the_next_one_decodes(packet):
    decoder = PacketDecoder(MJPEG)
    with pytest.raises(MediaError, match="mjpeg packet"):
        decoder.decode(packet)
    assert psnr(to_rgb(decoder.decode(encode_jpeg(scene(1)))), scene(1)) > 35


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_packets_may_be_any_bytes(kind):
    assert PacketDecoder(MJPEG).decode(kind(encode_jpeg(scene(0)))).width == 160
    planes = rgb_frame(numbered(9)).reformat(format="yuv420p").to_ndarray().tobytes()
    assert number_of(to_rgb(PacketDecoder(raw("yuv420p")).decode(kind(planes)))) == 9


def test_raw_pictures_are_what_their_bytes_say():
    planes = rgb_frame(scene(0)).reformat(format="yuv420p", dst_color_range="MPEG")
    frame = PacketDecoder(raw("yuv420p", 160, 120)).decode(planes.to_ndarray().tobytes())
    np.testing.assert_array_equal(frame.to_ndarray(), planes.to_ndarray())
    assert frame.color_range == ColorRange.MPEG
    picture = scene(0, 33, 21)
    frame = PacketDecoder(raw("rgb24", 33, 21)).decode(picture.tobytes())
    np.testing.assert_array_equal(to_rgb(frame), picture)


@pytest.mark.slow
@pytest.mark.parametrize("pixel_format", ["yuv420p", "rgb24"])
def test_a_raw_picture_outlives_its_packet_in_the_encoder(tmp_path, pixel_format):
    """The frame shares the packet's memory, and encoders look ahead."""
    decoder = PacketDecoder(raw(pixel_format))
    with VideoEncoder(tmp_path / "v.mp4", WIDTH, HEIGHT, 30, H264) as encoder:
        for number in range(50):
            encoder.write(
                decoder.decode(rgb_frame(numbered(number)).reformat(format=pixel_format).to_ndarray().tobytes())
            )
            if number % 10 == 0:
                gc.collect()
    assert [number_of(picture) for picture in iter_rgb(tmp_path / "v.mp4", 0, 50, 30)] == list(range(50))


@pytest.mark.parametrize(("pixel_format", "size"), [("yuv420p", 0), ("yuv420p", 4607), ("rgb24", 4608)])
def test_a_raw_packet_of_the_wrong_size_is_told(pixel_format, size):
    with pytest.raises(MediaError, match=f"has {size} bytes, expected"):
        PacketDecoder(raw(pixel_format)).decode(bytes(size))


@pytest.mark.parametrize("format_", [raw("yuyv422"), raw("yuv420p", 33, 20), raw("yuv420p", 32, 21)])
def test_other_raw_pictures_are_refused_at_once(format_):
    with pytest.raises(MediaError, match="not supported"):
        PacketDecoder(format_)


@pytest.mark.parametrize("options", [{"tune": "zerolatency"}, {"bf": "0"}, {"profile": "baseline"}], ids=str)
def test_h264_gives_one_picture_a_packet(options):
    decoder = PacketDecoder(StreamFormat(StreamCodec.H264, WIDTH, HEIGHT, "yuv420p", 30))
    found = [number_of(to_rgb(decoder.decode(packet))) for packet in h264_packets(25, **options)]
    assert found == list(range(25))


def test_h264_that_reorders_or_begins_without_a_keyframe_is_told():
    format_ = StreamFormat(StreamCodec.H264, WIDTH, HEIGHT, "yuv420p", 30)
    with pytest.raises(MediaError, match="gives 0 pictures"):
        PacketDecoder(format_).decode(h264_packets(9, bf="2")[0])
    packets = h264_packets(15, bf="0", sc_threshold="0")
    decoder = PacketDecoder(format_)
    with pytest.raises(MediaError, match="h264 packet"):
        decoder.decode(packets[3])
    assert number_of(to_rgb(decoder.decode(packets[10]))) == 10


def test_our_errors_cross_processes():
    with pytest.raises(MediaError) as caught:
        PacketDecoder(MJPEG).decode(b"junk")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
