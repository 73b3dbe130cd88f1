"""The follower: the arm that is sent somewhere. Everything here keeps it from moving in a way that nobody expects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lerotool.choices import Units
from lerotool.devices.arms.arm import check_goal
from lerotool.devices.arms.joints import JOINT_IDS, JOINTS, ArmType, Joint, JointScale, Role, normalise, setup_command
from lerotool.devices.arms.so_arm import SoArm
from lerotool.devices.robot import SoftStart
from lerotool.devices.servos.registers import GOAL_POSITION, TORQUE_ENABLE
from lerotool.errors import CalibrationError, DeviceLostError

_MOST_OUTSIDE_STEPS = 114
"""Ten degrees: a servo with torque goes into its range at once, from wherever it stands."""
_FRESH_NS = 100_000_000
_GOAL_TRIES = 5


class SoFollower(SoArm):
    """An SO-100 or SO-101 that follows.

    ``max_relative_target`` is how far from where it stands a joint is sent at most, in its units, or by joint name; at
    least one servo step. ``start_speed`` is the soft start's, in units per second. For the rest see `SoArm`.
    """

    role: ClassVar[Role] = Role.FOLLOWER

    def __init__(
        self,
        port: str,
        arm_id: str,
        *,
        arm_type: ArmType = ArmType.SO101,
        units: Units = Units.DEGREES,
        silence_s: float = 1.0,
        max_relative_target: float | Mapping[str, float] | None = None,
        start_speed: float = 60.0,
        robot: str | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(port, arm_id, arm_type=arm_type, units=units, silence_s=silence_s, robot=robot, clock=clock)
        self._max_relative_target = max_relative_target
        self._start_speed = start_speed
        self._start: SoftStart | None = None

    @property
    def is_aligned(self) -> bool:
        """Whether goals are sent as they are: the soft start has caught up with what was asked for."""
        return self._start is not None and self._start.is_aligned

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the joints to a goal, one finite number per joint, and return what was really sent, float32.

        That is the goal after the soft start, within ``max_relative_target`` of where the joints stand, in whole servo
        steps, within the joints' ranges. Where the joints stand is known from the last ``read``; if that is longer ago
        than a tenth of a second they are read here.
        """
        self._require_open()
        values = check_goal(goal, len(JOINTS), f"{self.name}: ")
        now = self._clock()
        assert self._start is not None
        with self._named():
            if now - self._read_ns > _FRESH_NS:
                self._read_positions()
            steps = self._limited_steps(self._start.limit(values, now))
            self._bus.sync_write(GOAL_POSITION, dict(zip(JOINT_IDS, steps, strict=True)))
        return np.array(normalise(steps, self._scales), np.float32)

    def close(self) -> None:
        """Switch off the torque of every motor, whatever fails, and disconnect, as `SoArm` does."""
        self._start = None
        super().close()

    def _prepare(self) -> None:
        """Let every motor hold where it stands: the goal first, then torque."""
        self._read_first_positions()
        self._require_within_range()
        goal = {joint.id: min(s.range_max, max(s.range_min, self._steps[joint.id])) for joint, s in self._scaled()}
        self._set_goal(goal)
        for joint in JOINTS:
            self._bus.write(joint.id, TORQUE_ENABLE, 1)
        self._start = SoftStart(self._start_speed, normalise(goal.values(), self._scales))

    def _confirm(self, servos: set[int]) -> set[int]:
        """Return those motors that still hold; one whose supply failed for a moment does not."""
        torque = self._bus.sync_read(TORQUE_ENABLE, servos).values
        if limp := [str(joint) for joint in JOINTS if torque.get(joint.id) == 0]:
            raise DeviceLostError(
                f"{', '.join(limp)} lost power for a moment: torque is off",
                hint="check the arm's power supply and the cables between the motors",
            )
        return set(torque)

    def _set_goal(self, goal: dict[int, int]) -> None:
        """Write the goals and read them back: the request has no acknowledgement, and torque acts on what is there."""
        for _ in range(_GOAL_TRIES):
            self._bus.sync_write(GOAL_POSITION, goal)
            if self._bus.sync_read(GOAL_POSITION, JOINT_IDS).values == goal:
                return
        for servo, step in goal.items():
            self._bus.write(servo, GOAL_POSITION, step)

    def _require_within_range(self) -> None:
        outside = []
        for joint, scale in self._scaled():
            step = self._steps[joint.id]
            distance = max(scale.range_min - step, step - scale.range_max)
            if distance > _MOST_OUTSIDE_STEPS:
                outside.append(f"{joint.name} at step {step}, range {scale.range_min} to {scale.range_max}")
        if outside:
            told = "; ".join((*outside, *self.notes))
            raise CalibrationError(
                f"the arm stands outside its calibrated range and would jump into it: {told}",
                hint="move it by hand to the middle of its range; if it is there, calibrate it again: "
                + setup_command("calibrate", self._robot),
            )

    def _limited_steps(self, values: list[float]) -> list[int]:
        steps = []
        for (joint, scale), value in zip(self._scaled(), values, strict=True):
            step, limit = scale.to_goal(value), self._max_relative_target
            if isinstance(limit, Mapping):
                limit = limit[joint.name]
            if limit is not None:
                # One step at least: a limit below it would hold the joint where it is for good.
                most = max(1, int(limit / scale.units_per_step))
                present = self._steps[joint.id]
                step = min(present + most, max(present - most, step))
                step = min(scale.range_max, max(scale.range_min, step))
            steps.append(step)
        return steps

    def _scaled(self) -> Iterator[tuple[Joint, JointScale]]:
        return zip(JOINTS, self._scales, strict=True)
