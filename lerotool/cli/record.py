"""`lerotool record`: from a robot to saved episodes, encoded in batches."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

from lerotool.cli.help import Examples, Short
from lerotool.cli.options import DryRunOption
from lerotool.cli.output import Output
from lerotool.cli.record_options import RecordOptions, require_savable, settle
from lerotool.cli.robots import LeRobotOption, LeRobotOptions, Overrides, RobotOption, choose
from lerotool.cli.running import INTERRUPTED
from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings
from lerotool.wording import as_argument, counted

if TYPE_CHECKING:
    from lerotool.cli.record_request import Request
    from lerotool.cli.robots import RobotChoice
    from lerotool.devices.cameras.camera import Camera
    from lerotool.encoding.background import BackgroundEncoder
    from lerotool.recording.config import RecordingConfig
    from lerotool.recording.events import SessionReport
    from lerotool.recording.take import Devices


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
    *,
    overrides: Overrides,
    lerobot: LeRobotOption = None,
    options: RecordOptions,
    dry_run: DryRunOption = False,
    output: Output,
) -> int:
    """Record episodes from a robot and cameras into a LeRobot dataset.

    Without a robot of your own a simulated one is recorded. The same command again goes on where the last one stopped.

    Saved episodes are safe on disk at once; their videos are encoded in batches while recording goes on.

    More about every option, and more examples: docs/recording.md.
    """
    choice = choose(robot, lerobot, lerobot_options, overrides)
    choice.describe_start(output)
    if options.episodes == 0:
        return _teleoperate(choice, options, output, dry_run=dry_run)
    from lerotool.cli.record_request import build_request
    from lerotool.recording.config import SUCCESS_COLUMN, Asking, BatchMode, RecordingConfig

    said = options.said()
    if options.save_defaults:
        require_savable(choice, said)
    settings = settle(choice, said)
    monitor = settings.monitor
    monitor_host = monitor if isinstance(monitor, str) else "127.0.0.1" if monitor else None
    if settings.ask and monitor_host is None and not sys.stdin.isatty():
        raise UsageError("--ask: no terminal to answer at", hint="run it in a terminal, or with --monitor")
    prompts = options.prompts()
    words = settings.task if prompts is None or options.task is not None else None
    request = build_request(choice, options.camera or [], words, prompts, options.root, options.repo_id)
    batches = BatchMode.FOREGROUND if options.foreground else BatchMode.BACKGROUND
    mode = batches if settings.batch else BatchMode.LATER
    preset = options.preset
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
        encode_at_end=options.encode_at_end and mode is not BatchMode.LATER,
        max_picture_age_s=options.max_picture_age,
        reconnect_s=options.reconnect_time,
        asking=Asking.ALWAYS if settings.ask else Asking.NEVER,
        operator=options.operator,
        prompts=prompts,
        success_column=SUCCESS_COLUMN if settings.success_column else None,
        encoder=EncoderSettings(
            vcodec=settings.codec,
            g=options.g,
            crf=options.crf,
            preset=int(preset) if preset.isdecimal() else preset,
        ),
    )
    with ExitStack() as stack:
        devices = _open_devices(request, stack, config.success_column)
        _announce(request, devices, output)
        if dry_run:
            from lerotool.cli.record_request import show_plan

            show_plan(config, request, devices, output)
            return 0
        encoder = _prepare_encoder(config, devices)
        if options.save_defaults and choice.path is not None:
            from lerotool.devices.config import RecordDefaults, save_defaults

            save_defaults(choice.path, RecordDefaults(**said))
            output.note(f"saved in {choice.path}: {', '.join(said)}")
        return _record(config, request, devices, encoder, output, monitor_host, has_bell=settings.bell)


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
    from lerotool.media.encode import require_sizes
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
    has_bell: bool,
) -> int:
    from lerotool.cli.recorder import Recorder
    from lerotool.cli.view import monitoring
    from lerotool.recording.session import Session
    from lerotool.web.board import Watched

    recorder = Recorder(output, has_bell=has_bell)
    session = Session(config, devices, recorder.controls, encoder=encoder, listen=recorder.listen)
    watched = Watched(config.root, devices.cameras, session.status, recorder.controls.press)
    try:
        with monitoring(monitor_host, watched, output):
            recorder.run(session)
    finally:
        if session.report is not None:
            _conclude(session.report, request, output)
    return INTERRUPTED if recorder.is_interrupted else 0


def _conclude(report: SessionReport, request: Request, output: Output) -> None:
    """Say what there is now and what can be done next."""
    root, count = request.argument, len(report.episodes)
    text = f"{request.root}: {report.total} of {report.goal} episodes"
    if count:
        text += f", {count} recorded now ({counted(report.rows, 'row')}, {report.seconds:.0f} s)"
        text += "".join(f", {number} {kind}" for kind, number in report.marks.items())
    output.result(text)
    if report.pending:
        noun = "episode waits" if report.pending == 1 else "episodes wait"
        output.note(f"{report.pending} {noun} to be encoded; do it with: lerotool encode --pending {as_argument(root)}")
    if report.total > report.pending:
        output.note(f"look at the dataset with: lerotool info {as_argument(root)}")
    if report.total < report.goal:
        output.note("run the same command again to record the rest")


def _teleoperate(choice: RobotChoice, options: RecordOptions, output: Output, *, dry_run: bool) -> int:
    from lerotool.cli.recorder import Recorder
    from lerotool.recording.following import Teleoperation

    given = {name: getattr(options, name) for name in ("camera", "task", "tasks", "root", "repo_id")}
    given |= {"dry_run": dry_run, "save_defaults": options.save_defaults}
    if of_recording := [f"--{name.replace('_', '-')}" for name, value in given.items() if value]:
        raise UsageError(f"{', '.join(of_recording)}: with --episodes 0 nothing is recorded", hint="leave one out")
    fps = settle(choice, {} if options.fps is None else {"fps": options.fps}).fps
    robot = choice.build()
    choice.announce(robot.robot_type, output)
    recorder = Recorder(output)
    recorder.run(Teleoperation(robot, Fraction(fps), recorder.controls, listen=recorder.listen))
    return INTERRUPTED if recorder.is_interrupted else 0
