"""Robots of LeRobot on emulated hardware, for tests that ask for one by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devices.lerobot import benches
from tests.rig import Rig


@pytest.fixture
def calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where lerotool and LeRobot look for calibrations."""
    folder = tmp_path / "calibration"
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(folder))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    return folder


@pytest.fixture
def so_arms(calibration: Path) -> Iterator[benches.SoArms]:
    with benches.so_arms() as bench:
        yield bench


@pytest.fixture
def rig(so_arms: benches.SoArms) -> Rig:
    """Two arms whose motors hold the calibration of their files, and a camera."""
    return so_arms.rig


@pytest.fixture
def pairs(calibration: Path) -> Iterator[benches.Pairs]:
    with benches.pairs() as bench:
        yield bench


@pytest.fixture
def koch(calibration: Path) -> Iterator[benches.Koch]:
    with benches.koch(calibration) as bench:
        yield bench


@pytest.fixture
def lekiwi(calibration: Path, tmp_path: Path) -> Iterator[benches.LeKiwi]:
    with benches.lekiwi(tmp_path / "host.log") as bench:
        yield bench


@pytest.fixture
def dummy(calibration: Path) -> Iterator[benches.Dummy]:
    with benches.dummy() as bench:
        yield bench
