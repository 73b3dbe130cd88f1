"""Values of frames as LeRobot takes them: tensors, PIL pictures, channels first or last, floats from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature

_COLOURS = 3


class FrameError(IncompatibleDatasetError, ValueError):
    """A frame does not fit the features; LeRobot raises ValueError."""


def plain_values(frame: Mapping[str, Any], features: Mapping[str, Feature]) -> dict[str, Any]:
    """Return a frame as `DatasetWriter` takes it."""
    return {name: _plain(name, value, features.get(name)) for name, value in frame.items()}


def check_names(frame: Iterable[str], expected: Sequence[str]) -> None:
    """Make sure that a frame has every feature and no other, in LeRobot's words: scripts and tests look for them."""
    given = set(frame) - {"timestamp"}
    missing, extra = [name for name in expected if name not in given], sorted(given - set(expected))
    found = {"Missing": missing, "Extra": extra}
    lines = [f"{kind} features: {{{', '.join(map(repr, names))}}}\n" for kind, names in found.items() if names]
    if lines:
        raise FrameError(
            "Feature mismatch in `frame` dictionary:\n" + "".join(lines), hint=f"features are: {', '.join(expected)}"
        )


def _plain(name: str, value: Any, feature: Feature | None) -> Any:
    value = as_array(value)
    if feature is None or not isinstance(value, np.ndarray):
        return value
    if not feature.is_camera:
        if value.ndim and value.shape != tuple(feature.shape):
            raise FrameError(_unshaped(name, value, tuple(feature.shape)), hint="reshape the value")
        return value
    if feature.is_depth:
        return _shaped(name, value if value.ndim > 2 else value[:, :, None], feature, 1)
    return _as_bytes(name, _shaped(name, value, feature, _COLOURS))


def as_array(value: Any) -> Any:
    """Return tensors and PIL pictures as arrays, everything else as it is. Neither library is imported for that."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return value.detach().cpu().numpy()
    if hasattr(value, "getbands") and hasattr(value, "convert"):
        colours = value.convert("RGB") if value.mode in ("P", "RGBA", "L", "1", "CMYK") else value
        return np.asarray(colours)
    return value


def _as_bytes(name: str, picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a colour picture as uint8; floats go from 0 to 1 and are cut, not rounded, as LeRobot does it."""
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype.kind != "f":
        raise FrameError(
            f"feature {name!r}: expected uint8 or floats from 0 to 1, found {picture.dtype}",
            hint="convert the picture with .astype(numpy.uint8)",
        )
    low, high = float(picture.min()), float(picture.max())
    if not (low >= 0 and high <= 1):
        raise FrameError(
            f"feature {name!r}: a picture of floats has values from {low:g} to {high:g}, expected 0 to 1",
            hint="divide by 255, or give uint8",
        )
    return (picture * 255).astype(np.uint8)


def _shaped(name: str, picture: NDArray[Any], feature: Feature, channels: int) -> NDArray[Any]:
    """Return a picture in its feature's order of dimensions."""
    if picture.shape == tuple(feature.shape):
        return picture
    if picture.ndim == 3:
        first, last = picture.shape[0] == channels, picture.shape[2] == channels
        turned = picture.transpose(1, 2, 0) if first else picture.transpose(2, 0, 1) if last else picture
        if turned.shape == tuple(feature.shape):
            return turned
    one, two, three = feature.shape
    raise FrameError(
        _unshaped(name, picture, (one, two, three), (two, three, one)),
        hint="channels may come first or last; the size must be the feature's",
    )


def _unshaped(name: str, value: NDArray[Any], *expected: tuple[int, ...]) -> str:
    shapes = " or ".join(f"'{shape}'" for shape in expected)
    return f"The feature '{name}' of shape '{value.shape}' does not have the expected shape {shapes}.\n"
