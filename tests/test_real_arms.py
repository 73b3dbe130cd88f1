"""Real arms: the commands as typed, the real servo SDK and serial ports, emulated motors at their other end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.spool.pending import PendingEpisode, list_pending
from tests.lerobot_judge import judge
from tests.patience import PATIENCE_S
from tests.rig import NAME, Recording, Rig, lerotool, record
from tests.shared import GOLDEN

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="emulated buses need pseudo-terminals"), pytest.mark.slow]

WRIST_ROLL = JOINT_NAMES.index("wrist_roll")
STEP = 360 / 4095
TURN = 4096
RATE = 300.0
"""Steps per second of the leader's wrist, far enough apart to tell when a position was read."""
PERIOD_S = 1 / 30


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    with Rig() as rig:
        yield rig


def turn_wrist(rig: Rig) -> float:
    """Let the leader's wrist turn on and on; returns when it stood at step 0, on the monotonic clock."""
    origin = time.monotonic() - 500 / RATE
    rig.leader.servo(WRIST_ROLL + 1).ramp(origin=origin, rate=RATE)
    return origin


def columns(episode: PendingEpisode, name: str) -> np.ndarray:
    return np.stack(episode.rows()[name].to_numpy(zero_copy_only=False))


def assert_wrist_is_fresh_or_marked(episode: PendingEpisode, origin: float) -> int:
    """Compare each action with where the leader's wrist was; returns how many rows were marked."""
    rows = episode.rows()
    steps = columns(episode, "action")[:, WRIST_ROLL] / STEP + 4095 / 2
    observed_s = rows["observed_ns"].to_numpy() / 1e9
    # It may have come round any number of times before the take; more than half a turn is no age of a position.
    behind = ((observed_s - origin) * RATE - steps + TURN / 2) % TURN - TURN / 2
    is_marked = (rows["stale_action"].to_numpy() >> WRIST_ROLL & 1).astype(bool)
    # In a tick the follower is read first: a position of the leader from before that is an old one.
    is_old = behind > 2
    # After a second without a goal, as before a take on a busy machine, the follower is sent slowly to the leader.
    is_pausing = np.diff(rows["acted_ns"].to_numpy(), prepend=0) > 1_000_000_000
    assert not (is_old & ~is_marked & ~is_pausing).any()
    return int(is_marked.sum())


def in_takes(recording: Recording, act: Callable[[], None], times: int) -> None:
    """Do something some times, several ticks apart."""
    recording.wait_for("take_started")
    for _ in range(times):
        time.sleep(3 * PERIOD_S)
        act()


def test_a_recording_has_the_leaders_positions_as_actions_and_leaves_the_torque_off(rig: Rig, tmp_path: Path) -> None:
    origin = turn_wrist(rig)
    with record(tmp_path / "d", episodes=2) as recording:
        recording.wait_for("take_started")
        assert rig.torques == [False] * 6 + [True] * 6
        report = recording.finish()
    assert (report["ended"], report["total"]) == ("complete", 2)
    assert rig.torques == [False] * 12
    for episode in list_pending(tmp_path / "d"):
        assert episode.header.robot_type == "so_follower"
        assert assert_wrist_is_fresh_or_marked(episode, origin) == episode.report["stale_actions"]
        wrist = columns(episode, "action")[:, WRIST_ROLL]
        assert np.all(np.diff(wrist) % 360 < 180), "it never turns back"
        state = columns(episode, "observation.state")[:, WRIST_ROLL]
        distance = np.abs((wrist - state + 180) % 360 - 180)
        assert len(np.unique(state)) > 2, "the follower follows"
        # On a busy machine it may have begun the take far from the leader, and some rows may come late.
        assert np.median(distance) < max(10, distance[0]), "the follower comes to where the leader is"


def test_faults_on_the_bus_are_counted_exactly_and_no_old_position_passes_for_a_new_one(
    rig: Rig, tmp_path: Path
) -> None:
    origin = turn_wrist(rig)
    servo = WRIST_ROLL + 1
    with record(tmp_path / "d", seconds=4) as recording:
        recording.wait_for("take_started")
        for fault, count in (("lost", 2), ("corrupt", 1), ("cut", 1), ("lost", 2), ("corrupt", 1)):
            time.sleep(3 * PERIOD_S)
            rig.leader.order(fault, servo=servo, count=count)
            rig.follower.order(fault, servo=2, count=count)
        recording.finish()
    (episode,) = list_pending(tmp_path / "d")
    for name, bus, at in (("leader", rig.leader, servo), ("follower", rig.follower, 2)):
        injected = bus.counts()["faults"]
        counted = episode.report["buses"][name]
        assert injected["lost"] == {at: 4}
        assert injected["corrupt"][at] + injected["cut"][at] == 3
        if counted["refused_late"]:
            # The emulator itself answered too late, on a busy machine; what it was told to do is among the counts.
            assert counted["silent"] + counted["damaged"] >= 7
        else:
            assert (counted["silent"], counted["damaged"]) == (4, 3)
    marked = assert_wrist_is_fresh_or_marked(episode, origin)
    assert marked == episode.report["stale_actions"] > 0
    stale = episode.rows()["stale"].to_numpy()
    assert np.count_nonzero(stale) == episode.report["stale_rows"] > 0
    assert 1 << 1 in stale


def test_stalls_mark_rows_and_nothing_else(rig: Rig, tmp_path: Path) -> None:
    origin = turn_wrist(rig)
    with record(tmp_path / "d", seconds=4) as recording:
        in_takes(recording, lambda: rig.leader.stall(0.2), times=5)
        recording.finish()
    (episode,) = list_pending(tmp_path / "d")
    marked = assert_wrist_is_fresh_or_marked(episode, origin)
    assert marked == episode.report["stale_actions"] >= 5
    assert episode.report["buses"]["leader"]["refused_late"] > 0
    assert episode.length + episode.report["missed"] == 120


def test_a_dead_servo_ends_the_take_and_the_session_goes_on_when_it_is_back(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "d", episodes=2, seconds=3) as recording:
        recording.wait_for("take_started")
        rig.leader.kill(4)
        lost = recording.wait_for("device_lost")
        assert "wrist_flex" in lost["reason"]
        rig.leader.revive(4)
        recording.wait_for("devices_back")
        report = recording.finish()
    assert (report["ended"], report["total"]) == ("complete", 2)
    first, second = list_pending(tmp_path / "d")
    assert first.report["ended"] == "failure"
    assert 0 < first.length < second.length
    stale = first.rows()["stale_action"].to_numpy()
    assert np.all(stale[-10:] >> 3 & 1), "silent to the end, and marked"
    assert rig.torques == [False] * 12


def test_an_adapter_that_is_pulled_out_is_recognised_and_used_again(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "d", episodes=2, seconds=3) as recording:
        recording.wait_for("take_started")
        rig.follower.unplug()
        lost = recording.wait_for("device_lost")
        assert "has gone" in lost["reason"]
        rig.follower.replug()
        report = recording.finish()
    assert (report["ended"], report["total"]) == ("complete", 2)
    assert len(list_pending(tmp_path / "d")) == 2
    assert rig.torques == [False] * 12


def test_an_overloaded_motor_is_told_and_recording_goes_on(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "d", seconds=2) as recording:
        recording.wait_for("take_started")
        rig.follower.servo(6).change(status=0x20)
        recording.finish()
    (episode,) = list_pending(tmp_path / "d")
    assert any("gripper" in alarm for alarm in episode.report["alarms"])
    assert episode.report["ended"] == "time"
    assert rig.torques == [False] * 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
def test_signals_save_the_take_and_release_the_arm(rig: Rig, tmp_path: Path, number: signal.Signals) -> None:
    with record(tmp_path / "d", seconds=60) as recording:
        recording.wait_for("take_started")
        time.sleep(3 * PERIOD_S)
        recording.child.send_signal(number)
        assert recording.finish(130)["total"] == 1
    assert rig.torques == [False] * 12


def test_an_arm_that_does_not_answer_is_an_error_that_says_where_to_look(rig: Rig, tmp_path: Path) -> None:
    for servo in (4, 5, 6):
        rig.follower.kill(servo)
    with record(tmp_path / "d") as recording:
        recording._reader.join(PATIENCE_S)
        assert recording.child.wait(PATIENCE_S) == 7
        assert recording.child.stderr is not None
        err = recording.child.stderr.read()
    assert "motors 4, 5, 6 do not answer" in err
    assert "cable between" in err
    assert not list_pending(tmp_path / "d")
    assert rig.torques == [False] * 12


def test_teleoperation_moves_the_follower_and_records_nothing(rig: Rig) -> None:
    turn_wrist(rig)
    with lerotool("record", "--robot", NAME, "--episodes", 0) as session:
        session.wait_for("alignment_started")
        deadline = time.monotonic() + PATIENCE_S
        servo = rig.follower.servo(WRIST_ROLL + 1)
        began = servo.position
        while (servo.position - began) % TURN < 100:
            assert time.monotonic() < deadline
        session.child.send_signal(signal.SIGINT)
        session.finish(130)
    assert rig.torques == [False] * 12


def test_what_was_recorded_is_replayed_by_the_follower(rig: Rig, tmp_path: Path) -> None:
    turn_wrist(rig)
    with record(tmp_path / "d", seconds=1) as recording:
        recording.finish()
    subprocess.run([sys.executable, "-m", "lerotool", "encode", "--pending", str(tmp_path / "d")], check=True)
    dataset = Dataset.open(tmp_path / "d")
    last = dataset.numpy("action", 0, dataset.num_frames)[-1]
    rig.follower.servo(WRIST_ROLL + 1).change(angle=2048)
    with lerotool("replay", tmp_path / "d", 0, "--robot", NAME) as session:
        report = session.finish()
    assert (report["rows"], report["limited"]) == (dataset.num_frames, 0)
    assert abs(rig.follower.servo(WRIST_ROLL + 1).position - (last[WRIST_ROLL] / STEP + 4095 / 2)) < 60
    assert rig.torques == [False] * 12


def test_the_features_are_those_of_lerobots_own_recording(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "d", seconds=0.5) as recording:
        recording.finish()
    subprocess.run([sys.executable, "-m", "lerotool", "encode", "--pending", str(tmp_path / "d")], check=True)
    ours = json.loads((tmp_path / "d/meta/info.json").read_text())
    theirs = json.loads((GOLDEN / "v30_lerobot061_two_cams/meta/info.json").read_text())
    for name in ("action", "observation.state"):
        assert ours["features"][name] == theirs["features"][name]
    assert ours["robot_type"] == "so_follower"
    assert list(ours["features"]["observation.images.front"]) == list(theirs["features"]["observation.images.front"])


@pytest.mark.lerobot
def test_lerobot_loads_a_recording_of_real_arms(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "d", episodes=2, seconds=1) as recording:
        recording.finish()
    subprocess.run([sys.executable, "-m", "lerotool", "encode", "--pending", str(tmp_path / "d")], check=True)
    judge(tmp_path / "d")
