"""An emulated bus and a client of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lerotool.devices.servos.bus import ServoBus
from lerotool.testing.servo_bus import EmulatedBus

MARGIN_MS = 300.0
"""Much, so that only what was injected is late, however busy the machine is."""


@pytest.fixture
def emulated() -> Iterator[EmulatedBus]:
    if os.name != "posix":
        pytest.skip("no pseudo-terminals here")
    with EmulatedBus() as bus:
        yield bus


@pytest.fixture
def bus(emulated: EmulatedBus) -> Iterator[ServoBus]:
    with ServoBus(emulated.port, margin_ms=MARGIN_MS) as opened:
        yield opened
