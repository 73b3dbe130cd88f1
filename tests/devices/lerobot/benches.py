"""Robots of LeRobot on emulated hardware, calibrated, with LeRobot's options for them."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lerotool.devices.arms.calibration import calibration_path, save_calibration
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, Role
from lerotool.devices.robots import build_robot
from lerotool.devices.servos.registers import HOMING_OFFSET, MAX_POSITION, MIN_POSITION
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.lerobot import dynamixel_bus as table
from tests.devices.lerobot.dynamixel_bus import DynamixelBus
from tests.devices.lerobot.wobble import python
from tests.rig import CALIBRATION, NAME, Rig

XL330_M077, XL330_M288, XL430_W250 = 1190, 1200, 1060
KOCH_FOLLOWER = (XL430_W250, XL430_W250, *[XL330_M288] * 4)
KOCH_LEADER = (XL330_M077,) * 6
KOCH_RANGES = {"shoulder_pan": (0, 4095), "wrist_roll": (0, 4095)}
HOST = Path(__file__).with_name("lekiwi_host.py")


@dataclass(frozen=True, slots=True)
class SoArms:
    """A leader and a follower on two Feetech buses, and a camera.

    Attributes:
        options: LeRobot's, without the camera.
    """

    rig: Rig

    @property
    def options(self) -> tuple[str, ...]:
        follower = ("--robot.type=so101_follower", f"--robot.port={self.rig.follower.port}", f"--robot.id={NAME}")
        return (*follower, *_leader(self.rig))

    def is_released(self) -> bool:
        """Whether no motor holds."""
        return not any(self.rig.torques)


def _leader(rig: Rig) -> tuple[str, ...]:
    return ("--teleop.type=so101_leader", f"--teleop.port={rig.leader.port}", f"--teleop.id={NAME}")


@contextmanager
def so_arms(cameras: int = 1) -> Iterator[SoArms]:
    """Start them; the motors hold the calibration of their files."""
    with Rig(cameras=cameras) as rig:
        with build_robot(NAME):
            pass
        yield SoArms(rig)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two leaders and two followers on four Feetech buses."""

    buses: tuple[EmulatedBus, ...]
    options: tuple[str, ...]

    def is_released(self) -> bool:
        """Whether no motor holds."""
        return not any(bus.servo(joint.id).is_torque_on for bus in self.buses for joint in JOINTS)


@contextmanager
def pairs() -> Iterator[Pairs]:
    """Start them."""
    with ExitStack() as stack:
        options = ["--robot.type=bi_so_follower", "--teleop.type=bi_so_leader"]
        options += [f"--robot.id={NAME}", f"--teleop.id={NAME}"]
        buses = []
        for role, part in ((Role.FOLLOWER, "robot"), (Role.LEADER, "teleop")):
            for side in ("left", "right"):
                bus = stack.enter_context(EmulatedBus(is_moving=role is Role.LEADER))
                _calibrate_so(bus, calibration_path(role, f"{NAME}_{side}"))
                options.append(f"--{part}.{side}_arm_config.port={bus.port}")
                buses.append(bus)
        yield Pairs(tuple(buses), tuple(options))


def _calibrate_so(bus: EmulatedBus, path: Path) -> None:
    """Give motors and file the same calibration."""
    save_calibration(path, CALIBRATION)
    for joint in CALIBRATION.values():
        servo = bus.servo(joint.id)
        servo.set(HOMING_OFFSET, joint.homing_offset)
        servo.set(MIN_POSITION, joint.range_min)
        servo.set(MAX_POSITION, joint.range_max)
    bus.servo(6).change(angle=2700)


@dataclass(frozen=True, slots=True)
class Koch:
    """A leader and a follower on two Dynamixel buses."""

    follower: DynamixelBus
    leader: DynamixelBus
    options: tuple[str, ...]

    def is_released(self) -> bool:
        """Whether no servo holds; LeRobot releases the leader's gripper too."""
        return not any(self.follower.torques + self.leader.torques)


@contextmanager
def koch(calibration: Path) -> Iterator[Koch]:
    """Start them; their calibration is put where LeRobot looks for it."""
    with DynamixelBus(KOCH_FOLLOWER) as follower, DynamixelBus(KOCH_LEADER, is_moving=True) as leader:
        _calibrate_koch(follower, calibration / "robots/koch_follower/bench.json", inverted=())
        _calibrate_koch(leader, calibration / "teleoperators/koch_leader/bench.json", inverted=("elbow_flex",))
        options = (
            *("--robot.type=koch_follower", f"--robot.port={follower.port}", "--robot.id=bench"),
            *("--teleop.type=koch_leader", f"--teleop.port={leader.port}", "--teleop.id=bench"),
        )
        yield Koch(follower, leader, options)


def _calibrate_koch(bus: DynamixelBus, path: Path, inverted: tuple[str, ...]) -> None:
    entries = {}
    for servo, joint in enumerate(JOINT_NAMES, 1):
        low, high = KOCH_RANGES.get(joint, (900, 3300))
        entry = {"id": servo, "drive_mode": int(joint in inverted), "homing_offset": -20 * servo}
        entries[joint] = {**entry, "range_min": low, "range_max": high}
        bus.put(servo, table.DRIVE_MODE, entries[joint]["drive_mode"])
        bus.put(servo, table.HOMING_OFFSET, entries[joint]["homing_offset"])
        bus.put(servo, table.MIN_POSITION, low)
        bus.put(servo, table.MAX_POSITION, high)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entries))


@dataclass(frozen=True, slots=True)
class LeKiwi:
    """A running host and a leader arm.

    Attributes:
        log: where the host says that it is steered, and that it stopped its base for want of commands.
    """

    host: subprocess.Popen[str]
    log: Path
    robot: tuple[str, ...]
    teleop: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        return (*self.robot, *self.teleop)

    def is_released(self) -> bool:
        """Whether nobody steers it, as far as the host has noticed."""
        return not self.log.exists() or self.log.read_text().split()[-1:] == ["stopped"]


@contextmanager
def lekiwi(log: Path) -> Iterator[LeKiwi]:
    """Start them."""
    command = [str(python()), str(HOST), str(log)]
    with (
        so_arms(cameras=0) as arms,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host,
    ):
        assert host.stdout is not None
        commands, observations = json.loads(host.stdout.readline())
        cameras = "{front: {type: opencv, index_or_path: 0, width: 128, height: 64, fps: 30}}"
        ports = (f"--robot.port_zmq_cmd={commands}", f"--robot.port_zmq_observations={observations}")
        patience = "--robot.connect_timeout_s=60"
        robot = ("--robot.type=lekiwi_client", "--robot.remote_ip=127.0.0.1", *ports, patience)
        try:
            yield LeKiwi(host, log, (*robot, f"--robot.cameras={cameras}"), _leader(arms.rig))
        finally:
            host.send_signal(signal.SIGCONT)
            host.communicate()


@dataclass(frozen=True, slots=True)
class Dummy:
    """The plug-in ``lerobot-robot-dummy``, which prints what it is sent, steered by a leader on a Feetech bus."""

    rig: Rig

    @property
    def options(self) -> tuple[str, ...]:
        return ("--robot.type=dummy_follower", f"--robot.motor_names={json.dumps(JOINT_NAMES)}", *_leader(self.rig))

    def is_released(self) -> bool:
        """Whether no motor of the leader holds; the dummy has none."""
        return not any(self.rig.torques)


@contextmanager
def dummy() -> Iterator[Dummy]:
    """Start the leader."""
    with so_arms() as arms:
        yield Dummy(arms.rig)
