"""Videos that are missing, cut, wrongly timed or show nothing, and what the episode table says about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lerotool.checking import Code
from lerotool.media.join import Piece, join_videos
from tests.checking.defects.defect import FRONT, REFUSED, RIGHT, VIDEO, Defect, defect
from tests.checking.defects.edits import add, cut, overwrite, remove
from tests.dataset.edits import Change, column, episodes
from tests.dataset.reading import VIDEO_SET, edit_json

from_time = f"videos/{FRONT}/from_timestamp"
to_time = f"videos/{FRONT}/to_timestamp"


def first_frames(count: int) -> Change:
    """Leave only the first pictures of the video."""

    def change(root: Path) -> None:
        whole = (root / VIDEO).rename(root / "whole.mp4")
        join_videos([Piece(whole, 0, count)], root / VIDEO, 10)
        whole.unlink()

    return change


def retimed(shown: Callable[[int], float]) -> Change:
    """Copy the video's packets so that picture k is shown at ``shown(k)`` seconds."""

    def change(root: Path) -> None:
        old = (root / VIDEO).rename(root / "old.mp4")
        with av.open(str(old)) as source, av.open(str(root / VIDEO), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.pts = packet.dts = round(shown(packet.pts // 1024) * 10240)
                    packet.stream = stream
                    target.mux(packet)
        old.unlink()

    return change


def encode(path: Path, frames: Sequence[Any], times: Sequence[float], keyframes: int) -> None:
    """Write pictures with any times."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream("h264", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 10240)
        stream.codec_context.time_base = Fraction(1, 10240)
        stream.options = {"crf": "5", "g": str(keyframes), "bf": "0"}
        for pixels, seconds in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 10240), round(seconds * 10240)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def pictures(make: Callable[[int, Any], Any], keyframes: int = 2) -> Change:
    """Replace every picture of the front camera."""

    def change(root: Path) -> None:
        with av.open(str(root / VIDEO)) as source:
            frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
        new = [make(number, frames) for number in range(len(frames))]
        encode(root / VIDEO, new, [number / 10 for number in range(len(new))], keyframes)
        edit_json(root / "meta/info.json", lambda d: d["features"][FRONT]["info"].update({"video.codec": "h264"}))

    return change


def noise_in_pictures(root: Path) -> None:
    """Overwrite the pictures; header and sizes stay."""
    content = bytearray((root / VIDEO).read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = np.random.default_rng(0).bytes(len(content) - start)
    (root / VIDEO).write_bytes(content)


def join_longer(root: Path) -> None:
    whole = (root / VIDEO).rename(root / "whole.mp4")
    join_videos([whole, Piece(whole, 0, 4)], root / VIDEO, 10)
    whole.unlink()


DEFECTS: dict[str, Defect] = {
    "video missing": defect(VIDEO_SET, remove(VIDEO), Code.VIDEO_MISSING, loading=REFUSED),
    "video cut": defect(VIDEO_SET, cut(0.7), Code.VIDEO_TRUNCATED),
    "video cut in its header": defect(VIDEO_SET, cut(0.02), Code.VIDEO_UNREADABLE),
    "video is no video": defect(VIDEO_SET, overwrite(VIDEO, b"not a video" * 99), Code.VIDEO_UNREADABLE),
    "video one short": defect(VIDEO_SET, first_frames(61), Code.VIDEO_SHORT),
    "video starts late": defect(VIDEO_SET, retimed(lambda k: k / 10 + 0.201), Code.VIDEO_TIMES),
    "video drifts": defect(VIDEO_SET, retimed(lambda k: k / 9.99), Code.VIDEO_TIMES),
    "one picture late": defect(VIDEO_SET, retimed(lambda k: k / 10 + 0.05 * (k == 20)), Code.VIDEO_TIMES),
    "from_timestamp off by 0.2 ms": defect(
        VIDEO_SET, episodes(add(from_time, 2e-4)), Code.VIDEO_TIMES, Code.VIDEO_STOP, repaired=True
    ),
    "from_timestamp one frame late": defect(
        VIDEO_SET, episodes(add(from_time, 0.1, slice(1, 2))), Code.VIDEO_OVERLAP, Code.VIDEO_STOP, repaired=True
    ),
    "from_timestamp negative": defect(
        VIDEO_SET, episodes(add(from_time, -1.0, slice(0, 1))), Code.EPISODES_VALUES, repaired=True
    ),
    "to_timestamp zero": defect(
        VIDEO_SET, episodes(lambda t: column(t, to_time, [0.0] * 4)), Code.VIDEO_STOP, loading=RIGHT, repaired=True
    ),
    "camera black": defect(
        VIDEO_SET, pictures(lambda k, frames: np.zeros_like(frames[k])), Code.CAMERA_BLACK, loading=RIGHT, changes=True
    ),
    "camera frozen": defect(
        VIDEO_SET,
        pictures(lambda k, frames: frames[10] if 10 < k < 32 else frames[k]),
        Code.CAMERA_FROZEN,
        loading=RIGHT,
        changes=True,
    ),
    "pictures damaged": defect(VIDEO_SET, noise_in_pictures, Code.VIDEO_UNDECODABLE),
}

NOTES: dict[str, Defect] = {
    "more pictures than rows": defect(VIDEO_SET, join_longer, Code.VIDEO_UNUSED, loading=RIGHT),
    "keyframes far apart": defect(
        VIDEO_SET, pictures(lambda k, frames: frames[k], 250), Code.VIDEO_KEYFRAMES, loading=RIGHT, changes=True
    ),
}
