"""What `lerotool record` does where several may say: the command line, then the robot's file, then lerotool itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.cli.robots import RobotChoice


class Origin(StrEnum):
    """Who says what a setting is."""

    COMMAND_LINE = "command line"
    FILE = "robot's file"
    BUILT_IN = "default"


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


def settle(choice: RobotChoice, given: Mapping[str, Any]) -> tuple[Settings, Mapping[str, Origin]]:
    """Return the settings that hold for a robot, and who says so."""
    said = {name: value for name, value in given.items() if value is not None}
    in_file = {} if choice.config is None else choice.config.record.given()
    own = {"reset_time": 0.0} if choice.is_simulated else {}
    origins = {
        field.name: Origin.COMMAND_LINE
        if field.name in said
        else Origin.FILE
        if field.name in in_file
        else Origin.BUILT_IN
        for field in fields(Settings)
    }
    return Settings(**{**own, **in_file, **said}), origins


def save(choice: RobotChoice, given: Mapping[str, Any]) -> list[str]:
    """Write what the command line says into the robot's file, and return the names of what was written."""
    from lerotool.devices.config import RecordDefaults, save_defaults

    said = {name: value for name, value in given.items() if value is not None}
    require_savable(choice, said)
    assert choice.path is not None
    save_defaults(choice.path, RecordDefaults(**said))
    return list(said)


def require_savable(choice: RobotChoice, said: Mapping[str, Any]) -> None:
    """Refuse what `save` cannot do."""
    if choice.path is None:
        raise UsageError(
            f"--save-defaults: robot {choice.name!r} has no file to keep them in", hint="describe it: lerotool setup"
        )
    if all(value is None for value in said.values()):
        names = ", ".join(f"--{field.name.replace('_', '-')}" for field in fields(Settings))
        raise UsageError("--save-defaults: the line has nothing to save", hint=f"it keeps {names}")
