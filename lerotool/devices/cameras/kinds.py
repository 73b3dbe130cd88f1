"""The table of source kinds: how each is written, and how it is opened.

A kind's module is imported when a camera of it is opened. The first kind in ``SOURCES`` that recognises a source
opens it. Packages add kinds by entry points of the group `GROUP`: the name is what such sources begin with, before a
colon (``realsense`` for ``realsense:0123``), the object a `SourceKind`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from threading import Event
from typing import TypeVar

from lerotool.devices.cameras.sources import PacketSource
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import UsageError

_Row = TypeVar("_Row")
GROUP = "lerotool.cameras"


def load_plugin(point: EntryPoint, row: type[_Row]) -> _Row:
    """Import what an entry point names; it must be a row of the table of its group."""
    origin = f"{point.name!r} of {point.dist.name if point.dist is not None else point.value}"
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(f"{origin} cannot be loaded: {error!r}", hint="update or remove that package") from error
    if not isinstance(found, row):
        raise UsageError(f"{origin}: expected a {row.__name__}, found {found!r}", hint="update or remove that package")
    return found


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row of the table of source kinds."""

    form: str  # how such a source is written
    recognises: Callable[[str], object]  # true for a source of this kind
    # Opens it; raises DeviceError, or UsageError for a source or size that cannot be.
    open: Callable[[CameraSpec, Event], PacketSource]
    # Gives the source a name that means the same camera when it is opened again.
    pin: Callable[[CameraSpec], CameraSpec] = lambda spec: spec
    has_controls: bool = False  # whether it looks at the spec's controls; where it does not, asking for one is an error


def _open_with(module: str, spec: CameraSpec, stop: Event) -> PacketSource:
    """Open a source as the ``open_source`` of a module beside this one does."""
    opened: PacketSource = import_module(f"lerotool.devices.cameras.{module}").open_source(spec, stop)
    return opened


def _pin_capture(spec: CameraSpec) -> CameraSpec:
    from lerotool.devices.cameras.listing import pin_camera

    return pin_camera(spec)


SOURCES: tuple[SourceKind, ...] = (
    SourceKind("sim, sim:numbered", re.compile(r"sim(?![^:,])").match, partial(_open_with, "simulated")),
    SourceKind("http://…, https://…", re.compile("https?://", re.IGNORECASE).match, partial(_open_with, "http")),
    SourceKind(
        "rtsp://…, tcp://HOST:PORT", re.compile("(rtsps?|tcp)://", re.IGNORECASE).match, partial(_open_with, "network")
    ),
    SourceKind(
        "a camera's index (0), path (/dev/video0, /dev/v4l/…) or name (usb:NAME)",
        re.compile(r"[0-9]+$|/dev/(video|v4l/)|usb:", re.IGNORECASE).match,
        partial(_open_with, "capture"),
        _pin_capture,
        has_controls=True,
    ),
    SourceKind("a video file", re.compile("(?![A-Za-z][A-Za-z0-9+.-]+://)").match, partial(_open_with, "file")),
)


def open_source(spec: CameraSpec, stop: Event) -> PacketSource:
    """Open the source of a camera; when ``stop`` is set its ``packets`` ends as soon as it can."""
    kind = _find_kind(spec)
    if not kind.has_controls and (given := spec.controls.given()):
        raise UsageError(
            f"camera {spec.name!r}: {spec.source} has no {' and no '.join(given)} that lerotool can set",
            hint="remove it, and set it in the camera's own settings",
        )
    return kind.open(spec, stop)


def pin_source(spec: CameraSpec) -> CameraSpec:
    """Return the spec with a source that means the same camera when it is opened again, after it was unplugged."""
    return _find_kind(spec).pin(spec)


def _find_kind(spec: CameraSpec) -> SourceKind:
    prefix, colon, _ = spec.source.partition(":")
    for point in entry_points(group=GROUP, name=prefix) if colon else ():
        return load_plugin(point, SourceKind)
    for kind in SOURCES:
        if kind.recognises(spec.source):
            return kind
    forms = "; ".join(kind.form for kind in SOURCES)
    raise UsageError(f"camera {spec.name!r}: unknown kind of source {spec.source!r}", hint=f"known sources: {forms}")
