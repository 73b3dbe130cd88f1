"""`lerotool record`: from a robot to saved episodes, encoded in batches."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.options import DryRunOption, JsonOption, QuietOption
from lerotool.cli.output import Output
from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.workspace import Workspace, lerobot_home

if TYPE_CHECKING:
    from lerotool.devices.cameras.camera import Camera
    from lerotool.recording.config import RecordingConfig
    from lerotool.recording.events import SessionReport
    from lerotool.recording.plan import Plan
    from lerotool.recording.take import Devices

INTERRUPTED = 130
SIMULATED = "sim"
SIMULATED_CAMERAS = ("front=sim", "wrist=sim")
SIMULATED_TASK = "Follow the simulated leader"
NO_CAMERAS = "none"
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

EXAMPLES = """
[bold]Examples[/bold]

  Try it without a robot: 4 short episodes, encoded two at a time\n
  $ lerotool record --batch 2 --episodes 4 --episode-time 3

  Two cameras, your own dataset; run the same line again to go on where you stopped\n
  $ lerotool record --repo-id me/pick-cube --task "Pick up the cube" --camera front=sim --camera wrist=clip.mp4,640x480

  Only record tonight, encode tomorrow\n
  $ lerotool record --batch 0\n
  $ lerotool encode --pending

[bold]Keys[/bold]

  → or n: end this phase. ← or r: discard and record again. Esc or q: save and leave.
  Ctrl-C: save and leave; a second time: stop at once. Nothing that is on disk is lost either way.
"""


class _Panels(StrEnum):
    WHAT = "What to record"
    WHERE = "Where to"
    ENCODING = "Encoding"


@dataclass(frozen=True, slots=True)
class _Request:
    """Robot, cameras and dataset as asked for, defaults filled in."""

    robot: str
    cameras: tuple[str, ...]
    task: str
    root: Path
    argument: str

    @property
    def encode_command(self) -> str:
        return f"lerotool encode --pending {_quoted(self.argument)}"


def record(
    robot: Annotated[
        str | None,
        typer.Option(help="Robot type; without one a simulated SO-101 pair.", rich_help_panel=_Panels.WHAT),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SOURCE[,WxH][,FPS]",
            help="A camera; repeat for more. SOURCE: sim, a video file, http://… (MJPEG). 'none' for no camera. "
            "\\[default with the simulated robot: front=sim and wrist=sim]",
            rich_help_panel=_Panels.WHAT,
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="What the robot does, in words.", rich_help_panel=_Panels.WHAT)
    ] = None,
    fps: Annotated[int, typer.Option(min=1, max=1000, help="Rows per second.", rich_help_panel=_Panels.WHAT)] = 30,
    episodes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Episodes in total: running the command again records what is missing.",
            rich_help_panel=_Panels.WHAT,
        ),
    ] = 50,
    episode_time: Annotated[
        float, typer.Option(min=0.1, help="Longest take, in seconds.", rich_help_panel=_Panels.WHAT)
    ] = 60.0,
    reset_time: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Pause between takes to reset the scene, in seconds. \\[default: 60; with the simulated robot, whose "
            "scene resets itself: 0]",
            rich_help_panel=_Panels.WHAT,
        ),
    ] = None,
    max_picture_age: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Alarm when a camera's newest picture is older, in seconds; four times as long ends the take.",
            rich_help_panel=_Panels.WHAT,
        ),
    ] = 0.5,
    repo_id: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME",
            help="Dataset below the LeRobot home. \\[default: local/ROBOT, with the task if one is given]",
            rich_help_panel=_Panels.WHERE,
        ),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Dataset folder, anywhere.", rich_help_panel=_Panels.WHERE)] = None,
    batch: Annotated[
        int,
        typer.Option(
            min=0,
            help="Encode after every N saved episodes, in the background; 0 leaves all pending.",
            rich_help_panel=_Panels.ENCODING,
        ),
    ] = 10,
    foreground: Annotated[
        bool,
        typer.Option(
            "--foreground", help="Wait for each batch before the next take.", rich_help_panel=_Panels.ENCODING
        ),
    ] = False,
    encode_at_end: Annotated[
        bool,
        typer.Option(
            "--encode-at-end/--no-encode-at-end",
            help="Encode what still waits when leaving.",
            rich_help_panel=_Panels.ENCODING,
        ),
    ] = True,
    vcodec: Annotated[
        str,
        typer.Option(help="libsvtav1, h264, hevc or an FFmpeg encoder's name.", rich_help_panel=_Panels.ENCODING),
    ] = "libsvtav1",
    crf: Annotated[
        int | None, typer.Option(min=0, help="Quality, lower is better.", rich_help_panel=_Panels.ENCODING)
    ] = 30,
    g: Annotated[
        int | None, typer.Option(min=1, help="Frames from keyframe to keyframe.", rich_help_panel=_Panels.ENCODING)
    ] = 2,
    preset: Annotated[str, typer.Option(help="The encoder's speed setting.", rich_help_panel=_Panels.ENCODING)] = "12",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Record episodes from a robot and cameras into a LeRobot dataset.

    Without options a simulated robot is recorded. The same command again goes on where the last one stopped.

    Saved episodes are safe on disk at once; their videos are encoded in batches while recording goes on.
    """
    from lerotool.recording.config import BatchMode, RecordingConfig

    output = Output.of(json=json, quiet=quiet)
    request = _build_request(robot, camera or [], task, root, repo_id)
    mode = BatchMode.LATER if batch == 0 else BatchMode.FOREGROUND if foreground else BatchMode.BACKGROUND
    config = RecordingConfig(
        root=request.root,
        task=request.task,
        fps=Fraction(fps),
        episodes=episodes,
        episode_time_s=episode_time,
        reset_time_s=reset_time if reset_time is not None else _default_reset_time_s(request.robot),
        batch=batch,
        mode=mode,
        encode_at_end=encode_at_end and mode is not BatchMode.LATER,
        max_picture_age_s=max_picture_age,
        encoder=EncoderSettings(vcodec=vcodec, g=g, crf=crf, preset=int(preset) if preset.isdecimal() else preset),
    )
    with ExitStack() as stack:
        devices = _open_devices(request, stack)
        _announce(request, devices, output)
        if dry_run:
            _show_plan(config, request, devices, output)
            return 0
        return _record(config, request, devices, output)


def _default_reset_time_s(robot: str) -> float:
    """Return LeRobot's default; a simulated scene resets itself."""
    return 0.0 if robot == SIMULATED else 60.0


def _build_request(
    robot: str | None, cameras: list[str], task: str | None, root: Path | None, repo_id: str | None
) -> _Request:
    robot = robot or SIMULATED
    is_simulated = robot == SIMULATED
    if not cameras and is_simulated:
        cameras = list(SIMULATED_CAMERAS)
    if cameras == [NO_CAMERAS]:
        cameras = []
    if root is not None and repo_id is not None:
        raise UsageError("--root and --repo-id both name the dataset", hint="use one of them")
    if task is None and not is_simulated:
        raise UsageError("--task is missing", hint='say what the robot does: --task "Pick up the cube"')
    if root is not None:
        argument = str(root)
    else:
        argument = repo_id or _default_repo_id(robot, task)
        if not _REPO_ID.fullmatch(argument):
            raise UsageError(
                f"--repo-id is {argument!r}, expected user/name", hint="for example --repo-id me/pick-cube"
            )
        root = lerobot_home() / argument
    return _Request(robot, tuple(cameras), task or SIMULATED_TASK, root.expanduser(), argument)


def _default_repo_id(robot: str, task: str | None) -> str:
    """Return a name that the same command has tomorrow too, so that it goes on with the same dataset."""
    name = "so101_sim" if robot == SIMULATED else re.sub(r"\W+", "_", robot)
    words = re.sub(r"[^a-z0-9]+", "-", (task or "").lower()).strip("-")[:40].strip("-")
    return f"local/{name}-{words}" if words else f"local/{name}"


def _open_devices(request: _Request, stack: ExitStack) -> Devices:
    from lerotool.devices.cameras.camera import CameraSpec, open_camera
    from lerotool.devices.robot import build_robot
    from lerotool.recording.plan import build_features
    from lerotool.recording.take import Devices

    specs = [CameraSpec.parse(text) for text in request.cameras]
    names = [spec.name for spec in specs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two cameras are called {', '.join(map(repr, repeated))}", hint="give each its own name")
    robot = build_robot(request.robot)
    cameras: list[Camera] = []
    for spec in specs:
        camera = open_camera(spec)
        stack.callback(camera.close)
        cameras.append(camera)
    return Devices(robot, cameras, build_features(robot.features(), cameras))


def _announce(request: _Request, devices: Devices, output: Output) -> None:
    if request.robot == SIMULATED:
        output.note(f"simulated robot: no real arm is used, and the dataset says robot_type {devices.robot.robot_type}")
    for camera in devices.cameras:
        form = camera.format
        output.note(f"camera {camera.name}: {form.width}x{form.height} {form.codec} at {form.fps:g}/s")
        for note in camera.notes:
            output.warn(f"camera {camera.name!r}: {note}")
    output.note(f"dataset: {request.root}")


def _show_plan(config: RecordingConfig, request: _Request, devices: Devices, output: Output) -> None:
    from lerotool.recording.clock import SystemClock
    from lerotool.recording.plan import plan_session
    from lerotool.recording.stock import look_at

    plan = plan_session(config, devices, look_at(config.root), SystemClock())
    document = _plan_document(config, request, devices, plan)
    output.document(document)
    output.result(_plan_table(document))


def _plan_document(config: RecordingConfig, request: _Request, devices: Devices, plan: Plan) -> dict[str, Any]:
    from lerotool.storage import free_bytes

    return {
        "dataset": str(config.root),
        "robot": request.robot,
        "robot_type": devices.robot.robot_type,
        "task": config.task,
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


def _plan_table(document: dict[str, Any]) -> Any:
    from rich.table import Table

    from lerotool.recording.disk import format_bytes

    episodes, sizes, encode = document["episodes"], document["bytes"], document["encode"]
    table = Table.grid(padding=(0, 2))
    table.add_row("dataset", document["dataset"])
    table.add_row("task", document["task"])
    there = episodes["in_dataset"] + episodes["waiting"]
    table.add_row("episodes", f"{episodes['to_record']} to record, {there} of {episodes['total']} there already")
    for name, feature in document["features"].items():
        table.add_row(name, f"{feature['dtype']} {'x'.join(map(str, feature['shape']))}")
    table.add_row("rows", f"{document['fps']:g} per second")
    table.add_row(
        "disk",
        f"{format_bytes(sizes['per_second'])}/s, {format_bytes(sizes['take'])} a take, "
        f"{format_bytes(sizes['session'])} in all until encoded; {format_bytes(sizes['free'])} free",
    )
    when = {"later": "not by this session", "foreground": "every {} episodes, waiting for it"}
    text = when.get(encode["when"], "every {} episodes, in the background").format(encode["batch"])
    table.add_row("encoding", f"{text}{', the rest at the end' if encode['at_end'] else ''}")
    return table


def _record(config: RecordingConfig, request: _Request, devices: Devices, output: Output) -> int:
    from lerotool.cli.recorder import Recorder
    from lerotool.recording.config import BatchMode

    encoder = None
    if config.mode is not BatchMode.LATER or config.encode_at_end:
        from lerotool.encoding.background import BackgroundEncoder
        from lerotool.execution import cores
        from lerotool.media.encode import probe_encoder

        probe_encoder(config.encoder)
        # One core stays free while recording goes on: a thread that wakes on a busy one may wait for the scheduler's
        # next clock tick, up to 10 ms, even if all that keeps it busy has the lowest priority.
        encoder = BackgroundEncoder(config.root, jobs=max(1, cores() - 1))
    recorder = Recorder(config, devices, encoder, output)
    try:
        recorder.run()
    finally:
        if recorder.report is not None:
            _conclude(recorder.report, request, output)
    return INTERRUPTED if recorder.is_interrupted else 0


def _conclude(report: SessionReport, request: _Request, output: Output) -> None:
    """Say what there is now and what can be done next."""
    count = len(report.episodes)
    text = f"{request.root}: {report.total} of {report.goal} episodes"
    if count:
        text += f", {count} recorded now ({report.rows} rows, {report.seconds:.0f} s)"
    output.result(text)
    if report.pending:
        noun = "episode waits" if report.pending == 1 else "episodes wait"
        output.note(f"{report.pending} {noun} to be encoded; do it with: {request.encode_command}")
    if report.total > report.pending:
        output.note(f"look at the dataset with: lerotool info {_quoted(request.argument)}")
    if report.total < report.goal:
        output.note("run the same command again to record the rest")


def _quoted(argument: str) -> str:
    import shlex

    return shlex.quote(argument)
