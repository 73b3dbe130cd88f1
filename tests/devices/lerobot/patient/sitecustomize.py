"""For LeRobot's interpreter: emulated servos may take their time on a busy machine.

LeRobot asks most things once, and the SDKs of both makers wait some 50 ms for the answer.
"""

import importlib
import importlib.util
from contextlib import suppress
from typing import Any

PATIENCE_MS = 2000


def _has_waited_long(port: Any) -> bool:
    return bool(port.getTimeSinceStart() > port.packet_timeout + PATIENCE_MS)


if importlib.util.find_spec("lerobot") is not None:
    for sdk in ("dynamixel_sdk", "scservo_sdk"):
        with suppress(ImportError):
            importlib.import_module(f"{sdk}.port_handler").PortHandler.isPacketTimeout = _has_waited_long
