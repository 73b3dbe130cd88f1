"""Sending emulated followers somewhere: what is returned is what the servos got, never too far, never too fast."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from lerotool.choices import Units
from lerotool.devices.arms.calibration import build_scales, calibration_path, save_calibration
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINT_IDS, JOINT_NAMES, Role, normalise
from lerotool.devices.config import ArmConfig, PairConfig, SoRobotConfig, save_robot
from lerotool.devices.robots import build_robot
from lerotool.devices.servos import registers as table
from lerotool.errors import DeviceError, DeviceLostError
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.arms.conftest import CALIBRATION, OpenBus, torques
from tests.patience import PATIENCE_S

_AT_ONCE = 1e6
_SCALES = build_scales(CALIBRATION, Units.DEGREES)


def _goals(bus: EmulatedBus) -> list[int]:
    return [bus.servo(servo).read(table.GOAL_POSITION) for servo in JOINT_IDS]


def _values(steps: list[int]) -> NDArray[np.float32]:
    return np.array(normalise(steps, _SCALES), np.float32)


def _open(bus: EmulatedBus, *, start_speed: float = _AT_ONCE, **options: object) -> SoFollower:
    follower = SoFollower(bus.port, "bench", start_speed=start_speed, **options)  # type: ignore[arg-type]
    follower.open()
    follower.send(follower.read().values)
    return follower


@pytest.mark.parametrize("units", list(Units))
def test_what_is_returned_is_what_the_servos_got(bus: EmulatedBus, units: Units) -> None:
    follower = _open(bus, units=units)
    rng, scales = Random(2), build_scales(CALIBRATION, units)
    for _ in range(40):
        goal = np.array([rng.uniform(-200, 200) for _ in JOINT_IDS], np.float32)
        sent = follower.send(goal)
        steps = _goals(bus)
        np.testing.assert_array_equal(sent, np.array(normalise(steps, scales), np.float32))
        assert all(s.range_min <= step <= s.range_max for s, step in zip(scales, steps, strict=True))
        np.testing.assert_array_equal(follower.send(sent), sent)
        assert _goals(bus) == steps, "sending it again changes nothing"


@pytest.mark.parametrize("goal", [[0.0] * 5, [0.0] * 5 + [float("nan")], [float("inf")] * 6, [[0.0] * 6]])
def test_a_goal_that_is_none_is_refused_and_nothing_sent(bus: EmulatedBus, goal: list[float]) -> None:
    follower = _open(bus)
    before = _goals(bus)
    with pytest.raises(DeviceError, match=r"follower 'bench': goal .*: expected 6 finite numbers"):
        follower.send(np.array(goal, np.float32))
    assert _goals(bus) == before


def test_a_closed_follower_sends_nothing(bus: EmulatedBus) -> None:
    follower = _open(bus)
    follower.close()
    before = _goals(bus)
    with pytest.raises(DeviceError, match="the follower 'bench' is not open"):
        follower.send(np.zeros(6, np.float32))
    assert _goals(bus) == before
    assert not follower.is_aligned


def test_at_first_the_follower_approaches_slowly(bus: EmulatedBus) -> None:
    follower = SoFollower(bus.port, "bench", start_speed=100)
    follower.open()
    here = follower.read().values
    goal = np.array([30, -20, 10, 0, 40, 80], np.float32)
    begin, path = time.monotonic(), [follower.send(goal)]
    np.testing.assert_allclose(path[0], here, atol=0.1)
    assert not follower.is_aligned
    while not follower.is_aligned:
        assert time.monotonic() < begin + PATIENCE_S
        path.append(follower.send(goal))
        assert (np.abs(path[-1] - here) <= 100 * (time.monotonic() - begin) + 0.1).all()
    np.testing.assert_allclose(path[-1], goal, atol=0.1)
    assert (np.diff([np.abs(sent - goal) for sent in path], axis=0) <= 1e-4).all(), "it never turns back"
    np.testing.assert_allclose(follower.send(-goal)[:5], -goal[:5], atol=0.1)


def test_nothing_is_sent_further_than_allowed_from_where_it_stands(bus: EmulatedBus) -> None:
    limits = dict(zip(JOINT_NAMES, (1.0, 2.5, 5.0, 10.0, 20.0, 7.0), strict=True))
    follower = _open(bus, max_relative_target=limits)
    rng = Random(5)
    for _ in range(60):
        present = follower.read().values
        goal = np.array([rng.uniform(-90, 90) for _ in range(5)] + [rng.uniform(0, 100)], np.float32)
        sent = follower.send(goal)
        most = np.array(list(limits.values()))
        assert (np.abs(sent - present) <= most + 1e-4).all()
        expected = np.clip(goal, present - most, present + most)
        assert (np.abs(sent - expected) <= [s.units_per_step * 1.01 for s in _SCALES]).all()


def test_a_joint_outside_its_range_is_sent_into_it(bus: EmulatedBus) -> None:
    follower = _open(bus, max_relative_target=1.0)
    bus.servo(1).set(table.OPERATING_MODE, 1)  # it does not go where it is sent
    bus.servo(1).change(angle=3400)
    sent = follower.send(follower.read().values)
    assert _goals(bus)[0] == CALIBRATION["shoulder_pan"].range_max
    assert sent[0] == _values(_goals(bus))[0]


def test_a_motor_that_lost_its_power_for_a_moment_is_not_taken_for_well(bus: EmulatedBus) -> None:
    follower = _open(bus, silence_s=60)
    bus.kill(4)
    assert follower.read().stale == 0b001000
    bus.revive(4)
    assert follower.read().stale == 0, "a cable that was loose for a moment does no harm"
    bus.kill(2)
    follower.read()
    bus.servo(2).power_cycle()
    bus.revive(2)
    with pytest.raises(DeviceLostError, match=r"follower 'bench': motor 2 \(shoulder_lift\) lost power for a moment"):
        follower.read()
    follower.close()
    follower.open()
    assert torques(bus) == [True] * 6


def test_a_limit_needs_no_further_reading(bus: EmulatedBus) -> None:
    follower = _open(bus, max_relative_target=5.0)
    before = bus.counts()["requests"]
    for _ in range(10):
        follower.send(follower.read().values + 3)
    # One sync read and one sync write each; on a busy machine some are repeated, but a further reading each makes 30.
    assert 20 <= bus.counts()["requests"] - before < 30


def test_who_does_not_read_is_read_for(bus: EmulatedBus) -> None:
    follower = _open(bus, max_relative_target=5.0, silence_s=0.3)
    first = follower.send(np.array([60, 0, 0, 0, 0, 50], np.float32))
    deadline = time.monotonic() + PATIENCE_S
    while follower.send(np.array([60, 0, 0, 0, 0, 50], np.float32))[0] < 59:
        assert time.monotonic() < deadline, "it is stuck at the first pose"
        bus.counts()  # the emulator keeps up
    assert first[0] < 10
    bus.kill(2)
    with pytest.raises(DeviceLostError, match=r"motor 2 \(shoulder_lift\) does not answer"):
        _send_until(follower, bus, deadline)


def _send_until(follower: SoFollower, bus: EmulatedBus, deadline: float) -> None:
    while time.monotonic() < deadline:
        follower.send(np.zeros(6, np.float32))
        bus.counts()


def test_a_follower_goes_where_its_leader_is(
    open_bus: OpenBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    leading, following = open_bus(), open_bus()
    for bus in (leading, following):
        bus.servo(6).change(angle=2700)
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path))
    monkeypatch.setenv("LEROTOOL_SERIAL_PORTS", f"{leading.port}=LEAD1,{following.port}=FOLLOW1")
    save_robot(
        "pair",
        SoRobotConfig(
            leader=ArmConfig(port="serial:LEAD1", id="bench"),
            follower=ArmConfig(port="serial:FOLLOW1", id="bench"),
            start_speed=300,
        ),
    )
    with build_robot("pair") as robot:
        for servo, angle in zip(JOINT_IDS, (2300, 1500, 2048, 1800, 3000, 3000), strict=True):
            leading.servo(servo).change(angle=angle)
        deadline = time.monotonic() + PATIENCE_S
        while (
            not robot.follower.is_aligned
            or np.abs(robot.follower.read().values - robot.leader.read().values).max() > 0.2
        ):
            assert time.monotonic() < deadline
            robot.follower.send(robot.leader.read().values)
        assert torques(leading) == [False] * 6
        assert [abs(following.servo(s).angle - leading.servo(s).angle) <= 2 for s in JOINT_IDS] == [True] * 6
        assert [note.split(":")[0] for note in robot.notes] == ["leader 'bench'", "follower 'bench'"]
    assert torques(following) == [False] * 6


def test_two_pairs_are_one_robot(open_bus: OpenBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    buses = [open_bus() for _ in range(4)]
    for bus in buses:
        bus.servo(6).change(angle=2700)
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path))
    for role in Role:
        for side in ("left", "right"):
            save_calibration(calibration_path(role, f"bench_{side}"), CALIBRATION)
    left, right = (
        PairConfig(
            follower=ArmConfig(port=follower.port, id=f"bench_{side}"),
            leader=ArmConfig(port=leader.port, id=f"bench_{side}"),
        )
        for side, follower, leader in (("left", *buses[:2]), ("right", *buses[2:]))
    )
    save_robot("two", SoRobotConfig(left=left, right=right, start_speed=_AT_ONCE))
    with build_robot("two") as robot:
        assert robot.robot_type == "bi_so_follower"
        goal = np.array([10, 0, 0, 0, 0, 50, 20, 0, 0, 0, 0, 50], np.float32)
        robot.follower.send(goal)
        while not robot.follower.is_aligned:
            sent = robot.follower.send(goal)
        np.testing.assert_allclose(sent, goal, atol=0.1)
        np.testing.assert_array_equal(sent[:6], _values(_goals(buses[0])))
        np.testing.assert_array_equal(sent[6:], _values(_goals(buses[2])))
        assert robot.leader.read().values.shape == (12,)
        buses[2].kill(4)
        while not (reading := robot.follower.read()).stale:
            pass
        assert reading.stale == 1 << (6 + 3)
        with pytest.raises(DeviceError, match="follower 'bench_right': torque may still be on at wrist_flex"):
            robot.close()
    assert torques(buses[0]) == [False] * 6
    assert torques(buses[2]) == [False, False, False, True, False, False]
