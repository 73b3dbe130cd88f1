"""`lerotool record`: from a robot to saved episodes, encoded in batches."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.options import DryRunOption, JsonOption, QuietOption
from lerotool.cli.output import Output
from lerotool.cli.robots import (
    FollowerPortOption,
    LeaderPortOption,
    MaxRelativeTargetOption,
    Overrides,
    RobotOption,
    UnitsOption,
    choose_robot,
)
from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lerotool.cli.record_request import Request
    from lerotool.cli.robots import RobotChoice
    from lerotool.devices.cameras.camera import Camera
    from lerotool.encoding.background import BackgroundEncoder
    from lerotool.recording.config import RecordingConfig
    from lerotool.recording.events import SessionReport
    from lerotool.recording.take import Devices

INTERRUPTED = 130

EXAMPLES = """
[bold]Examples[/bold]

  Try it without a robot: 4 short episodes, encoded two at a time\n
  $ lerotool record --robot sim --batch 2 --episodes 4 --episode-time 3

  Your own robot, as `lerotool setup` has described it; the same line again goes on where you stopped\n
  $ lerotool record --robot bench --task "Pick up the cube" --batch 10

  Other cameras than the robot's own, in our form or in LeRobot's\n
  $ lerotool record --task "Pick up the cube" --camera front=0,640x480,30 --camera top=http://10.0.0.7:81/stream\n
  $ lerotool record --task "Pick up the cube" --camera "{front: {type: opencv, index_or_path: 0, fps: 30}}"

  Only record tonight, encode tomorrow\n
  $ lerotool record --batch 0\n
  $ lerotool encode --pending

  Only move the arms, record nothing\n
  $ lerotool record --episodes 0

[bold]Keys[/bold]

  → or n: end this phase. ← or r: discard and record again. Esc or q: save and leave.
  Ctrl-C: save and leave; a second time: stop at once. Nothing that is on disk is lost either way.
"""


class _Panels(StrEnum):
    WHAT = "What to record"
    WHERE = "Where to"
    ENCODING = "Encoding"


def record(
    robot: RobotOption = None,
    follower_port: FollowerPortOption = None,
    leader_port: LeaderPortOption = None,
    units: UnitsOption = None,
    max_relative_target: MaxRelativeTargetOption = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SOURCE[,WxH][,FPS]",
            help="A camera instead of the robot's own; repeat for more. SOURCE: 0, /dev/v4l/…, http://…, rtsp://…, "
            "a video file, sim. LeRobot's {name: {type: opencv, …}} is taken too. 'none' for no camera.",
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
            min=0,
            help="Episodes in total: running the command again records what is missing. 0: only follow the leader.",
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
    reconnect_time: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="How long to wait for a device that was lost, in seconds; 0: leave at once.",
            rich_help_panel=_Panels.WHAT,
        ),
    ] = 60.0,
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

    Without a robot of your own a simulated one is recorded. The same command again goes on where the last one stopped.

    Saved episodes are safe on disk at once; their videos are encoded in batches while recording goes on.
    """
    output = Output.of(json=json, quiet=quiet)
    choice = choose_robot(robot, Overrides(follower_port, leader_port, units, max_relative_target))
    if episodes == 0:
        given = {"--camera": camera, "--task": task, "--root": root, "--repo-id": repo_id, "--dry-run": dry_run}
        return _teleoperate(choice, Fraction(fps), output, [name for name, value in given.items() if value])
    from lerotool.cli.record_request import build_request
    from lerotool.recording.config import BatchMode, RecordingConfig

    request = build_request(choice, camera or [], task, root, repo_id)
    mode = BatchMode.LATER if batch == 0 else BatchMode.FOREGROUND if foreground else BatchMode.BACKGROUND
    config = RecordingConfig(
        root=request.root,
        task=request.task,
        fps=Fraction(fps),
        episodes=episodes,
        episode_time_s=episode_time,
        reset_time_s=reset_time if reset_time is not None else request.reset_time_s,
        batch=batch,
        mode=mode,
        encode_at_end=encode_at_end and mode is not BatchMode.LATER,
        max_picture_age_s=max_picture_age,
        reconnect_s=reconnect_time,
        encoder=EncoderSettings(vcodec=vcodec, g=g, crf=crf, preset=int(preset) if preset.isdecimal() else preset),
    )
    with ExitStack() as stack:
        devices = _open_devices(request, stack)
        _announce(request, devices, output)
        if dry_run:
            from lerotool.cli.record_plan import show_plan

            show_plan(config, request, devices, output)
            return 0
        return _record(config, request, devices, output)


def _open_devices(request: Request, stack: ExitStack) -> Devices:
    """Open the cameras; the session opens the robot when everything else is ready."""
    from lerotool.devices.cameras.camera import open_camera
    from lerotool.recording.plan import build_features
    from lerotool.recording.take import Devices

    robot = request.robot.build()
    cameras: list[Camera] = []
    for spec in request.cameras:
        camera = open_camera(spec)
        stack.callback(camera.close)
        cameras.append(camera)
    return Devices(robot, cameras, build_features(robot.features(), cameras))


def _announce(request: Request, devices: Devices, output: Output) -> None:
    request.robot.announce(devices.robot.robot_type, output)
    if not devices.cameras:
        output.note("no camera: the dataset will have no pictures")
    for camera in devices.cameras:
        form = camera.format
        output.note(f"camera {camera.name}: {form.width}x{form.height} {form.codec} at {form.fps:g}/s")
        for note in camera.notes:
            output.warn(f"camera {camera.name!r}: {note}")
    output.note(f"dataset: {request.root}")


def _record(config: RecordingConfig, request: Request, devices: Devices, output: Output) -> int:
    from lerotool.cli.recorder import Recorder
    from lerotool.recording.config import BatchMode
    from lerotool.recording.session import Session

    encoder = None
    if config.mode is not BatchMode.LATER or config.encode_at_end:
        from lerotool.media.encode import probe_encoder

        probe_encoder(config.encoder)
        encoder = _build_encoder(config)
    recorder = Recorder(output)
    session = Session(config, devices, recorder.controls, encoder=encoder, listen=recorder.listen)
    try:
        recorder.run(session)
    finally:
        if session.report is not None:
            _conclude(session.report, request, output)
    return INTERRUPTED if recorder.is_interrupted else 0


def _build_encoder(config: RecordingConfig) -> BackgroundEncoder:
    from lerotool.encoding.background import BackgroundEncoder
    from lerotool.recording.config import BatchMode

    if config.mode is BatchMode.FOREGROUND:
        return BackgroundEncoder.while_waiting(config.root)
    return BackgroundEncoder.beside_recording(config.root)


def _conclude(report: SessionReport, request: Request, output: Output) -> None:
    """Say what there is now and what can be done next."""
    count = len(report.episodes)
    text = f"{request.root}: {report.total} of {report.goal} episodes"
    if count:
        text += f", {count} recorded now ({counted(report.rows, 'row')}, {report.seconds:.0f} s)"
    output.result(text)
    if report.pending:
        noun = "episode waits" if report.pending == 1 else "episodes wait"
        output.note(f"{report.pending} {noun} to be encoded; do it with: {request.encode_command}")
    if report.total > report.pending:
        output.note(f"look at the dataset with: {request.info_command}")
    if report.total < report.goal:
        output.note("run the same command again to record the rest")


def _teleoperate(choice: RobotChoice, fps: Fraction, output: Output, of_recording: Sequence[str]) -> int:
    from lerotool.cli.recorder import Recorder
    from lerotool.recording.teleoperation import Teleoperation

    if of_recording:
        raise UsageError(f"{', '.join(of_recording)}: with --episodes 0 nothing is recorded", hint="leave one out")
    robot = choice.build()
    choice.announce(robot.robot_type, output)
    recorder = Recorder(output)
    recorder.run(Teleoperation(robot, fps, recorder.controls, listen=recorder.listen))
    return INTERRUPTED if recorder.is_interrupted else 0
