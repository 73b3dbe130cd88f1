"""Robots and cameras of other packages: found by entry points, recorded like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.cli.app import run
from lerotool.devices.config import find_kind
from lerotool.devices.robots import build_robot
from lerotool.errors import UsageError
from lerotool.features import ACTION, STATE
from tests.devices.tiny_robot import FORCE, GRIPPED, TinyRobot

ROOT = Path(__file__).resolve().parents[2]
ENTRY_POINTS = """
[lerotool.robots]
tiny = tests.devices.tiny_robot:ROBOT
broken = tests.devices.no_such_module:ROBOT
odd = tests.devices.tiny_robot:NOT_A_KIND

[lerotool.cameras]
tiny = tests.devices.tiny_robot:CAMERA
"""
TOML = """
type = "tiny"
stiffness = 0.5

[cameras.front]
source = "tiny:table"
width = 128
height = 64
fps = 30
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package, as pip would: its description lies on the path."""
    site = tmp_path / "site"
    about = site / "tiny_robot-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-robot\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def robot_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TOML)
    return path


@pytest.mark.slow
def test_a_robot_of_another_package_is_recorded_end_to_end(plugin: Path, robot_file: Path, tmp_path: Path) -> None:
    line = ["--robot", str(robot_file), "--task", "Count", "--root", str(tmp_path / "set"), "--episodes", "2"]
    more = ["--episode-time", "0.5", "--min-episode-time", "0", "--reset-time", "0", "--quiet"]
    path = os.pathsep.join((str(plugin), str(ROOT)))

    recorded = subprocess.run(
        [sys.executable, "-m", "lerotool", "record", *line, *more],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert recorded.returncode == 0, recorded.stderr
    dataset = lerotool.Dataset(tmp_path / "set")
    assert (dataset.robot_type, len(dataset.episodes)) == ("tiny_arm", 2)
    for episode in dataset.episodes:
        states = dataset.numpy(STATE, episode.dataset_from, episode.dataset_to)
        counts = states[:, 0]
        assert (np.diff(counts) >= 1).all()
        np.testing.assert_array_equal(states[:, 1], -counts)
        np.testing.assert_array_equal(
            dataset.numpy(FORCE, episode.dataset_from, episode.dataset_to).ravel(), counts / 2
        )
        gripped = dataset.numpy(GRIPPED, episode.dataset_from, episode.dataset_to).ravel()
        np.testing.assert_array_equal(gripped, counts % 2 == 1)
        actions = dataset.numpy(ACTION, episode.dataset_from, episode.dataset_to)
        assert actions.shape[1] == 3
        assert actions.max() == 4, "what was sent is recorded, not what was wanted"
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text())
    assert info["features"][FORCE] == {"dtype": "float64", "shape": [1], "names": ["newton"]}
    assert info["features"][ACTION]["names"] == ["shoulder.vel", "wrist.vel", "gripper.close"]


def test_its_settings_come_from_its_own_file(plugin: Path, robot_file: Path) -> None:
    robot = build_robot(str(robot_file))

    assert isinstance(robot, TinyRobot)
    with robot:
        robot.observe()
        assert robot.observe().values[FORCE].tolist() == [0.5]


def test_a_wrong_setting_is_named_with_those_of_the_type(plugin: Path, robot_file: Path) -> None:
    robot_file.write_text(TOML.replace("stiffness", "stifness"))

    with pytest.raises(UsageError, match="'stifness' is unknown, did you mean 'stiffness'"):
        build_robot(str(robot_file))


def test_an_unknown_type_lists_the_known_ones(plugin: Path, robot_file: Path) -> None:
    robot_file.write_text('type = "huge"')

    with pytest.raises(UsageError, match="robot type 'huge' is unknown") as caught:
        build_robot(str(robot_file))
    assert caught.value.hint == "known types: broken, lerobot, odd, so100, so101, tiny"


@pytest.mark.parametrize(
    ("robot_type", "problem"), [("broken", "'broken' of tiny-robot cannot be loaded"), ("odd", "expected a RobotKind")]
)
def test_a_package_that_does_not_work_is_named(plugin: Path, robot_type: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        find_kind(robot_type)


def test_options_of_so_arms_are_refused_for_other_robots(
    plugin: Path, robot_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["record", "--robot", str(robot_file), "--task", "x", "--units", "degrees", "--dry-run"]) == 2
    assert "--units: for SO-100 and SO-101 arms, not 'tiny'" in capsys.readouterr().err
