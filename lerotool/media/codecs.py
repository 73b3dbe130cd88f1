"""Which encoder this machine really has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from lerotool.errors import MediaError
from lerotool.media.encode import probe_encoder
from lerotool.media.encoder_options import check_size
from lerotool.media.format import AUTO, EncoderSettings
from lerotool.media.video_codecs import SVT_AV1

HARDWARE = ("h264_videotoolbox", "hevc_videotoolbox", "h264_nvenc", "hevc_nvenc", "h264_vaapi", "h264_qsv")
"""What ``auto`` tries, in LeRobot's order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The encoder that ``auto`` has found."""

    settings: EncoderSettings
    refused: tuple[tuple[str, str], ...] = ()  # the encoders that were tried before, and why they do not work here


def choose_encoder(settings: EncoderSettings) -> Choice:
    """Replace the codec ``auto`` by the first hardware encoder that really encodes, else by SVT-AV1.

    Libraries list encoders whose hardware is not there, so each is tried with a few pictures. Other codecs are left as
    they are.
    """
    if settings.vcodec != AUTO:
        return Choice(settings)
    refused: list[tuple[str, str]] = []
    for encoder in HARDWARE:
        reason = _refusal(encoder, settings.pix_fmt)
        if reason is None:
            return Choice(replace(settings, vcodec=encoder), tuple(refused))
        refused.append((encoder, reason))
    preset = settings.preset if isinstance(settings.preset, int) else EncoderSettings().preset
    return Choice(replace(settings, vcodec=SVT_AV1, preset=preset), tuple(refused))


def require_sizes(settings: EncoderSettings, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Make sure that the encoder takes the pictures of cameras, before any are recorded."""
    odd = {camera: size for camera, size in sizes.items() if size[0] % 2 or size[1] % 2}
    if not odd:
        return
    chosen = choose_encoder(settings).settings
    for camera, (height, width) in odd.items():
        try:
            check_size(chosen, width, height)
        except MediaError as error:
            raise MediaError(f"camera {camera!r}: {error}", hint=error.hint) from None


@lru_cache
def _refusal(encoder: str, pix_fmt: str) -> str | None:
    """Return why an encoder does not work on this machine, None if it does."""
    try:
        probe_encoder(EncoderSettings(vcodec=encoder, pix_fmt=pix_fmt))
    except MediaError as error:
        return str(error)
    return None
