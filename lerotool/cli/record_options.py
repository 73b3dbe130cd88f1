"""The options of `lerotool record` that no other command has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class _Panel(StrEnum):
    WHAT = "What to record"
    LABELS = "How a take went"
    WHERE = "Where to"
    ENCODING = "Encoding"


CameraOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SOURCE",
        help="A camera instead of the robot's own; repeat for more. SOURCE: 0, /dev/v4l/…, http://…, rtsp://…, "
        "a video file or sim, then ,WxH and ,FPS if you like. LeRobot's {name: {type: opencv, …}} is taken too. "
        "'none' for no camera.",
        rich_help_panel=_Panel.WHAT,
    ),
]
TaskOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What the robot does, in words.", rich_help_panel=_Panel.WHAT)
]
TasksOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A task for each episode instead: one a line, in turn. Blank lines and # comments are passed over.",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
ShuffleOption = Annotated[
    bool,
    typer.Option("--shuffle", help="Each round through --tasks in an order of its own.", rich_help_panel=_Panel.WHAT),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="The orders follow from it; the same one again goes on in the same order. \\[default: 0]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
FpsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1000,
        help="Rows per second. \\[default: 30]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
EpisodesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Episodes in total: running the command again records what is missing. 0: only follow the leader. "
        "\\[default: 50]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
EpisodeTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0.1,
        help="Longest take, in seconds. \\[default: 60]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
MinEpisodeTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0.0,
        help="A take that is ended sooner is discarded, in seconds; 0 keeps every one. \\[default: 1]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
AskOption = Annotated[
    bool | None,
    typer.Option(
        "--ask/--no-ask",
        help="After every take, wait for s, f or ! before going on.",
        rich_help_panel=_Panel.LABELS,
        show_default=False,
    ),
]
OperatorOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who steers the robot; kept with each episode.",
        rich_help_panel=_Panel.LABELS,
        show_default=False,
    ),
]
SuccessColumnOption = Annotated[
    bool | None,
    typer.Option(
        "--success-column/--no-success-column",
        help="Add the column next.success: true in the last frame of takes marked a success.",
        rich_help_panel=_Panel.LABELS,
        show_default=False,
    ),
]
ResetTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0.0,
        help="Pause between takes to reset the scene, in seconds. \\[default: 60; with the simulated robot, whose "
        "scene resets itself: 0]",
        rich_help_panel=_Panel.WHAT,
    ),
]
MaxPictureAgeOption = Annotated[
    float,
    typer.Option(
        metavar="N",
        min=0.01,
        help="Alarm when a camera's newest picture is older, in seconds; four times as long ends the take.",
        rich_help_panel=_Panel.WHAT,
    ),
]
ReconnectTimeOption = Annotated[
    float,
    typer.Option(
        metavar="N",
        min=0.0,
        help="How long to wait for a device that was lost, in seconds; 0: leave at once.",
        rich_help_panel=_Panel.WHAT,
    ),
]
RepoIdOption = Annotated[
    str | None,
    typer.Option(
        metavar="USER/NAME",
        help="Dataset below the LeRobot home. \\[default: local/ROBOT, with the task if one is given]",
        rich_help_panel=_Panel.WHERE,
    ),
]
RootOption = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Dataset folder, anywhere.", rich_help_panel=_Panel.WHERE)
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Encode after every N saved episodes, in the background; 0 leaves all pending. \\[default: 10]",
        rich_help_panel=_Panel.ENCODING,
        show_default=False,
    ),
]
ForegroundOption = Annotated[
    bool,
    typer.Option("--foreground", help="Wait for each batch before the next take.", rich_help_panel=_Panel.ENCODING),
]
EncodeAtEndOption = Annotated[
    bool,
    typer.Option(
        "--encode-at-end/--no-encode-at-end",
        help="Encode what still waits when leaving.",
        rich_help_panel=_Panel.ENCODING,
    ),
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        "--codec",
        "--vcodec",
        metavar="CODEC",
        help="libsvtav1, h264, hevc or an FFmpeg encoder's name. \\[default: libsvtav1]",
        rich_help_panel=_Panel.ENCODING,
        show_default=False,
    ),
]
CrfOption = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Quality, lower is better.", rich_help_panel=_Panel.ENCODING)
]
GopOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Frames from keyframe to keyframe.", rich_help_panel=_Panel.ENCODING),
]
PresetOption = Annotated[
    str, typer.Option(metavar="TEXT", help="The encoder's speed setting.", rich_help_panel=_Panel.ENCODING)
]
BellOption = Annotated[
    bool | None,
    typer.Option(
        "--bell/--no-bell",
        help="Ring the terminal's bell when a take begins or ends. \\[default: bell]",
        rich_help_panel="Watching",
        show_default=False,
    ),
]
SaveDefaultsOption = Annotated[
    bool,
    typer.Option(
        "--save-defaults",
        help="Keep what this line says of task, fps, times, counts, codec and the like in the robot's file.",
    ),
]
