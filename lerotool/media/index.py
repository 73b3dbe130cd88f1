"""Every picture of a video file, listed without decoding: from the header of an mp4, else from its packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lerotool.errors import MediaError
from lerotool.media.join import join_key
from lerotool.media.libav import named_errors, open_video
from lerotool.media.mp4 import Mp4Header, read_header


def video_index(path: Path) -> Mp4Header:
    """Return what there is in a video file; an mp4 that has been cut is refused.

    Raises:
        MediaError: the file is no readable video, or is shorter than its header says.
        FileNotFoundError: it is missing.
    """
    header = read_header(path)
    if header is None:
        return _index_packets(path)
    if (size := path.stat().st_size) < header.stop:
        raise MediaError(f"{str(path)!r}: the file ends after {size} of {header.stop} bytes, it has been cut")
    if not header.frames:
        raise MediaError(f"{str(path)!r}: there are no pictures in the video")
    return header


def _index_packets(path: Path) -> Mp4Header:
    key = join_key(path)
    times: list[int] = []
    keyframes: list[bool] = []
    sizes: list[int] = []
    with open_video(path) as (container, stream), named_errors(path, "cannot be read to its end"):
        start = min(0, stream.start_time or 0)
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if packet.is_corrupt or packet.pts is None:
                raise MediaError(f"{str(path)!r}: picture {len(times)} is cut or has no time")
            times.append(packet.pts - start)
            keyframes.append(packet.is_keyframe)
            sizes.append(packet.size)
        is_alone = len(container.streams) == 1
    if not times:
        raise MediaError(f"{str(path)!r}: there are no pictures in the video")
    return Mp4Header(
        key.time_base,
        repr(key).encode(),
        np.array(times, np.int64),
        np.array(keyframes, np.bool_),
        np.array(sizes, np.int64),
        0,
        is_alone,
    )
