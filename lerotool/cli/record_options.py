"""The options of `lerotool record` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lerotool.cli.options import in_panel

_what, _encoding, _switch = map(in_panel, ("What to record", "Encoding", "Switches"))

Camera = Annotated[
    list[str] | None,
    _what(
        metavar="NAME=SOURCE",
        help="Instead of the robot's own; may be repeated. SOURCE: 0, /dev/…, http://…, rtsp://…, a file, sim; "
        "then ,WxH,FPS. Or none, or LeRobot's {…}.",
    ),
]
Task = Annotated[str | None, _what(metavar="TEXT", help="What the robot does, in words.")]
Tasks = Annotated[Path | None, _what(metavar="FILE", help="A task for each episode: one a line.")]
Shuffle = Annotated[bool, _what("--shuffle", help="Each round of tasks in another order.")]
Seed = Annotated[int | None, _what(metavar="N", help="Orders follow from it. \\[default: 0]")]
Fps = Annotated[int | None, _what(metavar="N", min=1, max=1000, help="Rows per second. \\[default: 30]")]
Episodes = Annotated[int | None, _what(metavar="N", min=0, help="In total; 0 records none. \\[default: 50]")]
EpisodeTime = Annotated[float | None, _what(metavar="SECONDS", min=0.1, help="Longest take. \\[default: 60]")]
MinEpisodeTime = Annotated[
    float | None, _what(metavar="SECONDS", min=0.0, help="Shorter ones are discarded. \\[default: 1]")
]
Ask = Annotated[bool | None, _switch("--ask/--no-ask", help="Wait for s, f or ! after a take.")]
Operator = Annotated[str | None, _what(metavar="NAME", help="Who steers; kept with each episode.")]
SuccessColumn = Annotated[
    bool | None, _switch("--success-column/--no-success-column", help="Add the column next.success.")
]
ResetTime = Annotated[
    float | None, _what(metavar="SECONDS", min=0.0, help="Pause between takes. \\[default: 60; sim: 0]")
]
MaxPictureAge = Annotated[float, _what(metavar="SECONDS", min=0.01, help="Alarm when one is older.")]
ReconnectTime = Annotated[float, _what(metavar="SECONDS", min=0.0, help="Wait for a lost device.")]
RepoId = Annotated[
    str | None, _what(metavar="USER/NAME", help="Dataset in the LeRobot home. \\[default: local/ROBOT, with the task]")
]
Root = Annotated[Path | None, _what(metavar="PATH", help="Dataset folder, anywhere.")]
Batch = Annotated[
    int | None, _encoding(metavar="N", min=0, help="Encode every N episodes; 0: leave all pending. \\[default: 10]")
]
Foreground = Annotated[bool, _encoding("--foreground", help="Wait for each batch before the next take.")]
EncodeAtEnd = Annotated[
    bool,
    _switch("--encode-at-end/--no-encode-at-end", help="Encode the rest. \\[default: yes]", show_default=False),
]
Codec = Annotated[
    str | None,
    _encoding("--codec", "--vcodec", metavar="CODEC", help="h264, hevc, an FFmpeg encoder. \\[default: libsvtav1]"),
]
Crf = Annotated[int | None, _encoding(metavar="N", min=0, help="Quality, lower is better.")]
Gop = Annotated[int | None, _encoding(metavar="N", min=1, help="Frames from keyframe to keyframe.")]
Preset = Annotated[str, _encoding(metavar="TEXT", help="The encoder's speed setting.")]
Bell = Annotated[bool | None, _switch("--bell/--no-bell", help="Ring at each phase. \\[default: yes]")]
SaveDefaults = Annotated[bool, typer.Option("--save-defaults", help="Keep what this line says in the robot's file.")]
Monitor = Annotated[bool | None, _switch("--monitor/--no-monitor", help="Serve a live page.")]
MonitorHost = Annotated[
    str | None, _what("--monitor-host", metavar="ADDRESS", help="A live page for phones too: 0.0.0.0.")
]
