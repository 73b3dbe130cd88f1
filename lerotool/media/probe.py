"""What a video file is and every picture in it, without decoding."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.errors import MediaError
from lerotool.media.depth import DepthScale
from lerotool.media.format import EncoderSettings
from lerotool.media.libav import named_errors, open_video, reorder_depth
from lerotool.media.mp4 import Mp4Header, read_header
from lerotool.media.video_codecs import encoder_preset


@dataclass(frozen=True, slots=True)
class JoinKey:
    """What must be equal for packets of two files to stand in one."""

    codec: str  # the decoder's canonical name (``av1``, ``h264``, ``hevc``)
    width: int  # pixels
    height: int  # pixels
    pix_fmt: str
    extradata: bytes  # codec configuration; with another one H.264 and HEVC pictures decode to garbage, silently
    reorder: int  # by how many frames decoding runs ahead; with another one decode times would go back


@dataclass(frozen=True, slots=True)
class VideoInfo(JoinKey):
    """The header of a video file."""

    fps: Fraction | None  # average rate, None where the header does not tell
    base_rate: Fraction | None
    frames: int  # that the header claims, 0 where it does not tell; ``count_packets`` looks
    time_base: Fraction  # seconds per tick
    start_pts: int  # ticks; 0 if the header does not tell
    has_audio: bool
    channels: int


def probe(path: Path) -> VideoInfo:
    """Read the header of a video file."""
    with open_video(path) as (container, stream), named_errors(path, "cannot be read as a video"):
        context = stream.codec_context
        pix_fmt = context.pix_fmt or ""
        return VideoInfo(
            codec=context.codec.canonical_name,
            width=context.width,
            height=context.height,
            pix_fmt=pix_fmt,
            fps=stream.average_rate,
            base_rate=stream.base_rate,
            frames=stream.frames,
            time_base=stream.time_base or Fraction(1, 1),
            start_pts=stream.start_time or 0,
            has_audio=bool(container.streams.audio),
            channels=1 if pix_fmt.startswith("gray") else 4 if "rgba" in pix_fmt else 3,
            extradata=bytes(context.extradata or b""),
            reorder=reorder_depth(container, stream),
        )


def count_packets(path: Path) -> int:
    """Count the pictures in a video file by reading all its packets; nothing is decoded."""
    with open_video(path) as (container, stream), named_errors(path, "cannot be read to its end"):
        count = 0
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise MediaError(f"{str(path)!r}: picture {count} is cut, the file ends too early")
            count += packet.size > 0
        if count < stream.frames:
            raise MediaError(f"{str(path)!r}: {count} of {stream.frames} pictures are there, the file ends too early")
        return count


def count_complete_packets(path: Path) -> int:
    """Count the pictures of a video file, which may be cut, up to the first that is not there or not whole.

    Returns their number; 0 for a file that is not a readable video.
    """
    count = 0
    with suppress(MediaError), open_video(path) as (container, stream), named_errors(path, "cannot be read"):
        for packet in container.demux(stream):
            if packet.is_corrupt:
                break
            count += packet.size > 0
    return count


def feature_info(
    path: Path, settings: EncoderSettings | None, depth: DepthScale | None = None, depth_unit: str | None = None
) -> dict[str, Any]:
    """Return the ``info`` block that LeRobot 0.6 writes for a camera whose video this is."""
    video = probe(path)
    rate = video.base_rate or video.fps
    info: dict[str, Any] = {
        "is_depth_map": depth is not None,
        "video.height": video.height,
        "video.width": video.width,
        "video.codec": video.codec,
        "video.pix_fmt": video.pix_fmt,
        "video.fps": int(rate) if rate else 0,
        "video.channels": video.channels,
        "has_audio": video.has_audio,
    }
    if settings is not None:
        info |= {
            "video.g": settings.g,
            "video.crf": settings.crf,
            "video.preset": encoder_preset(settings),
            "video.fast_decode": settings.fast_decode,
            "video.video_backend": "pyav",
            "video.extra_options": dict(settings.extra_options),
        }
    if depth_unit is not None:
        info["depth_unit"] = depth_unit
    return info if depth is None else info | depth.to_info()


def join_key(path: Path) -> JoinKey:
    """Read a video's key."""
    video = probe(path)
    return JoinKey(*(getattr(video, field.name) for field in fields(JoinKey)))


def video_index(path: Path) -> Mp4Header:
    """Return what there is in a video file; an mp4 that has been cut is refused."""
    header = read_header(path)
    if header is None:
        return _index_packets(path)
    if (size := path.stat().st_size) < header.stop:
        raise MediaError(f"{str(path)!r}: the file ends after {size} of {header.stop} bytes, it has been cut")
    if not header.frames:
        raise MediaError(f"{str(path)!r}: the video has no pictures")
    return header


def _index_packets(path: Path) -> Mp4Header:
    key = join_key(path)
    times: list[int] = []
    keyframes: list[bool] = []
    sizes: list[int] = []
    with open_video(path) as (container, stream), named_errors(path, "cannot be read to its end"):
        start = min(0, stream.start_time or 0)
        time_base = stream.time_base or Fraction(1)
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if packet.is_corrupt or packet.pts is None:
                raise MediaError(f"{str(path)!r}: picture {len(times)} is cut or has no time")
            times.append(packet.pts - start)
            keyframes.append(packet.is_keyframe)
            sizes.append(packet.size)
    if not times:
        raise MediaError(f"{str(path)!r}: the video has no pictures")
    return Mp4Header(
        time_base,
        repr(key).encode(),
        np.array(times, np.int64),
        np.array(keyframes, np.bool_),
        np.array(sizes, np.int64),
        0,
    )
