"""`lerotool record`: from a robot to saved episodes, encoded in batches."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

from lerotool.cli import record_options as of
from lerotool.cli.help import Examples, Short
from lerotool.cli.monitoring import monitor_address, monitoring
from lerotool.cli.options import DryRunOption, JsonOption, QuietOption
from lerotool.cli.output import Output
from lerotool.cli.robots import (
    FollowerPortOption,
    LeaderPortOption,
    LeRobotOption,
    LeRobotOptions,
    MaxRelativeTargetOption,
    Overrides,
    RobotOption,
    UnitsOption,
    choose,
)
from lerotool.cli.signals import INTERRUPTED
from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lerotool.cli.record_request import Request
    from lerotool.cli.recorder import Recorder
    from lerotool.cli.robots import RobotChoice
    from lerotool.devices.cameras.camera import Camera
    from lerotool.encoding.background import BackgroundEncoder
    from lerotool.recording.config import Prompts, RecordingConfig
    from lerotool.recording.events import SessionReport
    from lerotool.recording.session import Session
    from lerotool.recording.take import Devices
    from lerotool.web.board import Watched


EXAMPLES: Examples = {
    "Try it without a robot: 4 short episodes, encoded two at a time": (
        "lerotool record --robot sim --batch 2 --episodes 4 --episode-time 3"
    ),
    "Your own robot; the same line again goes on where you stopped": (
        'lerotool record --robot bench --task "Pick up the cube" --batch 10'
    ),
    "Only record tonight, encode tomorrow": [
        'lerotool record --task "Pick up the cube" --batch 0',
        "lerotool encode --pending",
    ],
    "Only move the arms, record nothing": "lerotool record --episodes 0",
    "Any robot that LeRobot drives, with LeRobot's own options after --": (
        'lerotool record --task "Pick up the cube" --lerobot ~/lerobot/bin/python -- '
        "--robot.type=koch_follower --robot.port=/dev/ttyACM0 --teleop.type=koch_leader --teleop.port=/dev/ttyACM1"
    ),
}

NOTES = """[bold]Keys[/bold]

→ or n: end this phase. ← or r: discard and record again. Esc or q: save and leave.
In the pause after a take: s marks it a success, f a failure, ! flags it.
Ctrl-C: save and leave; a second time: stop at once. Nothing that is on disk is lost either way."""

SHORT = Short(
    options=(
        *("robot", "camera", "task", "episodes", "episode_time", "reset_time", "fps", "root", "repo_id"),
        *("batch", "monitor", "dry_run"),
    ),
    whole="lerotool help record",
    examples=2,
    notes="Keys: → or n ends the phase, ← or r discards and records again, q or Ctrl-C saves and leaves.",
)


def record(
    lerobot_options: LeRobotOptions = None,
    robot: RobotOption = None,
    follower_port: FollowerPortOption = None,
    leader_port: LeaderPortOption = None,
    units: UnitsOption = None,
    max_relative_target: MaxRelativeTargetOption = None,
    lerobot: LeRobotOption = None,
    camera: of.Camera = None,
    task: of.Task = None,
    tasks: of.Tasks = None,
    shuffle: of.Shuffle = False,
    seed: of.Seed = None,
    fps: of.Fps = None,
    episodes: of.Episodes = None,
    episode_time: of.EpisodeTime = None,
    min_episode_time: of.MinEpisodeTime = None,
    ask: of.Ask = None,
    operator: of.Operator = None,
    success_column: of.SuccessColumn = None,
    reset_time: of.ResetTime = None,
    max_picture_age: of.MaxPictureAge = 0.5,
    reconnect_time: of.ReconnectTime = 60.0,
    repo_id: of.RepoId = None,
    root: of.Root = None,
    batch: of.Batch = None,
    foreground: of.Foreground = False,
    encode_at_end: of.EncodeAtEnd = True,
    codec: of.Codec = None,
    crf: of.Crf = 30,
    g: of.Gop = 2,
    preset: of.Preset = "12",
    monitor: of.Monitor = None,
    monitor_host: of.MonitorHost = None,
    bell: of.Bell = None,
    save_defaults: of.SaveDefaults = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Record episodes from a robot and cameras into a LeRobot dataset.

    Without a robot of your own a simulated one is recorded. The same command again goes on where the last one stopped.

    Saved episodes are safe on disk at once; their videos are encoded in batches while recording goes on.

    More about every option, and more examples: docs/recording.md.
    """
    output = Output.of(json=json, quiet=quiet)
    overrides = Overrides(follower_port, leader_port, units, max_relative_target)
    choice = choose(robot, lerobot, lerobot_options, overrides)
    choice.describe_start(output)
    from lerotool.cli.record_settings import require_savable, save, settle

    if episodes == 0:
        named = {"--camera": camera, "--task": task, "--tasks": tasks, "--root": root, "--repo-id": repo_id}
        switches = {"--dry-run": dry_run, "--save-defaults": save_defaults}
        of_recording = [name for name, value in {**named, **switches}.items() if value]
        return _teleoperate(choice, Fraction(settle(choice, {"fps": fps})[0].fps), output, of_recording)
    from lerotool.cli.record_request import build_request
    from lerotool.recording.config import SUCCESS_COLUMN, Asking, BatchMode, RecordingConfig

    given = {
        "task": task,
        "fps": fps,
        "episodes": episodes,
        "episode_time": episode_time,
        "min_episode_time": min_episode_time,
        "reset_time": reset_time,
        "batch": batch,
        "codec": codec,
        "ask": ask,
        "monitor": monitor_host or monitor,
        "bell": bell,
        "success_column": success_column,
    }
    if save_defaults:
        require_savable(choice, given)
    settings, _ = settle(choice, given)
    monitor_at = monitor_address(settings.monitor)
    if settings.ask and monitor_at is None and not sys.stdin.isatty():
        raise UsageError("--ask: no terminal to answer at", hint="run it in a terminal, or with --monitor")
    prompts = _read_prompts(tasks, shuffle, seed)
    words = settings.task if prompts is None or task is not None else None
    request = build_request(choice, camera or [], words, prompts, root, repo_id)
    batches = BatchMode.FOREGROUND if foreground else BatchMode.BACKGROUND
    mode = batches if settings.batch else BatchMode.LATER
    config = RecordingConfig(
        root=request.root,
        task=request.task,
        fps=Fraction(settings.fps),
        episodes=settings.episodes,
        episode_time_s=settings.episode_time,
        min_episode_time_s=settings.min_episode_time,
        reset_time_s=settings.reset_time,
        batch=settings.batch,
        mode=mode,
        encode_at_end=encode_at_end and mode is not BatchMode.LATER,
        max_picture_age_s=max_picture_age,
        reconnect_s=reconnect_time,
        asking=Asking.ALWAYS if settings.ask else Asking.NEVER,
        operator=operator,
        prompts=request.prompts,
        success_column=SUCCESS_COLUMN if settings.success_column else None,
        encoder=EncoderSettings(
            vcodec=settings.codec, g=g, crf=crf, preset=int(preset) if preset.isdecimal() else preset
        ),
    )
    with ExitStack() as stack:
        devices = _open_devices(request, stack, config.success_column)
        _announce(request, devices, output)
        if dry_run:
            from lerotool.cli.record_plan import show_plan

            show_plan(config, request, devices, output)
            return 0
        encoder = _prepare_encoder(config, devices)
        if save_defaults:
            output.note(f"saved in {choice.path}: {', '.join(save(choice, given))}")
        return _record(config, request, devices, encoder, output, monitor_at, bell=settings.bell)


def _read_prompts(path: Path | None, shuffle: bool, seed: int | None) -> Prompts | None:
    if seed is not None and not shuffle:
        raise UsageError("--seed: nothing is shuffled", hint="add --shuffle, or leave it out")
    if path is None:
        if shuffle:
            raise UsageError("--shuffle: no list of tasks to shuffle", hint="name one: --tasks FILE")
        return None
    from lerotool.recording.config import read_prompts

    return read_prompts(path.expanduser(), (seed or 0) if shuffle else None)


def _open_devices(request: Request, stack: ExitStack, success_column: str | None) -> Devices:
    """Open the cameras; the session opens the robot when everything else is ready."""
    from lerotool.devices.cameras.camera import open_camera
    from lerotool.devices.robot import RobotCamera
    from lerotool.recording.session_plan import build_features
    from lerotool.recording.take import Devices

    robot = request.robot.build()
    stack.callback(robot.close)
    cameras: list[Camera] = []
    asked = None if request.cameras is None else [RobotCamera(spec) for spec in request.cameras]
    for chosen in robot.cameras() if asked is None else asked:
        camera = open_camera(chosen.spec, chosen.open)
        stack.callback(camera.close)
        cameras.append(camera)
    return Devices(robot, cameras, build_features(robot.features(), cameras, success_column))


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


def _prepare_encoder(config: RecordingConfig, devices: Devices) -> BackgroundEncoder | None:
    """Return what encodes beside the session, after trying whether it can; None where nothing is encoded."""
    from lerotool.media.codecs import require_sizes
    from lerotool.recording.config import BatchMode

    require_sizes(
        config.encoder, {camera.name: (camera.format.height, camera.format.width) for camera in devices.cameras}
    )
    if config.mode is BatchMode.LATER and not config.encode_at_end:
        return None
    from lerotool.encoding.background import BackgroundEncoder
    from lerotool.media.encode import probe_encoder

    probe_encoder(config.encoder)
    if config.mode is BatchMode.FOREGROUND:
        return BackgroundEncoder.while_waiting(config.root)
    return BackgroundEncoder.beside_recording(config.root)


def _record(
    config: RecordingConfig,
    request: Request,
    devices: Devices,
    encoder: BackgroundEncoder | None,
    output: Output,
    monitor_host: str | None,
    *,
    bell: bool,
) -> int:
    from lerotool.cli.panel import Bell
    from lerotool.cli.recorder import Recorder
    from lerotool.recording.session import Session

    recorder = Recorder(output, Bell.RINGS if bell else Bell.QUIET)
    session = Session(config, devices, recorder.controls, encoder=encoder, listen=recorder.listen)
    try:
        with monitoring(monitor_host, _watched(config, devices, session, recorder), output):
            recorder.run(session)
    finally:
        if session.report is not None:
            _conclude(session.report, request, output)
    return INTERRUPTED if recorder.is_interrupted else 0


def _watched(config: RecordingConfig, devices: Devices, session: Session, recorder: Recorder) -> Watched:
    from lerotool.web.board import Watched

    return Watched(config.root, devices.cameras, session.status, recorder.controls.press)


def _conclude(report: SessionReport, request: Request, output: Output) -> None:
    """Say what there is now and what can be done next."""
    count = len(report.episodes)
    text = f"{request.root}: {report.total} of {report.goal} episodes"
    if count:
        text += f", {count} recorded now ({counted(report.rows, 'row')}, {report.seconds:.0f} s)"
        text += "".join(f", {number} {kind}" for kind, number in report.marks.items())
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
    from lerotool.recording.following import Teleoperation

    if of_recording:
        raise UsageError(f"{', '.join(of_recording)}: with --episodes 0 nothing is recorded", hint="leave one out")
    robot = choice.build()
    choice.announce(robot.robot_type, output)
    recorder = Recorder(output)
    recorder.run(Teleoperation(robot, fps, recorder.controls, listen=recorder.listen))
    return INTERRUPTED if recorder.is_interrupted else 0
