"""Robots by name: the simulated one, those that have a file, and those in a file of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lerotool.devices.arms.arm import ArmPair
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.simulator import SimulatedFollower, SimulatedLeader
from lerotool.devices.arms.so_arm import SoLeader
from lerotool.devices.config import ArmConfig, PairConfig, SoRobotConfig, find_kind, save_robot
from lerotool.devices.robots import build_robot, find_robot
from lerotool.errors import UsageError
from tests.shared import GOLDEN

_ONE = SoRobotConfig(follower=ArmConfig(port="/dev/a", id="a"), leader=ArmConfig(port="/dev/b", id="a"))
_FOLLOWER = SoRobotConfig(follower=ArmConfig(port="/dev/a", id="a"))
_TWO = SoRobotConfig(
    left=PairConfig(follower=ArmConfig(port="/dev/a", id="l"), leader=ArmConfig(port="/dev/b", id="l")),
    right=PairConfig(follower=ArmConfig(port="/dev/c", id="r"), leader=ArmConfig(port="/dev/d", id="r")),
)

_KIND = find_kind("so101")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_a_robot_is_found_by_its_name() -> None:
    save_robot("bench", _ONE)
    robot = build_robot("bench")
    assert (robot.robot_type, type(robot.leader), type(robot.follower)) == ("so_follower", SoLeader, SoFollower)
    assert not robot.is_open
    assert find_robot("bench") == _ONE


def test_a_robot_is_found_by_its_file(tmp_path: Path) -> None:
    text = save_robot("bench", _TWO).read_text()
    for path in (tmp_path / "robot.toml", tmp_path / "robot"):
        path.write_text(text)
        assert find_robot(str(path)) == _TWO
    assert find_robot("robot") == _TWO
    assert build_robot("robot.toml").robot_type == "bi_so_follower"


def test_a_name_wins_over_a_file_of_the_same_name(tmp_path: Path) -> None:
    save_robot("bench", _ONE)
    (tmp_path / "bench").write_text("nonsense")
    assert find_robot("bench") == _ONE


def test_the_simulated_robot_needs_no_file() -> None:
    robot = build_robot("sim")
    assert isinstance(robot.leader, SimulatedLeader)
    assert (robot.alarms, robot.notes, robot.follower.is_aligned) == ((), (), True)


@pytest.mark.parametrize("name", ["benhc", "", "a/b", "."])
def test_an_unknown_robot_lists_the_known_ones(name: str) -> None:
    save_robot("bench", _ONE)
    with pytest.raises(UsageError, match=f"unknown robot '{name}'") as caught:
        build_robot(name)
    assert caught.value.hint == "known robots: sim, bench; lerotool setup makes one"


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UsageError, match=r"absent\.toml: no such file"):
        build_robot("absent.toml")


def test_what_is_not_set_up_is_told() -> None:
    with pytest.raises(UsageError, match="the robot has no leader"):
        _KIND.build(_FOLLOWER, None)
    assert _KIND.build_for_replay is not None
    assert _KIND.build_for_replay(_FOLLOWER, None).features()["action"].names[0] == "shoulder_pan.pos"
    with pytest.raises(UsageError, match="the robot has no follower"):
        _KIND.build_for_replay(SoRobotConfig(), None)
    with pytest.raises(UsageError, match=r"no right\.follower"):
        _KIND.build_for_replay(SoRobotConfig(left=_TWO.left), None)


def test_leader_and_follower_have_the_same_joints() -> None:
    class Five(SimulatedLeader):
        joint_names = SimulatedLeader.joint_names[:5]

    with pytest.raises(UsageError, match="leader and follower have different joints: shoulder_pan, "):
        ArmPair("test", Five(), SimulatedFollower())


@pytest.mark.parametrize("dataset", ["v30_lerobot061_two_cams", "v30_lerobot044_two_cams"])
def test_features_are_those_of_lerobots_own_recordings(dataset: str) -> None:
    info = json.loads((GOLDEN / dataset / "meta" / "info.json").read_text())
    robot = _KIND.build(_ONE, None)
    assert robot.robot_type == info["robot_type"]
    for name, feature in robot.features().items():
        assert feature.to_json() == {key: info["features"][name][key] for key in ("dtype", "shape", "names")}
