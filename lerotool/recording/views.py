"""What each camera saw when the last session began, kept beside the dataset, and what is other now.

    <dataset>/.lerotool/views.json     {"views": {"front": {"width", "scale", "pixels": base64 of grey bytes}}}

It is a help and nothing depends on it: a file that is missing, damaged or cannot be written is passed over.

Small and grey views are compared by phase correlation: the shift of two pictures is where the inverse transform of the
normalised cross-power spectrum has its peak (Kuglin and Hines, 1975). It counts only if the pictures are alike where
they overlap when so shifted.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from lerotool.checking.quality.cameras import DARK
from lerotool.devices.cameras.camera import Camera, take_still
from lerotool.errors import DeviceError, MediaError
from lerotool.media.format import DEPTH_UNITS
from lerotool.media.pictures import decode_image
from lerotool.storage import make_directory, write_atomic
from lerotool.workspace import Workspace

Floats = npt.NDArray[np.float64]
WIDTH = 320
"""Pixels that a view has at most in a row: a shift of 2 pixels of 640 is seen, in some milliseconds."""
MOVED = 0.0125
"""Share of the width from which on a camera has moved: 8 pixels of 640."""
ALIKE = 0.7
"""Correlation of the overlap from which on two pictures show the same."""
UNLIKE = 0.5
"""Correlation below which a camera does not show what it did."""
_FILE = "views.json"
_MOST_BYTES = 16_000_000
_BETTER = 0.1
_LEAST_OVERLAP = 0.3
_SMOOTH = 0.15
"""Width of the low-pass filter, as a share of the sampling frequency: noise has no shift."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a camera sees."""

    pixels: npt.NDArray[np.uint8]  # grey, uint8 (h, w), at most `WIDTH` wide
    scale: int  # pixels of the camera for each of these

    @classmethod
    def of(cls, picture: npt.NDArray[np.uint8]) -> View:
        """Make it of a picture, RGB (h, w, 3)."""
        scale = -(-picture.shape[1] // WIDTH)
        rows, columns = (size // scale * scale for size in picture.shape[:2])
        blocks = picture[:rows, :columns].mean(axis=2).reshape(rows // scale, scale, columns // scale, scale)
        return cls(blocks.mean(axis=(1, 3)).astype(np.uint8), scale)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How two views go together."""

    pixels: float  # of the camera by which the second one is shifted
    correlation: float  # of what overlaps when so shifted, -1 to 1


def likeness(before: View, now: View) -> Likeness | None:
    """Compare two views; None where they have not the same size."""
    if before.pixels.shape != now.pixels.shape or before.scale != now.scale:
        return None
    first, second = (view.pixels.astype(np.float64) for view in (before, now))
    still = _correlation(first, second, 0, 0)
    down, right = _shift(first, second)
    moved = _correlation(first, second, down, right)
    if moved < still + _BETTER:
        return Likeness(0.0, still)
    return Likeness(float(np.hypot(down, right)) * now.scale, moved)


def changes(before: Mapping[str, View], now: Mapping[str, View]) -> tuple[str, ...]:
    """Return what is other than before, in words."""
    dark = [name for name, view in now.items() if np.quantile(view.pixels, 0.9) < DARK * 255]
    notes = [f"{name} is dark" for name in dark]
    known = {name: view for name, view in now.items() if name in before and name not in dark}
    swapped = list(_swapped(before, known))
    notes += [f"{one} and {other} are swapped: each shows what the other did" for one, other in swapped]
    accounted = {name for pair in swapped for name in pair}
    for name in (name for name in known if name not in accounted):
        if _is_upside_down(before[name], known[name]):
            notes.append(f"{name} is upside down: it has been turned by 180 degrees since the last session")
            continue
        found = likeness(before[name], known[name])
        width = known[name].pixels.shape[1] * known[name].scale
        if found is not None and found.correlation >= ALIKE and found.pixels >= MOVED * width:
            notes.append(f"{name} has moved by about {found.pixels:.0f} px since the last session")
    return tuple(notes)


def _swapped(before: Mapping[str, View], now: Mapping[str, View]) -> Iterator[tuple[str, str]]:
    for one, other in combinations(now, 2):
        crossed = (likeness(before[one], now[other]), likeness(before[other], now[one]))
        own = (likeness(before[one], now[one]), likeness(before[other], now[other]))
        if all(found is not None and found.correlation >= ALIKE for found in crossed) and all(
            found is None or found.correlation < UNLIKE for found in own
        ):
            yield one, other


def _is_upside_down(before: View, now: View) -> bool:
    """Whether a camera, or the rotation that its settings have, was turned by half a turn."""
    own, turned = likeness(before, now), likeness(before, View(np.rot90(now.pixels, 2), now.scale))
    return own is not None and turned is not None and own.correlation < UNLIKE and turned.correlation >= ALIKE


def _shift(first: Floats, second: Floats) -> tuple[int, int]:
    """Return by how many rows and columns the second one is shifted."""
    window = np.outer(*(np.hanning(size) for size in first.shape))
    spectra = [np.fft.fft2((picture - picture.mean()) * window) for picture in (second, first)]
    cross = spectra[0] * np.conj(spectra[1])
    rows, columns = (np.fft.fftfreq(size) for size in first.shape)
    smooth = np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * _SMOOTH**2))
    peaks = np.fft.ifft2(smooth * cross / (np.abs(cross) + 1e-9)).real
    down, right = (int(place) for place in np.unravel_index(int(peaks.argmax()), peaks.shape))
    height, width = first.shape
    return (down - height if down > height // 2 else down), (right - width if right > width // 2 else right)


def _correlation(first: Floats, second: Floats, down: int, right: int) -> float:
    """Return the correlation of what overlaps, 0 where that is too little or of one grey."""
    height, width = first.shape
    own = first[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    other = second[max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    if own.size < _LEAST_OVERLAP * first.size:
        return 0.0
    own, other = own - own.mean(), other - other.mean()
    power = float(np.sqrt((own**2).sum() * (other**2).sum()))
    return float((own * other).sum()) / power if power > 0 else 0.0


class _SavedView(BaseModel):
    width: int = Field(ge=1, le=WIDTH)
    scale: int = Field(ge=1)
    pixels: str


class _Document(BaseModel):
    views: dict[str, _SavedView]


def compare_views(root: Path, cameras: Sequence[Camera]) -> tuple[str, ...]:
    """Return in words what cameras see that they did not in the last session, and remember what they see now."""
    now = _views(cameras)
    if not now:
        return ()
    path = Workspace(root).folder / _FILE
    before = _load(path)
    _save(path, {**before, **now})
    return changes(before, now)


def _views(cameras: Sequence[Camera]) -> dict[str, View]:
    found = {}
    for camera in cameras:
        if camera.format.pixel_format in DEPTH_UNITS:
            continue
        with suppress(DeviceError, MediaError):
            found[camera.name] = View.of(decode_image(take_still(camera)))
    return found


def _load(path: Path) -> dict[str, View]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        document = _Document.model_validate_json(path.read_bytes())
        return {name: _view(saved) for name, saved in document.views.items()}
    except (OSError, ValidationError, ValueError):
        return {}


def _view(saved: _SavedView) -> View:
    pixels = np.frombuffer(base64.b64decode(saved.pixels, validate=True), np.uint8)
    return View(pixels.reshape(-1, saved.width), saved.scale)


def _save(path: Path, views: Mapping[str, View]) -> None:
    saved = {
        name: _SavedView(
            width=view.pixels.shape[1], scale=view.scale, pixels=base64.b64encode(view.pixels.tobytes()).decode()
        )
        for name, view in views.items()
    }
    with suppress(OSError):
        make_directory(path.parent)
        write_atomic(path, _Document(views=saved).model_dump_json().encode())
