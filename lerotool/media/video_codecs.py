"""The codecs of videos: their table, in which a new one is a row, and the options of FFmpeg's encoders.

Imports no codec library.
"""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.errors import MediaError
from lerotool.media.format import EncoderSettings

SVT_AV1 = "libsvtav1"


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """One row."""

    name: str  # as ``info.json`` has it in ``video.codec``; FFmpeg's
    setting: str | None  # LeRobot's ``vcodec`` that makes it; None where LeRobot has none
    encoder: str  # FFmpeg's software encoder
    tags: tuple[str, ...]  # how an mp4 file names it (four characters, MP4 registration authority)
    browser: str | None = None  # how a browser is asked whether it plays it (RFC 6381), or None where none does


VIDEO_CODECS = (
    VideoCodec("av1", SVT_AV1, SVT_AV1, ("av01",), "av01.0.08M.08"),
    VideoCodec("h264", "h264", "libx264", ("avc1", "avc3"), "avc1.640033"),
    VideoCodec("hevc", "hevc", "libx265", ("hvc1", "hev1"), "hvc1.1.6.L120.90"),
    VideoCodec("vp9", None, "libvpx-vp9", ("vp09",), "vp09.00.41.08"),
)
BY_NAME = {codec.name: codec for codec in VIDEO_CODECS}
BY_TAG = {tag: codec for codec in VIDEO_CODECS for tag in codec.tags}


def setting_of(name: str) -> str:
    """Return the ``vcodec`` that makes a codec of ``info.json``; a name that is not in the table stands for itself."""
    codec = BY_NAME.get(name)
    return name if codec is None or codec.setting is None else codec.setting


_ENCODERS = {"h265": "libx265", **{codec.name: codec.encoder for codec in VIDEO_CODECS if codec.setting is not None}}
_SOFTWARE = frozenset(["libx264", "libx265", SVT_AV1, "libaom-av1"])
# Encoders that take further parameters in one option, "name=value:name=value".
_PARAMETERS = {SVT_AV1: "svtav1-params", "libx265": "x265-params"}


def encoder_name(settings: EncoderSettings) -> str:
    """Return FFmpeg's name of the encoder: LeRobot's ``h264`` is ``libx264``, ``hevc`` is ``libx265``."""
    return _ENCODERS.get(settings.vcodec, settings.vcodec)


def check_size(settings: EncoderSettings, width: int, height: int) -> None:
    """Make sure that an encoder takes pictures of a size."""
    encoder = encoder_name(settings)
    is_odd = bool(width % 2 or height % 2) if "420" in settings.pix_fmt else bool(width % 2)
    if is_odd and encoder != SVT_AV1 and ("420" in settings.pix_fmt or "422" in settings.pix_fmt):
        raise MediaError(
            f"{encoder} does not open for {width}x{height} {settings.pix_fmt}: width and height must be even",
            hint=f"use {SVT_AV1}, or crop the pictures",
        )


def encoder_preset(settings: EncoderSettings) -> int | str | None:
    """Return the preset that is used: numbers are SVT-AV1's scale and mean nothing to other encoders."""
    if isinstance(settings.preset, int) and encoder_name(settings) != SVT_AV1:
        return None
    return settings.preset


def encoder_options(settings: EncoderSettings, threads: int) -> dict[str, str]:
    """Return the options for opening the encoder; ``settings.extra_options`` win."""
    encoder = encoder_name(settings)
    preset = encoder_preset(settings)
    options = _quality(encoder, settings.crf)
    if settings.g is not None:
        options["g"] = str(settings.g)
    if preset is not None:
        options["preset"] = str(preset)
    if settings.fast_decode and encoder in ("libx264", "libx265"):
        options["tune"] = "fastdecode"
    options |= settings.extra_options
    parameters = _parameters(encoder, settings, threads)
    if parameters:
        name = _PARAMETERS[encoder]
        options[name] = ":".join([*parameters, *([options[name]] if options.get(name) else [])])
    return options


def _quality(encoder: str, crf: int | None) -> dict[str, str]:
    """Return how the quality is given to an encoder; hardware encoders as LeRobot maps them."""
    if crf is None:
        return {}
    if encoder in _SOFTWARE:
        return {"crf": str(crf)}
    family = encoder.rpartition("_")[2]
    if family == "videotoolbox":
        return {"q:v": str(max(1, min(100, 100 - 2 * crf)))}
    if family == "nvenc":
        return {"rc": "constqp", "qp": str(crf)}
    if family == "vaapi":
        return {"qp": str(crf)}
    if family == "qsv":
        return {"global_quality": str(crf)}
    return {"crf": str(crf)}


def _parameters(encoder: str, settings: EncoderSettings, threads: int) -> list[str]:
    """Return the parameters that go into an encoder's own parameter option; the last of equal names wins."""
    if encoder == SVT_AV1:
        fast = [f"fast-decode={settings.fast_decode}"] if settings.fast_decode else []
        return [*fast, *([f"lp={threads}"] if threads else [])]
    if encoder == "libx265":
        # x265 writes to stderr by itself.
        return ["log-level=none", *([f"pools={threads}", f"frame-threads={min(threads, 4)}"] if threads else [])]
    return []
