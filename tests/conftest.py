"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from lerotool.media.scheduling import kept_priority
from tests.lerobot_judge import lerobot_python

# CI judges a change, not the luck of the draw: it sees the same examples every time; everybody else gets new ones.
settings.register_profile(
    "lerotool",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("lerotool")


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start, also where the tests themselves run in the background and ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, visibly, what needs the real LeRobot when no interpreter that has it was named."""
    if lerobot_python():
        return
    skip = pytest.mark.skip(reason="no LEROTOOL_LEROBOT_PYTHON (see docs/development.md)")
    for item in items:
        if item.get_closest_marker("lerobot"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _own_priority() -> Iterator[None]:
    """Undo what tests that open SVT-AV1 by themselves do to the scheduling of all that come after, when run as root."""
    with kept_priority():
        yield


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's real LeRobot home and robots."""
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path_factory.getbasetemp() / "lerobot-home"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path_factory.getbasetemp() / "lerotool-config"))


@pytest.fixture(autouse=True)
def _patience_with_servos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated servos share the machine with the tests and may not be scheduled for a while."""
    monkeypatch.setenv("LEROTOOL_SERVO_MARGIN_MS", "30")
