"""The table of codecs that videos of datasets have. A new one is a row here. Imports no codec library."""

from __future__ import annotations

from dataclasses import dataclass

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
