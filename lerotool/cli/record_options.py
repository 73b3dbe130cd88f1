"""The options of `lerotool record` that no other command has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class _Panel(StrEnum):
    WHAT = "What to record"
    ENCODING = "Encoding"
    SWITCHES = "Switches"


CameraOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SOURCE",
        help="Instead of the robot's own; may be repeated. SOURCE: 0, /dev/…, http://…, rtsp://…, a file, sim; "
        "then ,WxH,FPS. Or none, or LeRobot's {…}.",
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
        help="A task for each episode: one a line.",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
ShuffleOption = Annotated[
    bool,
    typer.Option("--shuffle", help="Each round of tasks in another order.", rich_help_panel=_Panel.WHAT),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Orders follow from it. \\[default: 0]",
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
        help="In total; 0 records none. \\[default: 50]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
EpisodeTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.1,
        help="Longest take. \\[default: 60]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
MinEpisodeTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.0,
        help="Shorter ones are discarded. \\[default: 1]",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
AskOption = Annotated[
    bool | None,
    typer.Option(
        "--ask/--no-ask",
        help="Wait for s, f or ! after a take.",
        rich_help_panel=_Panel.SWITCHES,
        show_default=False,
    ),
]
OperatorOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who steers; kept with each episode.",
        rich_help_panel=_Panel.WHAT,
        show_default=False,
    ),
]
SuccessColumnOption = Annotated[
    bool | None,
    typer.Option(
        "--success-column/--no-success-column",
        help="Add the column next.success.",
        rich_help_panel=_Panel.SWITCHES,
        show_default=False,
    ),
]
ResetTimeOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.0,
        help="Pause between takes. \\[default: 60; sim: 0]",
        rich_help_panel=_Panel.WHAT,
    ),
]
MaxPictureAgeOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0.01,
        help="Alarm when one is older.",
        rich_help_panel=_Panel.WHAT,
    ),
]
ReconnectTimeOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0.0,
        help="Wait for a lost device.",
        rich_help_panel=_Panel.WHAT,
    ),
]
RepoIdOption = Annotated[
    str | None,
    typer.Option(
        metavar="USER/NAME",
        help="Dataset in the LeRobot home. \\[default: local/ROBOT, with the task]",
        rich_help_panel=_Panel.WHAT,
    ),
]
RootOption = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Dataset folder, anywhere.", rich_help_panel=_Panel.WHAT)
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Encode every N episodes; 0: leave all pending. \\[default: 10]",
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
        help="Encode the rest. \\[default: yes]",
        rich_help_panel=_Panel.SWITCHES,
        show_default=False,
    ),
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        "--codec",
        "--vcodec",
        metavar="CODEC",
        help="h264, hevc, an FFmpeg encoder. \\[default: libsvtav1]",
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
        help="Ring at each phase. \\[default: yes]",
        rich_help_panel=_Panel.SWITCHES,
        show_default=False,
    ),
]
SaveDefaultsOption = Annotated[
    bool,
    typer.Option(
        "--save-defaults",
        help="Keep what this line says in the robot's file.",
    ),
]
