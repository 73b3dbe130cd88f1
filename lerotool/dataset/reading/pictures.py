"""Decoded frames of an episode: from its video, or from the pictures inside its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lerotool.dataset.documents import RESTORE
from lerotool.errors import CorruptDatasetError, MediaError

if TYPE_CHECKING:
    import pyarrow as pa

    from lerotool.dataset.reading.episodes import VideoSpan
    from lerotool.features import Feature

_MM_PER_M = 1000


def iter_video(span: VideoSpan, start: int, stop: int, fps: float, feature: Feature) -> Iterator[np.ndarray]:
    """Return the frames ``start`` to ``stop`` of an episode's video; they are decoded as they are taken.

    Pictures HWC uint8 RGB, or depth (H, W, 1) float32 in millimetres.
    """
    if not span.path.is_file():
        raise CorruptDatasetError(f"{span.path}: the video is missing", hint=RESTORE)
    from lerotool.media.decode import iter_depth, iter_rgb

    first, after = span.start_frame + start, span.start_frame + stop
    if feature.is_depth:
        return iter_depth(span.path, first, after, fps, feature.info)
    return iter_rgb(span.path, first, after, fps)


def iter_images(column: pa.ChunkedArray, place: str, feature: Feature) -> Iterator[np.ndarray]:
    """Yield the pictures of an image column.

    `column`: structs of ``bytes`` and ``path``. Pictures HWC uint8 RGB, or depth (H, W, 1) float32 in millimetres.
    """
    from lerotool.media.pictures import decode_image

    scale = _MM_PER_M if feature.info.get("depth_unit") == "m" else 1
    for row, value in enumerate(column):
        stored = value.as_py()
        data = stored.get("bytes") if isinstance(stored, dict) else None
        if not data:
            raise CorruptDatasetError(f"{place}, row {row}: the row has no picture", hint=RESTORE)
        try:
            picture = decode_image(data)
        except MediaError as error:
            raise MediaError(f"{place}, row {row}: {error}", hint=error.hint or RESTORE) from error
        yield picture.astype(np.float32) * np.float32(scale) if feature.is_depth else picture
