"""Videos that every browser plays, made of pictures for looking at; never for a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from lerotool.errors import MediaError
from lerotool.media.encode import Colours, VideoEncoder
from lerotool.media.format import EncoderSettings

# Quick to make and to move about in, and hard to tell from the pictures themselves.
_SETTINGS = EncoderSettings(vcodec="h264", crf=18, g=10, preset="veryfast")
# ITU-T H.273: the scaler's matrix is that of BT.601 (6); browsers take large videos without a word for BT.709.
_COLOURS = Colours(space=6, primaries=1, curve=1)


def encode_playable(target: Path, pictures: Iterable[npt.NDArray[np.uint8]], fps: float) -> None:
    """Make an H.264 video; picture k is shown from k/fps on.

    `pictures`: (height, width, 3) RGB, all of one size; an odd line or column is doubled, as 4:2:0 asks for. `fps`:
    pictures a second.
    """
    rest = iter(pictures)
    if (first := next(rest, None)) is None:
        raise MediaError(f"{str(target)!r}: no pictures to encode")
    height, width = (size + size % 2 for size in first.shape[:2])
    with VideoEncoder(target, width, height, fps, _SETTINGS, threads=1, colours=_COLOURS) as encoder:
        for picture in chain([first], rest):
            encoder.write(av.VideoFrame.from_ndarray(_even(picture), format="rgb24"))


def _even(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(even)
