"""`lerotool setup motors`: new motors get their ids one at a time, whatever is plugged in instead."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.devices.arms.joints import JOINTS, Joint
from lerotool.devices.servos.registers import BAUD_RATE, ID, LOCK, MODEL_NUMBER
from lerotool.testing.servo_bus import EmulatedBus
from tests.recording.terminal import Terminal
from tests.setup.bench import SIX, Bench, open_bench, registers, write_robot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
FROM_GRIPPER = tuple(reversed(JOINTS))
HALF_MEGABAUD = 1


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with open_bench(tmp_path, leader=[1], follower=SIX) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        write_robot(bench)
        yield bench


def connect_new(bus: EmulatedBus, instead_of: Joint | None) -> None:
    """Take the motor that was set off the cable, and hang a new one on it."""
    if instead_of is not None:
        bus.kill(instead_of.id)
        bus.add(1)


def begin(terminal: Terminal) -> None:
    terminal.read_until("(ids/again/leave) [ids]:")
    terminal.type(b"\n")


def set_all(terminal: Terminal, bus: EmulatedBus, joints: tuple[Joint, ...], before: Joint | None = None) -> None:
    """Set joints one after the other, each with a new motor."""
    for joint in joints:
        terminal.read_until(f"Connect only the {joint.name} motor (id {joint.id}")
        connect_new(bus, before)
        terminal.type(b"\n")
        terminal.read_until(f"{joint} is right already" if joint.id == 1 else f"{joint} is set")
        before = joint


def put_together(terminal: Terminal, bus: EmulatedBus) -> None:
    terminal.read_until("Press Enter when all six are connected")
    for servo in SIX:
        bus.revive(servo)
    terminal.type(b"\n")
    terminal.read_until("all six motors of the leader answer")


@pytest.mark.slow
def test_six_new_motors_get_their_ids_and_keep_them_without_power(bench: Bench) -> None:
    """From the gripper to the shoulder; the leader's gears are told."""
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        begin(terminal)
        terminal.read_until("gear 1:147, marked C046")
        connect_new(bench.leader, None)
        terminal.type(b"\n")
        terminal.read_until("motor 6 (gripper) is set: had id 1 at 1000000 baud")
        set_all(terminal, bench.leader, FROM_GRIPPER[1:], before=FROM_GRIPPER[0])
        put_together(terminal, bench.leader)
        assert terminal.wait() == 0
    bench.leader.power_cycle()
    assert registers(bench.leader, ID) == [1, 2, 3, 4, 5, 6]
    assert registers(bench.leader, BAUD_RATE) == [0] * 6
    assert registers(bench.leader, LOCK) == [1] * 6


@pytest.mark.slow
def test_every_wrong_plug_is_refused_and_the_next_try_works(bench: Bench) -> None:
    """Nothing, two new ones, two with ids, another model, the one that was just set, and one at another speed."""
    bus = bench.leader
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        begin(terminal)
        ask = "Connect only the gripper motor"
        terminal.read_until(ask)
        bus.kill(1)
        terminal.type(b"\n")
        terminal.read_until("no motor answers: check that the arm's power supply is on")
        terminal.read_until(ask)
        bus.revive(1)
        bus.add(1, angle=1000)
        terminal.type(b"\n")
        terminal.read_until("two motors or more answer to id 1")
        terminal.read_until(ask)
        bus.servo(1, place=1).set(ID, 4)
        terminal.type(b"\n")
        terminal.read_until("2 motors answer (motors 1 (shoulder_pan) and 4 (wrist_flex))")
        terminal.read_until(ask)
        bus.kill(4)
        bus.servo(1).set(MODEL_NUMBER, 1540)
        terminal.type(b"\n")
        terminal.read_until("this motor is of model 1540")
        terminal.read_until(ask)
        assert registers(bus, ID, [1]) == [1]
        bus.servo(1).set(MODEL_NUMBER, 777)
        bus.servo(1).set(BAUD_RATE, HALF_MEGABAUD)
        terminal.type(b"\n")
        terminal.read_until("motor 6 (gripper) is set: had id 1 at 500000 baud")
        terminal.read_until("Connect only the wrist_roll motor")
        terminal.type(b"\n")
        terminal.read_until("this motor has id 6, it was set as gripper before")
        terminal.read_until("Make it motor 5 (wrist_roll) all the same? [y/N]:")
        terminal.type(b"\n")
        terminal.read_until("Connect only the wrist_roll motor")
        terminal.type(b"q\n")
        assert terminal.wait() == 130
    assert registers(bus, BAUD_RATE, [6]) == [0]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was(bench: Bench) -> None:
    """Motors that are on the cable are not asked for; one that is plugged in alone is recognised."""
    bus = bench.leader
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        begin(terminal)
        set_all(terminal, bus, FROM_GRIPPER[:2])
        terminal.read_until("Connect only the wrist_flex")
        terminal.type(b"\x03")
        terminal.read_until("what was done is kept. Go on with: lerotool setup motors bench")
        assert terminal.wait() == 130
    bus.revive(6)
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        terminal.read_until("not heard: motor 4 (wrist_flex), motor 3 (elbow_flex), motor 2 (shoulder_lift)")
        begin(terminal)
        terminal.read_until("Connect only the wrist_flex")
        bus.kill(6)
        bus.servo(5).set(ID, 4)
        terminal.type(b"\n")
        terminal.read_until("motor 4 (wrist_flex) is right already")
        terminal.read_until("Connect only the elbow_flex")
        terminal.type(b"\x04")
        assert terminal.wait() == 130


@pytest.mark.slow
def test_a_motor_can_be_left_out_and_that_is_an_incomplete_end(bench: Bench) -> None:
    """Exit code 8, and what is left."""
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        begin(terminal)
        set_all(terminal, bench.leader, FROM_GRIPPER[:1])
        for joint in FROM_GRIPPER[1:]:
            terminal.read_until(f"Connect only the {joint.name}")
            terminal.type(b"s\n")
        terminal.read_until("motors left to be set: leader: wrist_roll, wrist_flex")
        assert terminal.wait() == 8


@pytest.mark.slow
def test_an_adapter_pulled_in_the_middle_is_told(bench: Bench) -> None:
    """As what it is, and what is set stays set."""
    with bench.setup("motors", "bench", "--arm", "leader") as terminal:
        begin(terminal)
        set_all(terminal, bench.leader, FROM_GRIPPER[:1])
        terminal.read_until("Connect only the wrist_roll")
        bench.leader.unplug()
        terminal.type(b"\n")
        terminal.read_until("error: ")
        assert terminal.wait() == 7
    assert registers(bench.leader, ID, [6]) == [6]


def test_an_arm_that_is_right_needs_nobody(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither terminal nor option."""
    assert run(["setup", "motors", "bench", "--arm", "follower", "--json"]) == 0
    [arm] = json.loads(capsys.readouterr().out)["arms"]
    assert arm == {"arm": "follower", "right": [joint.name for joint in JOINTS], "left": []}
    assert bench.follower.writes() == []


@pytest.mark.slow
def test_one_motor_is_set_without_questions(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """One with another joint's id only if that is said."""
    command = ["setup", "motors", "bench", "--arm", "leader", "--joint"]
    assert run([*command, "gripper"]) == 0
    assert run([*command, "gripper"]) == 0
    assert run([*command, "elbow_flex"]) == 7
    assert "it was set as gripper before" in capsys.readouterr().err
    assert run([*command, "elbow_flex", "--renumber"]) == 0
    assert registers(bench.leader, ID, [3]) == [3]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["bench", "--arm", "leader"], 2, "give --joint"),
        (["bench", "--arm", "leader", "--joint", "elbow"], 2, "expected one of shoulder_pan"),
        (["bench", "--joint", "gripper"], 2, "--arm leader or --arm follower"),
        (["bench", "--arm", "follower", "--joint", "gripper"], 7, "6 motors answer"),
        (["nobody"], 2, "no robot 'nobody'"),
        (["bench", "--side", "left"], 2, "no left arm that is set up"),
    ],
)
def test_what_cannot_be_is_refused(
    bench: Bench, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    """And nothing is written to any motor."""
    assert run(["setup", "motors", *arguments]) == code
    assert words in capsys.readouterr().err
    assert bench.leader.writes() == bench.follower.writes() == []
