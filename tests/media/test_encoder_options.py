"""What encoders are told."""

from __future__ import annotations

import pytest

from lerotool.media.format import EncoderSettings
from lerotool.media.video_codecs import encoder_name, encoder_options, encoder_preset


def test_the_defaults_are_lerobots():
    assert encoder_options(EncoderSettings(), threads=0) == {"crf": "30", "g": "2", "preset": "12"}


@pytest.mark.parametrize(
    ("vcodec", "name"),
    [("h264", "libx264"), ("hevc", "libx265"), ("libsvtav1", "libsvtav1"), ("h264_nvenc", "h264_nvenc")],
)
def test_encoders_have_ffmpegs_names(vcodec, name):
    assert encoder_name(EncoderSettings(vcodec=vcodec)) == name


def test_a_numbered_preset_is_for_svt_av1_only():
    assert encoder_preset(EncoderSettings(vcodec="h264")) is None
    assert encoder_preset(EncoderSettings(vcodec="h264", preset="fast")) == "fast"
    assert "preset" not in encoder_options(EncoderSettings(vcodec="hevc"), threads=0)


def test_parameters_of_the_user_come_after_ours_and_win():
    settings = EncoderSettings(fast_decode=1, extra_options={"svtav1-params": "tune=0:lp=2", "crf": "20"})
    options = encoder_options(settings, threads=1)
    assert options["svtav1-params"] == "fast-decode=1:lp=1:tune=0:lp=2"
    assert options["crf"] == "20"


def test_x265_is_silent_and_keeps_to_its_threads():
    options = encoder_options(EncoderSettings(vcodec="hevc", fast_decode=1), threads=2)
    assert options["x265-params"] == "log-level=none:pools=2:frame-threads=2"
    assert options["tune"] == "fastdecode"


@pytest.mark.parametrize(
    ("vcodec", "quality"),
    [
        ("h264_nvenc", {"rc": "constqp", "qp": "30"}),
        ("hevc_videotoolbox", {"q:v": "40"}),
        ("h264_vaapi", {"qp": "30"}),
        ("h264_qsv", {"global_quality": "30"}),
        ("libvpx-vp9", {"crf": "30"}),
    ],
)
def test_hardware_encoders_get_the_quality_in_their_own_words(vcodec, quality):
    assert encoder_options(EncoderSettings(vcodec=vcodec, g=None), threads=1) == quality


def test_nothing_is_set_that_is_none():
    assert encoder_options(EncoderSettings(vcodec="h264", g=None, crf=None, preset=None), threads=0) == {}
