"""Features: what a dataset's columns and cameras are called and how they are shaped. Format: LeRobot v2.0 to v3.0.

A feature is one entry of ``features`` in ``info.json``. Cameras are the features of dtype ``video`` (pictures in mp4
files) and ``image`` (pictures inside the parquet files); all others are columns. Five columns belong to every dataset,
always last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from lerotool.errors import MetadataError

STATE = "observation.state"
ACTION = "action"
CAMERA_PREFIX = "observation.images."
NUMERIC_DTYPES = frozenset(
    ["float16", "float32", "float64", "bool"] + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
MOST_VALUES = 2**31 - 1
"""Of a feature in one row: Arrow counts them with 32 bits."""
_CHANNELS = (1, 3, 4)
_NO_KEYS: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    """What a feature's values are."""

    NUMERIC = "numeric"
    STRING = "string"
    LANGUAGE = "language"
    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Attributes:
        dtype: numpy name of a number type, or ``string``, ``language``, ``image``, ``video``.
        shape: ``(1,)`` is a scalar column; cameras are (height, width, channels), rarely (channels, height, width).
        names: of the dimensions, as the file has them: a list, an object of lists (old datasets), or None.
        extra: all other keys of the entry (``info``, ``video_info``, ``fps``, unknown ones), kept as they are.
    """

    dtype: str
    shape: tuple[int, ...]
    names: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What the values are.

        Raises:
            MetadataError: the dtype is not one that LeRobot knows.
        """
        if self.dtype in NUMERIC_DTYPES:
            return Kind.NUMERIC
        try:
            return Kind(self.dtype)
        except ValueError:
            raise MetadataError(f"unknown dtype {self.dtype!r}") from None

    @property
    def is_camera(self) -> bool:
        """Whether the values are pictures."""
        return self.dtype in ("image", "video")

    @property
    def is_scalar(self) -> bool:
        """Whether a row holds one plain value."""
        return self.shape == (1,)

    @property
    def info(self) -> Mapping[str, Any]:
        """The ``info`` block of a camera, or what older datasets call ``video_info``; empty if there is none."""
        block = self.extra.get("info") or self.extra.get("video_info")
        return block if isinstance(block, dict) else _NO_KEYS

    @property
    def is_depth(self) -> bool:
        """Whether the pictures are depth maps (either of LeRobot's two markers)."""
        return bool(self.info.get("is_depth_map") or self.info.get("video.is_depth_map"))

    @property
    def dimension_names(self) -> tuple[str, ...] | None:
        """The names of a vector's dimensions, from any of the nestings found in the wild, if they fit the shape."""
        names = self.names
        while isinstance(names, dict) and len(names) == 1:
            names = next(iter(names.values()))
        while isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
            names = names[0]
        if isinstance(names, list) and all(isinstance(n, str) for n in names) and (len(names),) == self.shape:
            return tuple(names)
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the entry as it stands in ``info.json``."""
        return {"dtype": self.dtype, "shape": list(self.shape), "names": self.names, **self.extra}

    @classmethod
    def from_json(cls, name: str, entry: object) -> Feature:
        """Build a feature from its entry in ``info.json``, or from what users of LeRobot pass to ``create``.

        Raises:
            MetadataError: naming the feature and what is wrong.
        """
        if not name or "/" in name:
            raise MetadataError(f"feature {name!r}: a name must not be empty nor contain '/'")
        if not isinstance(entry, Mapping):
            raise MetadataError(f"feature {name!r}: expected an object, found {type(entry).__name__}")
        for key in ("dtype", "shape"):
            if key not in entry:
                raise MetadataError(f"feature {name!r}: {key!r} is missing")
        dtype, shape = entry["dtype"], entry["shape"]
        if not isinstance(dtype, str):
            raise MetadataError(f"feature {name!r}: dtype is {dtype!r}, expected a text")
        if not isinstance(shape, list | tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise MetadataError(f"feature {name!r}: shape is {shape!r}, expected a list of positive whole numbers")
        if 0 in shape:
            raise MetadataError(
                f"feature {name!r}: shape is {list(shape)!r}, so it has no values; take it out of 'features' in "
                "meta/info.json, nothing else needs it"
            )
        if math.prod(shape) > MOST_VALUES:
            raise MetadataError(f"feature {name!r}: shape is {list(shape)!r}, which is more than a row can hold")
        extra = {k: v for k, v in entry.items() if k not in ("dtype", "shape", "names")}
        feature = cls(dtype, tuple(shape), entry.get("names"), extra)
        try:
            feature.kind  # noqa: B018 - raises for an unknown dtype
        except MetadataError as error:
            raise MetadataError(f"feature {name!r}: {error}") from None
        return feature


DEFAULT_FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "timestamp": Feature("float32", (1,)),
        **{name: Feature("int64", (1,)) for name in ("frame_index", "episode_index", "index", "task_index")},
    }
)


def parse_features(entries: Mapping[str, object]) -> dict[str, Feature]:
    """Build all features of an ``info.json``, in its order."""
    return {name: Feature.from_json(name, entry) for name, entry in entries.items()}


def with_defaults(features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Return the features with LeRobot's five default columns last."""
    return {**{k: v for k, v in features.items() if k not in DEFAULT_FEATURES}, **DEFAULT_FEATURES}


def recorded_features(features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Return the features without the five default columns: what a recorder supplies."""
    return {name: feature for name, feature in features.items() if name not in DEFAULT_FEATURES}


def cameras(features: Mapping[str, Feature]) -> list[str]:
    """Return the names of the video features, in order."""
    return [name for name, feature in features.items() if feature.kind is Kind.VIDEO]


def picture_size(feature: Feature) -> tuple[int, int, int]:
    """Return (height, width, channels) of a camera, whichever order its shape is in."""
    first, second, third = (*feature.shape, 1, 1, 1)[:3]
    names = feature.names if isinstance(feature.names, list) else []
    # Without names the small number is that of the channels.
    looks_so = not names and first in _CHANNELS and third not in _CHANNELS
    is_channel_first = looks_so or (bool(names) and str(names[0]).startswith("channel"))
    return (second, third, first) if is_channel_first else (first, second, third)


def columns(features: Mapping[str, Feature]) -> list[str]:
    """Return the names of the features that are parquet columns (all but video), in order."""
    return [name for name, feature in features.items() if feature.kind is not Kind.VIDEO]


def vector(names: Iterable[str]) -> Feature:
    """Return a float32 vector feature with one dimension per name."""
    names = list(names)
    return Feature("float32", (len(names),), names)


def camera(height: int, width: int) -> Feature:
    """Return a colour video feature; ``info`` is filled in when the first episode has been encoded."""
    return Feature("video", (height, width, 3), ["height", "width", "channels"])
