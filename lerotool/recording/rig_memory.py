"""What each camera saw when the last session began, kept beside the dataset, and what is other now.

    <dataset>/.lerotool/views.json     {"views": {"front": {"width", "scale", "pixels": base64 of grey bytes}}}

It is a help and nothing depends on it: a file that is missing, damaged or cannot be written is passed over.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from lerotool.devices.cameras.camera import Camera
from lerotool.devices.cameras.probing import take_still
from lerotool.errors import DeviceError, MediaError
from lerotool.media.decode import decode_image
from lerotool.media.format import DEPTH_UNITS
from lerotool.recording.views import WIDTH, View, changes
from lerotool.storage import make_directory, write_atomic
from lerotool.workspace import Workspace

_FILE = "views.json"
_MOST_BYTES = 16_000_000


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
    except (OSError, ValidationError, ValueError, binascii.Error):
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
