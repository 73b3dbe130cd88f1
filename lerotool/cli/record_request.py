"""What `lerotool record` is asked for: which robot, which cameras, which dataset; defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.errors import UsageError
from lerotool.wording import as_argument, is_unicode
from lerotool.workspace import lerobot_home

if TYPE_CHECKING:
    from lerotool.cli.robots import RobotChoice
    from lerotool.devices.cameras.spec import CameraSpec
    from lerotool.recording.config import Prompts

SIMULATED_CAMERAS = ("front=sim", "wrist=sim")
SIMULATED_TASK = "Follow the simulated leader"
SIMULATED_DATASET = "so101_sim"
NO_CAMERAS = "none"
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class Request:
    """Robot, cameras and dataset."""

    robot: RobotChoice  # which, and how it is described
    cameras: tuple[CameraSpec, ...] | None  # as asked for; None leaves it to the robot
    task: str  # what the robot does, in words; empty where each episode has its own
    prompts: Prompts | None  # a task for each episode, in place of one for all
    root: Path  # the dataset's folder
    argument: str  # how a person names the dataset

    @property
    def encode_command(self) -> str:
        """What encodes the episodes that wait."""
        return f"lerotool encode --pending {as_argument(self.argument)}"

    @property
    def info_command(self) -> str:
        """What shows the dataset."""
        return f"lerotool info {as_argument(self.argument)}"


def build_request(
    robot: RobotChoice,
    cameras: Sequence[str],
    task: str | None,
    prompts: Prompts | None,
    root: Path | None,
    repo_id: str | None,
) -> Request:
    """Return what is asked for."""
    if root is not None and repo_id is not None:
        raise UsageError("--root and --repo-id both name the dataset", hint="use one of them")
    if task is not None and prompts is not None:
        raise UsageError("--task and --tasks both say what the robot does", hint="use one of them")
    if task is None and prompts is None and not robot.is_simulated:
        raise UsageError("--task is missing", hint='say what the robot does: --task "Pick up the cube"')
    if task is not None and not is_unicode(task):
        raise UsageError(f"--task is {task!r}, expected Unicode text", hint="set the terminal to UTF-8")
    specs = choose_cameras(robot, cameras)
    words = task or ("" if prompts is not None else SIMULATED_TASK)
    if root is not None:
        return Request(robot, specs, words, prompts, root.expanduser(), str(root))
    argument = repo_id or _default_repo_id(robot, task if prompts is None else prompts.name)
    if not _REPO_ID.fullmatch(argument):
        raise UsageError(f"--repo-id is {argument!r}, expected user/name", hint="for example --repo-id me/pick-cube")
    return Request(robot, specs, words, prompts, lerobot_home() / argument, argument)


def choose_cameras(robot: RobotChoice, texts: Sequence[str]) -> tuple[CameraSpec, ...] | None:
    """Return the cameras of the command line, or without any those of the robot's file; None leaves it to the robot."""
    if list(texts) == [NO_CAMERAS]:
        return ()
    if not texts and robot.config is not None:
        return tuple(robot.config.camera_specs()) or None
    specs: list[CameraSpec] = []
    for text in texts or (SIMULATED_CAMERAS if robot.is_simulated else ()):
        specs += _parse_cameras(text)
    names = [spec.name for spec in specs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two cameras are called {', '.join(map(repr, repeated))}", hint="give each its own name")
    return tuple(specs)


def _parse_cameras(text: str) -> list[CameraSpec]:
    """Return the camera of our form, or the cameras of LeRobot's map."""
    if text.lstrip().startswith("{"):
        from lerotool.devices.cameras.lerobot import parse_camera_map

        return parse_camera_map(text)
    from lerotool.devices.cameras.spec import CameraSpec

    return [CameraSpec.parse(text)]


def _default_repo_id(robot: RobotChoice, task: str | None) -> str:
    """Return a name that the same command has tomorrow too, so that it goes on with the same dataset."""
    name = SIMULATED_DATASET if robot.is_simulated else re.sub(r"\W+", "_", robot.name)
    words = re.sub(r"[^a-z0-9]+", "-", (task or "").lower()).strip("-")[:40].strip("-")
    return f"local/{name}-{words}" if words else f"local/{name}"
