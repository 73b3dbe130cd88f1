"""TIFFs of 32-bit floats, which FFmpeg does not read: one channel, uncompressed, as Pillow writes mode ``F``."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _CHANNELS, _SIZES, _SAMPLE_FORMAT = (
    256,
    257,
    258,
    259,
    273,
    277,
    279,
    339,
)
_FIELD_TYPES = {3: "H", 4: "I"}
_FLOAT, _UNCOMPRESSED = [3], [1]


def read_float_tiff(data: bytes) -> npt.NDArray[np.float32] | None:
    """Read a picture as (height, width, 1); None for every other kind of TIFF.

    Raises:
        ValueError: it is of this kind, but cut or contradictory.
    """
    order = "<" if data[:2] == b"II" else ">"
    try:
        tags = _read_tags(data, order)
    except struct.error:
        return None
    kind = (tags.get(_BITS), tags.get(_SAMPLE_FORMAT), tags.get(_COMPRESSION, [1]), tags.get(_CHANNELS, [1]))
    if kind != ([32], _FLOAT, _UNCOMPRESSED, [1]):
        return None
    (height,), (width,) = tags.get(_HEIGHT, [0]), tags.get(_WIDTH, [0])
    strips = zip(tags.get(_OFFSETS, []), tags.get(_SIZES, []), strict=True)
    pixels = b"".join(data[start : start + size] for start, size in strips)
    if len(pixels) != height * width * 4 or not pixels:
        raise ValueError(f"{len(pixels)} bytes of pixels for {width}x{height}")
    return np.frombuffer(pixels, f"{order}f4").astype(np.float32).reshape(height, width, 1)


def _read_tags(data: bytes, order: str) -> dict[int, list[int]]:
    """Read the whole-number fields of the first directory."""
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    tags: dict[int, list[int]] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, field_type, values = struct.unpack_from(f"{order}HHI", data, entry)
        if field_type in _FIELD_TYPES:
            layout = f"{order}{values}{_FIELD_TYPES[field_type]}"
            place = entry + 8
            if struct.calcsize(layout) > 4:
                (place,) = struct.unpack_from(f"{order}I", data, place)
            tags[tag] = list(struct.unpack_from(layout, data, place))
    return tags
