"""`lerotool replay`: a follower does again what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument
from lerotool.cli.output import Output
from lerotool.cli.robots import (
    FollowerPortOption,
    LeRobotOption,
    LeRobotOptions,
    MaxRelativeTargetOption,
    Overrides,
    RobotChoice,
    RobotOption,
    UnitsOption,
    choose,
)
from lerotool.cli.running import INTERRUPTED
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.recording.following import ReplayEnded

RANGE_BY_DEFAULT = ("so100_follower", "so101_follower")
"""Robot types of LeRobot up to 0.4.2, where the body joints went from -100 to 100 unless configured otherwise."""

EXAMPLES: Examples = {
    "The first episode, on the only robot that is set up": "lerotool replay me/pick-cube 0",
    "Carefully: no joint sent more than 5 degrees ahead of where it stands": (
        "lerotool replay me/pick-cube 0 --robot bench --max-relative-target 5"
    ),
    "Without an arm": "lerotool replay local/so101_sim 0 --robot sim",
}

NOTES = "q or Ctrl-C stops. At the end the motors are released: an arm that stands up sinks then."


def replay(
    dataset: DatasetArgument,
    episode: Annotated[int, typer.Argument(metavar="EPISODE", min=0, help="Its number, from 0.")],
    lerobot_options: LeRobotOptions = None,
    robot: RobotOption = None,
    follower_port: FollowerPortOption = None,
    units: UnitsOption = None,
    max_relative_target: MaxRelativeTargetOption = None,
    lerobot: LeRobotOption = None,
    *,
    output: Output,
) -> int:
    """Replay an episode on the follower.

    The arm goes slowly to the episode's first pose, then repeats it at the rate at which it was recorded. No leader is
    needed.
    """
    from lerotool.cli.recorder import Recorder
    from lerotool.dataset.dataset import Dataset
    from lerotool.features import ACTION
    from lerotool.recording.following import Replay, read_motion

    overrides = Overrides(follower_port, None, units, max_relative_target)
    choice = choose(robot, lerobot, lerobot_options, overrides)
    choice.describe_start(output)
    opened = Dataset.open(dataset_root(dataset))
    if opened.unfinished is not None:
        output.warn(opened.unfinished)
    built = choice.build_for_replay()
    motion = read_motion(opened, episode, built.features()[ACTION])
    _warn_of_units(choice, opened, output)
    output.note(f"replaying episode {episode} of {opened.root}: {len(motion.actions)} rows, {motion.seconds:.1f} s")
    recorder = Recorder(output)
    report = recorder.run(Replay(motion, built, recorder.controls, listen=recorder.listen))
    if report is not None:
        output.result(_describe(report))
    return INTERRUPTED if recorder.is_interrupted else 0


def _warn_of_units(choice: RobotChoice, dataset: Dataset, output: Output) -> None:
    """Nothing in a dataset says its units; its robot type may give them away."""
    from lerotool.devices.config import SoRobotConfig

    in_degrees = not isinstance(choice.config, SoRobotConfig) or choice.config.units == "degrees"
    if dataset.info.robot_type in RANGE_BY_DEFAULT and in_degrees:
        output.warn(
            f"robot type {dataset.info.robot_type} is of LeRobot before 0.4.3, which recorded -100 to 100, not degrees",
            hint="if that is so here, stop and use --units range",
        )


def _describe(report: ReplayEnded) -> str:
    text = f"replayed {report.rows} of {report.total} rows in {report.seconds:.1f} s"
    text += f", {report.late} late" if report.late else ""
    if report.limited:
        text += f", {report.limited} not sent as they were: out of a joint's range or too far at once"
    if not report.error:
        return text
    worst = max(report.error, key=lambda name: report.error[name])
    return f"{text}; {worst} was furthest from its goal, {report.error[worst]:.1f} on average"
