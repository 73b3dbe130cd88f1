"""What a user says about a camera: ``NAME=SOURCE[,WxH][,FPS]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from lerotool.errors import UsageError
from lerotool.features import CAMERA_PREFIX

FORM = (
    "NAME=SOURCE[,WxH][,FPS], for example front=sim, wrist=clip.mp4,640x480 or top=http://10.0.0.7:81/stream,640x480,30"
)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# The source is as short as the size and rate at the right end allow, so it may itself contain commas and equal signs.
_SOURCE = re.compile(
    r"(?P<source>.*?)(?:,(?P<width>[0-9]+)[xX](?P<height>[0-9]+))?(?:,(?P<fps>[0-9]+(?:\.[0-9]+)?))?", re.DOTALL
)
_SIDES = range(32, 8193)
_MAX_FPS = 1000.0


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera as asked for; what is None is up to the source.

    Attributes:
        name: letters, digits, ``_`` and ``-``.
        source: what delivers the pictures: ``sim``, ``sim:numbered``, a video file's path or an ``http(s)://`` address.
        width: pixels, even, or None; never without ``height``.
        height: pixels, even, or None.
        fps: pictures a second, or None.
    """

    name: str
    source: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise _error(f"camera name {self.name!r}: expected letters, digits, '_' and '-'")
        if not self.source.strip() or "\0" in self.source:
            raise _error(f"camera {self.name!r} has no source")
        if (self.width is None) != (self.height is None):
            raise _error(f"camera {self.name!r}: width and height go together")
        for side in (self.width, self.height):
            if side is not None and (side not in _SIDES or side % 2):
                raise _error(
                    f"camera {self.name!r}: size {self.width}x{self.height}, expected even numbers "
                    f"from {_SIDES.start} to {_SIDES.stop - 1}"
                )
        if self.fps is not None and not 0 < self.fps <= _MAX_FPS:
            raise _error(
                f"camera {self.name!r}: {self.fps:g} pictures a second, expected more than 0, up to {_MAX_FPS:g}"
            )

    @property
    def key(self) -> str:
        """The feature's name, ``observation.images.NAME``."""
        return CAMERA_PREFIX + self.name

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) as asked for, or None."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Build a spec from ``NAME=SOURCE[,WxH][,FPS]``.

        The name ends at the first ``=``; size and rate are recognised from the right end.

        Raises:
            UsageError: what is wrong, with the right form as hint.
        """
        name, equals, rest = text.partition("=")
        if not equals:
            raise _error(f"camera {text!r} has no '='")
        match = _SOURCE.fullmatch(rest)
        assert match is not None, "the pattern matches every text"
        width, height, fps = match["width"], match["height"], match["fps"]
        return cls(
            name.strip(),
            match["source"].strip(),
            int(width) if width else None,
            int(height) if height else None,
            float(fps) if fps else None,
        )

    def __str__(self) -> str:
        size = "" if self.size is None else f",{self.width}x{self.height}"
        return f"{self.name}={self.source}{size}" + ("" if self.fps is None else f",{self.fps:g}")


def _error(text: str) -> UsageError:
    return UsageError(text, hint=f"write a camera as {FORM}")
