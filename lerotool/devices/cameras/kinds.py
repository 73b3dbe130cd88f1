"""The table of source kinds: how each is written, and how it is opened.

A kind's module is imported when a camera of it is opened. The first kind in ``SOURCES`` that recognises a source
opens it. Packages add kinds by entry points of the group `GROUP`: the name is what such sources begin with, before a
colon (``realsense`` for ``realsense:0123``), the object a `SourceKind`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from threading import Event

from lerotool.devices.cameras.sources import PacketSource
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.plugins import load_plugin
from lerotool.errors import UsageError

GROUP = "lerotool.cameras"


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row of the table of source kinds."""

    form: str  # how such a source is written
    recognises: Callable[[str], bool]  # whether a source is of this kind
    # Opens it; raises DeviceError, or UsageError for a source or size that cannot be.
    open: Callable[[CameraSpec, Event], PacketSource]
    # Gives the source a name that means the same camera when it is opened again.
    pin: Callable[[CameraSpec], CameraSpec] = lambda spec: spec
    has_controls: bool = False  # whether it looks at the spec's controls; where it does not, asking for one is an error


def _opens(module: str) -> Callable[[CameraSpec, Event], PacketSource]:
    """Return what opens a source as the ``open_source`` of a module beside this one does."""

    def open_with(spec: CameraSpec, stop: Event) -> PacketSource:
        opened: PacketSource = import_module(f"lerotool.devices.cameras.{module}").open_source(spec, stop)
        return opened

    return open_with


def _pin_capture(spec: CameraSpec) -> CameraSpec:
    from lerotool.devices.cameras.listing import pin_camera

    return pin_camera(spec)


def _begins(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda source: compiled.match(source) is not None


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

SOURCES: tuple[SourceKind, ...] = (
    SourceKind("sim, sim:numbered", lambda source: re.match(r"sim(?![^:,])", source) is not None, _opens("scene")),
    SourceKind("http://…, https://…", _begins("https?://"), _opens("http")),
    SourceKind("rtsp://…, tcp://HOST:PORT", _begins("(rtsps?|tcp)://"), _opens("network")),
    SourceKind(
        "a camera's index (0), path (/dev/video0, /dev/v4l/…) or name (usb:NAME)",
        _begins(r"[0-9]+$|/dev/(video|v4l/)|usb:"),
        _opens("capture"),
        _pin_capture,
        has_controls=True,
    ),
    SourceKind("a video file", lambda source: _SCHEME.match(source) is None, _opens("file")),
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
