"""Depth pictures: what cameras measure, the 12-bit codes that stand in videos, and back.

The codes are those of LeRobot 0.6 (``depth_utils.py``): with d, low, high and shift in the unit of the pictures,

    code = rint(4095 · (log(d + shift) − log(low + shift)) / (log(high + shift) − log(low + shift)))

clipped to 0..4095; without ``use_log`` the same without the logarithms. The arithmetic is float32, as LeRobot's.
"""

from __future__ import annotations

import math
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
