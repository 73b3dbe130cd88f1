"""What leader and follower of an SO-100 or SO-101 have in common: connecting, reading, letting go.

Opening looks at everything before it changes anything: the calibration file, whether all six motors answer and are
what they should be. Then what differs from LeRobot's settings and from the calibration file is written to the motors.
However it ends, each motor's torque is switched off, one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import ClassVar

import numpy as np

from lerotool.choices import Units
from lerotool.devices.arms.arm import JointReading
from lerotool.devices.arms.calibration import Calibration, build_scales, find_calibration, load_calibration
from lerotool.devices.arms.joints import (
    JOINT_IDS,
    JOINT_NAMES,
    JOINTS,
    ArmType,
    Joint,
    JointScale,
    Role,
    describe_silence,
    normalise,
)
from lerotool.devices.arms.settings import CALIBRATED, differing_settings, read_present, write_settings
from lerotool.devices.servos.answers import BusStatistics, Status
from lerotool.devices.servos.bus import ServoBus, SyncReading
from lerotool.devices.servos.registers import (
    FIRMWARE_MAJOR,
    FIRMWARE_MINOR,
    MODEL_STS3215,
    PRESENT_POSITION,
    TORQUE_ENABLE,
    Register,
)
from lerotool.errors import DeviceError, DeviceLostError, DeviceTimeoutError, LerotoolError

_PING_TRIES = 10
"""Opening may take its time: a computer under load, or a USB hub, can hold answers back for a tenth of a second."""
_RELEASE_TRIES = 5
_SWITCH_OFF = "switch off the arm's power supply before you touch it"


class _State(Enum):
    CLOSED = auto()
    CONNECTED = auto()
    READY = auto()


class SoArm:
    """One SO-100 or SO-101, leader or follower.

    The port is a path, or ``serial:`` and the adapter's serial number; ``arm_id`` is what its calibration file is
    called; ``units`` are of the body joints. An arm of which a motor is silent for ``silence_s`` counts as lost.
    ``robot``, the name by which it can be set up, is for hints. The clock is monotonic, in nanoseconds.
    """

    role: ClassVar[Role]
    joint_names = JOINT_NAMES

    def __init__(
        self,
        port: str,
        arm_id: str,
        *,
        arm_type: ArmType = ArmType.SO101,
        units: Units = Units.DEGREES,
        silence_s: float = 1.0,
        robot: str | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._id = arm_id
        self._type = arm_type
        self._units = units
        self._silence_ns = round(silence_s * 1e9)
        self._robot = robot
        self._clock = clock
        self._bus = ServoBus(port)
        self._notes: tuple[str, ...] = ()
        self._scales: tuple[JointScale, ...] = ()
        self._state = _State.CLOSED
        self._may_hold = False
        self._reset_readings()

    @property
    def name(self) -> str:
        """What errors call the arm."""
        return f"{self.role} {self._id!r}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the arm was opened, in words."""
        return self._notes

    @property
    def alarms(self) -> tuple[str, ...]:
        """What the motors said is wrong with them when they answered last: ``gripper: overloaded``."""
        if not any(self._statuses.values()):
            return ()
        return tuple(
            f"{joint.name}: {text}" for joint in JOINTS for text in self._statuses.get(joint.id, Status.NONE).describe()
        )

    @property
    def buses(self) -> dict[str, BusStatistics]:
        """What was counted on the arm's bus since the arm was made."""
        return {str(self.role): self._bus.statistics}

    def open(self) -> None:
        """Connect, check, set up. If anything fails, torque is off and the port closed."""
        if self._state is not _State.CLOSED:
            raise DeviceError(f"the {self.name} is open already")
        path = find_calibration(self.role, self._id, self._type, robot=self._robot)
        calibration = load_calibration(path, robot=self._robot)
        self._scales = build_scales(calibration, self._units)
        self._notes = ()
        self._reset_readings()
        try:
            with self._named():
                self._bus.open()
                # Whatever used the arm before may have left the torque on.
                self._state, self._may_hold = _State.CONNECTED, True
                self._check_motors()
                self._set_up(calibration, path)
                self._prepare()
                self._state = _State.READY
        except BaseException as error:
            self._abandon(error)
            raise

    def read(self) -> JointReading:
        """Return where the joints are; one that did not answer has its last value and its bit in ``stale``."""
        self._require_open()
        with self._named():
            reading = self._read_positions()
        return JointReading(
            np.array(self._values, np.float32),
            reading.captured_ns,
            sum(1 << index for index, joint in enumerate(JOINTS) if joint.id in reading.silent),
        )

    def close(self) -> None:
        """Switch off the torque of every motor that may have some, and disconnect. A closed arm may be closed again.

        Whatever fails on the way, all motors are tried, after Ctrl-C once more; DeviceError names those that may still
        hold. A port that was lost is opened again for that, in case it has come back.
        """
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        try:
            held = self._release() if self._may_hold else {}
        except KeyboardInterrupt:
            self._release()
            raise
        finally:
            self._bus.close()
        if held:
            joints = ", ".join(joint.name for joint in held)
            reason = next(iter(held.values())).message
            raise DeviceError(f"{self.name}: torque may still be on at {joints}: {reason}", hint=_SWITCH_OFF)

    def _abandon(self, error: BaseException) -> None:
        """Close after a failure, which stays what is raised."""
        try:
            self.close()
        except DeviceError as failure:
            error.add_note(failure.message)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say in errors of the bus which arm it is."""
        try:
            yield
        except DeviceError as error:
            raise type(error)(f"{self.name}: {error.message}", hint=error.hint) from error

    def _prepare(self) -> None:
        """Do what the role needs after the motors are set up; torque may be on or off before.

        Clears ``_may_hold`` if every motor's torque is off from then on.
        """

    def _require_open(self) -> None:
        if self._state is not _State.READY:
            raise DeviceError(f"the {self.name} is not open")

    def _reset_readings(self) -> None:
        self._steps: dict[int, int] = {}
        self._values: list[float] = []
        self._silent_since_ns: dict[int, int] = {}
        self._unsure: set[int] = set()
        self._read_ns = 0
        self._statuses: dict[int, Status] = {}

    def _read_positions(self) -> SyncReading:
        """Read all positions once and keep them."""
        reading = self._bus.sync_read(PRESENT_POSITION, JOINT_IDS)
        self._keep(reading)
        if reading.silent or self._silent_since_ns or self._unsure:
            self._watch_silence(reading.silent)
        return reading

    def _watch_silence(self, silent: frozenset[int]) -> None:
        """Count how long a motor has been silent from the first request that it did not answer."""
        now = self._clock()
        self._unsure = (self._unsure | self._silent_since_ns.keys()) - silent
        self._silent_since_ns = {servo: self._silent_since_ns.get(servo, now) for servo in silent}
        lost = {servo: now - since for servo, since in self._silent_since_ns.items() if now - since > self._silence_ns}
        if lost:
            who, where = describe_silence(lost, self._robot)
            raise DeviceLostError(f"{who} for {max(lost.values()) / 1e9:.1f} s", hint=where)
        if self._unsure:
            self._unsure -= self._confirm(self._unsure)

    def _confirm(self, servos: set[int]) -> set[int]:
        """Make sure that motors that answer again after they did not are well; return those that are."""
        return servos

    def _keep(self, reading: SyncReading) -> None:
        self._steps.update(reading.values)
        self._statuses.update(reading.statuses)
        self._read_ns = reading.captured_ns
        self._values = normalise((self._steps[servo] for servo in JOINT_IDS), self._scales)

    def _read_first_positions(self) -> None:
        """Read positions until every motor has told its own, so that no reading is ever without a value."""
        deadline_ns = self._clock() + self._silence_ns
        while True:
            reading = self._bus.sync_read(PRESENT_POSITION, JOINT_IDS)
            if not reading.silent:
                return self._keep(reading)
            if self._clock() > deadline_ns:
                who, where = describe_silence(reading.silent, self._robot)
                raise DeviceTimeoutError(f"{who} when asked for the position", hint=where)

    def _check_motors(self) -> None:
        pongs = {joint: self._bus.ping(joint.id, _PING_TRIES) for joint in JOINTS}
        if silent := [joint.id for joint, pong in pongs.items() if pong is None]:
            who, where = describe_silence(silent, self._robot)
            raise DeviceTimeoutError(f"{who} at {self._bus.port}", hint=where)
        wrong = {j: p.model for j, p in pongs.items() if p is not None and p.model != MODEL_STS3215}
        if wrong:
            found = ", ".join(f"{joint} is model {model}" for joint, model in wrong.items())
            raise DeviceError(f"{found} at {self._bus.port}; expected model {MODEL_STS3215}, an STS3215")
        self._statuses = {joint.id: pong.status for joint, pong in pongs.items() if pong is not None}

    def _set_up(self, calibration: Calibration, source: Path) -> None:
        """Bring the motors to LeRobot's settings and the file's calibration, writing only what differs."""
        present = read_present(self._bus)
        changed = []
        for joint in JOINTS:
            registers = present[joint.id]
            difference = differing_settings(joint, self.role, calibration[joint.name], registers)
            if any(register in difference for register in CALIBRATED):
                changed.append(joint.name)
            write_settings(self._bus, joint.id, difference, registers)
        self._notes = tuple(_describe_arm(self._id, source, changed, present))

    def _release(self) -> dict[Joint, DeviceError]:
        """Switch off every motor's torque; return those where it failed, and why."""
        held = self._try_release(JOINTS)
        if held and not self._bus.is_open:
            try:
                self._bus.open()
            except LerotoolError:
                return held  # the first errors say more
            held = self._try_release(tuple(held))
        return held

    def _try_release(self, joints: tuple[Joint, ...]) -> dict[Joint, DeviceError]:
        held = {}
        for joint in joints:
            try:
                self._bus.write(joint.id, TORQUE_ENABLE, 0, _RELEASE_TRIES)
            except DeviceError as error:
                held[joint] = error
        return held


def _describe_arm(
    arm_id: str, source: Path, changed: list[str], present: Mapping[int, Mapping[Register, int]]
) -> Iterator[str]:
    if changed:
        yield (
            f"{arm_id!r}: the calibration in the motors was not that of {source}, which was written to "
            f"{', '.join(changed)}"
        )
    versions = [f"{present[j.id][FIRMWARE_MAJOR]}.{present[j.id][FIRMWARE_MINOR]}" for j in JOINTS]
    if len(set(versions)) > 1:
        told = ", ".join(f"{joint.name} {version}" for joint, version in zip(JOINTS, versions, strict=True))
        yield f"{arm_id!r}: the motors have different firmware: {told}"


class SoLeader(SoArm):
    """An SO-100 or SO-101 that is moved by hand."""

    role: ClassVar[Role] = Role.LEADER

    def _prepare(self) -> None:
        for joint in JOINTS:
            self._bus.write(joint.id, TORQUE_ENABLE, 0)
        self._may_hold = False
        self._read_first_positions()
