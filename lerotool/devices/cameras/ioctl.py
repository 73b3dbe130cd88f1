"""How a camera's driver is asked: by ``ioctl``, which Windows does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable

Ioctl = Callable[[int, int, bytearray], object]
system_ioctl: Ioctl | None = None
if sys.platform != "win32":
    import fcntl

    system_ioctl = fcntl.ioctl
