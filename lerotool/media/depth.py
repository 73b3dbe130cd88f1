"""Depth pictures: what cameras measure, the 12-bit codes that stand in videos, and back; and TIFFs of them.

The codes are those of LeRobot 0.6 (``depth_utils.py``): with d, low, high and shift in the unit of the pictures,

    code = rint(4095 · (log(d + shift) − log(low + shift)) / (log(high + shift) − log(low + shift)))

clipped to 0..4095; without ``use_log`` the same without the logarithms. The arithmetic is float32, as LeRobot's. TIFFs
have one channel, uncompressed, as Pillow writes modes ``I;16`` and ``F``; FFmpeg does not read floats.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from lerotool.errors import MetadataError
from lerotool.media.format import DEPTH_UNITS, StreamCodec, StreamFormat

HIGHEST_CODE = 4095
_MM_PER_M = 1000
_PIX_FMT = "gray12le"
RAW_DTYPES: dict[str, np.dtype[Any]] = {"gray16le": np.dtype("<u2"), "grayf32le": np.dtype("<f4")}
"""Of raw depth pictures, by pixel format."""

Depth = npt.NDArray[np.uint16] | npt.NDArray[np.float32]


@dataclass(frozen=True)
class DepthScale:
    """Which depths the codes mean; defaults are LeRobot's."""

    low_m: float = 0.01  # metres that code 0 means; what is nearer becomes that
    high_m: float = 10.0  # metres that code 4095 means
    shift_m: float = 3.5  # metres added before the logarithm; more of it spreads the codes more evenly
    use_log: bool = True

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> DepthScale:
        """Return the scale that a feature's ``info`` block states; LeRobot's own where it states nothing."""
        names = {"low_m": "depth_min", "high_m": "depth_max", "shift_m": "shift", "use_log": "use_log"}
        stated = {name: info.get(f"video.{key}") for name, key in names.items()}
        scale = cls(**{name: value for name, value in stated.items() if value is not None})
        if scale.low_m >= scale.high_m or (scale.use_log and scale.low_m + scale.shift_m <= 0):
            raise MetadataError(f"depths cannot be coded as the feature's info says: {scale.to_info()}")
        return scale

    def to_info(self) -> dict[str, Any]:
        """Return the entries of the ``info`` block."""
        return {
            "video.depth_min": self.low_m,
            "video.depth_max": self.high_m,
            "video.shift": self.shift_m,
            "video.use_log": self.use_log,
        }

    def codes(self, depth: Depth) -> npt.NDArray[np.uint16]:
        """Return the codes of depths: uint16 in millimetres, or float32 in metres, of any shape."""
        if depth.dtype == np.uint16:
            codes: npt.NDArray[np.uint16] = self._codes_of_millimetres[depth]
            return codes
        return self._quantised(depth, 1)

    @cached_property
    def _codes_of_millimetres(self) -> npt.NDArray[np.uint16]:
        return self._quantised(np.arange(65536, dtype=np.uint16), _MM_PER_M)

    def _quantised(self, depth: Depth, units_per_m: int) -> npt.NDArray[np.uint16]:
        low, high, shift = (np.float32(metres * units_per_m) for metres in (self.low_m, self.high_m, self.shift_m))
        values = depth.astype(np.float32)
        if self.use_log:
            bottom, top = math.log(low + shift), math.log(high + shift)
            # Nothing is nearer than the camera; without the limit a negative depth could have no logarithm.
            share = (np.log(np.maximum(values, low) + shift) - np.float32(bottom)) / np.float32(top - bottom)
        else:
            share = (values - low) / (high - low)
        codes: npt.NDArray[np.uint16] = np.rint(share * HIGHEST_CODE).clip(0, HIGHEST_CODE).astype(np.uint16)
        return codes

    @cached_property
    def millimetres(self) -> npt.NDArray[np.float32]:
        """What each of the 4096 codes means, in whole millimetres."""
        share = np.arange(HIGHEST_CODE + 1) / HIGHEST_CODE
        if self.use_log:
            bottom, top = math.log(self.low_m + self.shift_m), math.log(self.high_m + self.shift_m)
            metres = np.exp(share * (top - bottom) + bottom) - self.shift_m
        else:
            metres = self.low_m + share * (self.high_m - self.low_m)
        return np.asarray(np.rint(_MM_PER_M * np.clip(metres, self.low_m, self.high_m)), dtype=np.float32)


def depth_unit(dtype: npt.DTypeLike) -> str | None:
    """Return the unit that depths of a dtype are in, as LeRobot takes it: uint16 is mm, float32 is m, others none."""
    return next((DEPTH_UNITS[name] for name, known in RAW_DTYPES.items() if np.dtype(dtype) == known), None)


def depth_dtype(unit: str) -> np.dtype[Any]:
    """Return the dtype of depths that are in a unit, ``mm`` or ``m``."""
    return RAW_DTYPES[_pixel_format(unit)]


def raw_depth_format(width: int, height: int, fps: float, unit: str) -> StreamFormat:
    """Return the raw format that keeps depths of a unit as they are."""
    return StreamFormat(StreamCodec.RAW, width, height, _pixel_format(unit), fps)


def _pixel_format(unit: str) -> str:
    for name, known in DEPTH_UNITS.items():
        if known == unit:
            return name
    raise MetadataError(f"the depth unit is {unit!r}, expected {' or '.join(DEPTH_UNITS.values())}")


def depth_array(frame: av.VideoFrame) -> Depth:
    """Return a raw depth frame as (height, width), uint16 millimetres or float32 metres."""
    return frame.to_ndarray().astype(RAW_DTYPES[frame.format.name], copy=False)


def depth_frame(codes: npt.NDArray[np.uint16]) -> av.VideoFrame:
    """Return (height, width) codes as a frame of the pixel format of depth videos."""
    return av.VideoFrame.from_ndarray(codes, format=_PIX_FMT)


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
