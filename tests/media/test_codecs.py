"""The encoders that this machine really has."""

from __future__ import annotations

import pytest

from lerotool.errors import MediaError
from lerotool.media import encode as codecs
from lerotool.media.encode import HARDWARE, choose_encoder, probe_encoder
from lerotool.media.format import AUTO, EncoderSettings


def test_a_named_codec_is_left_as_it_is():
    settings = EncoderSettings(vcodec="no_such_codec")
    assert choose_encoder(settings).settings is settings


def test_auto_finds_an_encoder_that_encodes_and_says_why_not_the_others():
    choice = choose_encoder(EncoderSettings(vcodec=AUTO, crf=35))
    probe_encoder(choice.settings)
    assert choice.settings.crf == 35
    tried = [encoder for encoder, _ in choice.refused]
    assert tried == list(HARDWARE[: len(tried)])
    for encoder, reason in choice.refused:
        assert encoder in reason
        with pytest.raises(MediaError):
            probe_encoder(EncoderSettings(vcodec=encoder))


@pytest.mark.parametrize(("preset", "expected"), [("fast", 12), (None, 12), (8, 8)])
def test_where_no_hardware_encodes_it_is_svt_av1(monkeypatch, preset, expected):
    monkeypatch.setattr(codecs, "HARDWARE", ("h264_nonsense",))
    choice = choose_encoder(EncoderSettings(vcodec=AUTO, preset=preset))
    assert (choice.settings.vcodec, choice.settings.preset) == ("libsvtav1", expected)
    assert choice.refused[0][1] == "no video encoder 'h264_nonsense' on this machine"


def test_the_first_that_works_is_taken(monkeypatch):
    monkeypatch.setattr(codecs, "HARDWARE", ("h264_nonsense", "libx264", "libx265"))
    choice = choose_encoder(EncoderSettings(vcodec=AUTO))
    assert choice.settings.vcodec == "libx264"
    assert [encoder for encoder, _ in choice.refused] == ["h264_nonsense"]
