"""What `lerotool record` is asked for: robot, cameras, dataset, defaults filled in; and what it would do with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.errors import UsageError
from lerotool.wording import is_unicode, sized
from lerotool.workspace import Workspace, lerobot_home

if TYPE_CHECKING:
    from lerotool.cli.output import Output
    from lerotool.cli.robots import RobotChoice
    from lerotool.devices.cameras.spec import CameraSpec
    from lerotool.recording.config import Prompts, RecordingConfig
    from lerotool.recording.session_plan import Plan
    from lerotool.recording.take import Devices

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


def show_plan(config: RecordingConfig, request: Request, devices: Devices, output: Output) -> None:
    """Print what the session would do."""
    from lerotool.recording.pacing import Clock
    from lerotool.recording.session_plan import look_at, plan_session

    plan = plan_session(config, devices, look_at(config.root), Clock())
    document = _build_document(config, request, devices, plan)
    output.document(document)
    output.result(_build_table(document))


def _build_document(config: RecordingConfig, request: Request, devices: Devices, plan: Plan) -> dict[str, Any]:
    from lerotool.storage import free_bytes

    return {
        "dataset": str(config.root),
        "robot": request.robot.name,
        "robot_type": devices.robot.robot_type,
        "task": config.task_of(plan.stock.total),
        "tasks": len(config.prompts.texts) if config.prompts is not None else 1,
        "fps": float(config.fps),
        "episodes": {
            "total": config.episodes,
            "in_dataset": plan.stock.committed,
            "waiting": plan.stock.waiting,
            "to_record": plan.takes,
        },
        "interrupted": [str(verdict.path) for verdict in plan.stock.interrupted],
        "features": {name: feature.to_json() for name, feature in devices.features.items()},
        "pending": str(Workspace(config.root).pending),
        "bytes": {
            "per_second": round(plan.need.bytes_per_second),
            "take": plan.need.take_bytes,
            "session": plan.need.session_bytes,
            "free": free_bytes(config.root),
        },
        "encoder": config.encoder.to_json(),
        "encode": {"when": str(config.mode), "batch": config.batch, "at_end": config.encode_at_end},
    }


def _build_table(document: dict[str, Any]) -> Any:
    from rich.table import Table

    episodes, sizes, encode = document["episodes"], document["bytes"], document["encode"]
    table = Table.grid(padding=(0, 2))
    table.add_row("dataset", document["dataset"])
    if document["tasks"] == 1:
        table.add_row("task", document["task"])
    else:
        table.add_row("tasks", f"{document['tasks']} in turn; next: {document['task']}")
    there = episodes["in_dataset"] + episodes["waiting"]
    table.add_row("episodes", f"{episodes['to_record']} to record, {there} of {episodes['total']} there already")
    for name, feature in document["features"].items():
        table.add_row(name, f"{feature['dtype']} {'x'.join(map(str, feature['shape']))}")
    table.add_row("rows", f"{document['fps']:g} per second")
    table.add_row(
        "disk",
        f"{sized(sizes['per_second'])}/s, {sized(sizes['take'])} a take, "
        f"{sized(sizes['session'])} in all until encoded; {sized(sizes['free'])} free",
    )
    when = {"later": "not by this session", "foreground": "every {} episodes, waiting for it"}
    text = when.get(encode["when"], "every {} episodes, in the background").format(encode["batch"])
    table.add_row("encoding", f"{text}{', the rest at the end' if encode['at_end'] else ''}")
    return table
