"""A camera that is plugged into this computer, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.devices.cameras.spec import InputFormat


@dataclass(frozen=True, slots=True)
class CameraMode:
    """One way in which a camera can deliver pictures.

    Attributes:
        format: ``mjpeg``, ``h264``, or the four-letter code of another format, ``YUYV`` for example.
        width: pixels.
        height: pixels.
        rates: pictures a second, highest first; empty if the camera does not tell.
    """

    format: str
    width: int
    height: int
    rates: tuple[float, ...] = ()

    @property
    def input_format(self) -> InputFormat:
        """What to ask for to get this mode."""
        return InputFormat(self.format) if self.format in tuple(InputFormat) else InputFormat.RAW

    def __str__(self) -> str:
        rates = f" at {', '.join(f'{rate:g}' for rate in self.rates)}" if self.rates else ""
        return f"{self.format} {self.width}x{self.height}{rates}"


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that is plugged in.

    Attributes:
        name: as its maker calls it; several may have the same.
        path: what the system calls it as long as it is plugged in.
        stable_path: what to write as the source of a camera: it means this camera also after it was unplugged or the
            computer was switched off. Of cameras that cannot be told apart it means the USB socket.
        modes: what it can deliver; empty where the system does not tell.
    """

    name: str
    path: str
    stable_path: str
    modes: tuple[CameraMode, ...] = ()
