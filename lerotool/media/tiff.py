"""TIFFs of depth: one channel, uncompressed, as Pillow writes modes ``I;16`` and ``F``; FFmpeg does not read floats."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _CHANNELS, _ROWS, _SIZES, _SAMPLE_FORMAT = 273, 277, 278, 279, 339
_KNOWN = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _CHANNELS, _SIZES, _SAMPLE_FORMAT}
_FIELD_TYPES = {3: "H", 4: "I"}
_FLOAT, _UNCOMPRESSED = [3], [1]


def read_float_tiff(data: bytes) -> npt.NDArray[np.float32] | None:
    """Read a picture as (height, width, 1); None for every other kind of TIFF."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        tags = _read_tags(data, order)
    except struct.error:
        return None
    kind = (tags.get(_BITS), tags.get(_SAMPLE_FORMAT), tags.get(_COMPRESSION, [1]), tags.get(_CHANNELS, [1]))
    if kind != ([32], _FLOAT, _UNCOMPRESSED, [1]):
        return None
    (height,), (width,) = tags.get(_HEIGHT, [0]), tags.get(_WIDTH, [0])
    offsets, sizes = tags.get(_OFFSETS, []), tags.get(_SIZES, [])
    if sum(sizes) > len(data):  # else the same bytes, named a million times, would become a million pictures
        raise ValueError(f"strips of {sum(sizes)} bytes in a file of {len(data)}")
    pixels = b"".join(data[start : start + size] for start, size in zip(offsets, sizes, strict=True))
    if len(pixels) != height * width * 4 or not pixels:
        raise ValueError(f"{len(pixels)} bytes of pixels for {width}x{height}")
    return np.frombuffer(pixels, f"{order}f4").astype(np.float32).reshape(height, width, 1)


def write_depth_tiff(depth: npt.NDArray[np.uint16] | npt.NDArray[np.float32]) -> bytes:
    """Return a (height, width) picture as a TIFF of one strip."""
    height, width = depth.shape
    pixels = np.ascontiguousarray(depth, depth.dtype.newbyteorder("<")).tobytes()
    is_black_zero, strip = 1, 8
    tags = {
        _WIDTH: width,
        _HEIGHT: height,
        _BITS: 8 * depth.itemsize,
        _COMPRESSION: _UNCOMPRESSED[0],
        _PHOTOMETRIC: is_black_zero,
        _OFFSETS: strip,
        _CHANNELS: 1,
        _ROWS: height,
        _SIZES: len(pixels),
        _SAMPLE_FORMAT: _FLOAT[0] if depth.dtype.kind == "f" else 1,
    }
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHI", b"II", 42, strip + len(pixels)) + pixels + directory + bytes(4)


def _read_tags(data: bytes, order: str) -> dict[int, list[int]]:
    """Read the known whole-number fields of the first directory."""
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    tags: dict[int, list[int]] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, field_type, values = struct.unpack_from(f"{order}HHI", data, entry)
        if tag in _KNOWN and field_type in _FIELD_TYPES:
            layout = f"{order}{values}{_FIELD_TYPES[field_type]}"
            place = entry + 8
            if struct.calcsize(layout) > 4:
                (place,) = struct.unpack_from(f"{order}I", data, place)
            tags[tag] = list(struct.unpack_from(layout, data, place))
    return tags
