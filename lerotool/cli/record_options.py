"""The options of `lerotool record`, and what holds where the robot's file says something too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.options import in_panel
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.cli.robots import RobotChoice
    from lerotool.recording.config import Prompts

_what, _encoding, _switch = map(in_panel, ("What to record", "Encoding", "Switches"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings by the names of their options; the values here are lerotool's own."""

    task: str | None = None
    fps: int = 30
    episodes: int = 50
    episode_time: float = 60.0
    min_episode_time: float = 1.0
    reset_time: float = 60.0
    batch: int = 10
    codec: str = "libsvtav1"
    ask: bool = False
    monitor: bool | str = False
    bell: bool = True
    success_column: bool = False


def settle(choice: RobotChoice, said: Mapping[str, Any]) -> Settings:
    """Return the settings that hold for a robot: those of the command line, then of its file, then lerotool's own."""
    own = {"reset_time": 0.0} if choice.is_simulated else {}
    return Settings(**{**own, **choice.settings_in_file(), **said})


def require_savable(choice: RobotChoice, said: Mapping[str, Any]) -> None:
    """Refuse to save settings if the robot has no file, or the line says none."""
    if choice.path is None:
        raise UsageError(
            f"--save-defaults: robot {choice.name!r} has no file to keep them in", hint="describe it: lerotool setup"
        )
    if not said:
        names = ", ".join(f"--{field.name.replace('_', '-')}" for field in fields(Settings))
        raise UsageError("--save-defaults: the line has nothing to save", hint=f"it keeps {names}")


@dataclass(frozen=True)
class RecordOptions:
    """What the command line says; None leaves it to the robot's file."""

    camera: Annotated[
        list[str] | None,
        _what(
            metavar="NAME=SOURCE",
            help="Instead of the robot's own; may be repeated. SOURCE: 0, /dev/…, http://…, rtsp://…, a file, sim; "
            "then ,WxH,FPS. Or none, or LeRobot's {…}.",
        ),
    ] = None
    task: Annotated[str | None, _what(metavar="TEXT", help="What the robot does, in words.")] = None
    tasks: Annotated[Path | None, _what(metavar="FILE", help="A task for each episode: one a line.")] = None
    shuffle: Annotated[bool, _what("--shuffle", help="Each round of tasks in another order.")] = False
    seed: Annotated[int | None, _what(metavar="N", help="Orders follow from it. \\[default: 0]")] = None
    fps: Annotated[int | None, _what(metavar="N", min=1, max=1000, help="Rows per second. \\[default: 30]")] = None
    episodes: Annotated[int | None, _what(metavar="N", min=0, help="In total; 0 records none. \\[default: 50]")] = None
    episode_time: Annotated[float | None, _what(metavar="SECONDS", min=0.1, help="Longest take. \\[default: 60]")] = (
        None
    )
    min_episode_time: Annotated[
        float | None, _what(metavar="SECONDS", min=0.0, help="Shorter ones are discarded. \\[default: 1]")
    ] = None
    ask: Annotated[bool | None, _switch("--ask/--no-ask", help="Wait for s, f or ! after a take.")] = None
    operator: Annotated[str | None, _what(metavar="NAME", help="Who steers; kept with each episode.")] = None
    success_column: Annotated[
        bool | None, _switch("--success-column/--no-success-column", help="Add the column next.success.")
    ] = None
    reset_time: Annotated[
        float | None, _what(metavar="SECONDS", min=0.0, help="Pause between takes. \\[default: 60; sim: 0]")
    ] = None
    max_picture_age: Annotated[float, _what(metavar="SECONDS", min=0.01, help="Alarm when one is older.")] = 0.5
    reconnect_time: Annotated[float, _what(metavar="SECONDS", min=0.0, help="Wait for a lost device.")] = 60.0
    repo_id: Annotated[
        str | None,
        _what(metavar="USER/NAME", help="Dataset in the LeRobot home. \\[default: local/ROBOT, with the task]"),
    ] = None
    root: Annotated[Path | None, _what(metavar="PATH", help="Dataset folder, anywhere.")] = None
    batch: Annotated[
        int | None, _encoding(metavar="N", min=0, help="Encode every N episodes; 0: leave all pending. \\[default: 10]")
    ] = None
    foreground: Annotated[bool, _encoding("--foreground", help="Wait for each batch before the next take.")] = False
    encode_at_end: Annotated[
        bool,
        _switch("--encode-at-end/--no-encode-at-end", help="Encode the rest. \\[default: yes]", show_default=False),
    ] = True
    codec: Annotated[
        str | None,
        _encoding("--codec", "--vcodec", metavar="CODEC", help="h264, hevc, an FFmpeg encoder. \\[default: libsvtav1]"),
    ] = None
    crf: Annotated[int | None, _encoding(metavar="N", min=0, help="Quality, lower is better.")] = 30
    g: Annotated[int | None, _encoding(metavar="N", min=1, help="Frames from keyframe to keyframe.")] = 2
    preset: Annotated[str, _encoding(metavar="TEXT", help="The encoder's speed setting.")] = "12"
    monitor: Annotated[bool | None, _switch("--monitor/--no-monitor", help="Serve a live page.")] = None
    monitor_host: Annotated[
        str | None, _what("--monitor-host", metavar="ADDRESS", help="A live page for phones too: 0.0.0.0.")
    ] = None
    bell: Annotated[bool | None, _switch("--bell/--no-bell", help="Ring at each phase. \\[default: yes]")] = None
    save_defaults: Annotated[
        bool, typer.Option("--save-defaults", help="Keep what this line says in the robot's file.")
    ] = False

    def said(self) -> dict[str, Any]:
        """Return what the line says of the settings that a robot's file may say too."""
        values = {field.name: getattr(self, field.name) for field in fields(Settings)}
        values["monitor"] = self.monitor_host or self.monitor
        return {name: value for name, value in values.items() if value is not None}

    def prompts(self) -> Prompts | None:
        """Return the list of tasks that is named."""
        if self.seed is not None and not self.shuffle:
            raise UsageError("--seed: nothing is shuffled", hint="add --shuffle, or leave it out")
        if self.tasks is None:
            if self.shuffle:
                raise UsageError("--shuffle: no list of tasks to shuffle", hint="name one: --tasks FILE")
            return None
        from lerotool.recording.config import read_prompts

        return read_prompts(self.tasks.expanduser(), (self.seed or 0) if self.shuffle else None)
