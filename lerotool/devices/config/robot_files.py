r"""Where robots are described: ``robots/NAME.toml`` in lerotool's own configuration folder, TOML with comments.

``$LEROTOOL_CONFIG``, else ``$XDG_CONFIG_HOME/lerotool`` or ``~/.config/lerotool``; ``%APPDATA%\lerotool`` on Windows,
``~/Library/Application Support/lerotool`` on macOS.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lerotool.devices.config.kinds import DEFAULT, find_kind
from lerotool.devices.config.model import (
    SILENCE_S,
    START_SPEED,
    ArmConfig,
    CameraConfig,
    PairConfig,
    RecordDefaults,
    RobotConfig,
    SoRobotConfig,
)
from lerotool.errors import UsageError
from lerotool.storage import make_directory, write_atomic

SIMULATED = "sim"
SUFFIX = ".toml"
RECORD_COMMENT = "what lerotool record does where its command line says nothing else"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PARTS: dict[str, type[BaseModel]] = {
    "follower": ArmConfig,
    "leader": ArmConfig,
    "left": PairConfig,
    "right": PairConfig,
    "record": RecordDefaults,
}


def config_home() -> Path:
    """Return lerotool's configuration folder of this user."""
    if home := os.environ.get("LEROTOOL_CONFIG"):
        return Path(home).expanduser()
    if sys.platform == "win32":
        parent = os.environ.get("APPDATA") or "~/AppData/Roaming"
    elif sys.platform == "darwin":
        parent = "~/Library/Application Support"
    else:
        parent = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(parent).expanduser() / "lerotool"


def robots_folder() -> Path:
    """Return the folder that holds one file per robot."""
    return config_home() / "robots"


def robot_path(name: str) -> Path:
    """Return the file of a robot, there or not."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"robot name {name!r}: expected letters, digits, '_' and '-'")
    if name == SIMULATED:
        raise UsageError(f"robot name {name!r}: this is the simulated robot", hint="choose another name")
    return robots_folder() / f"{name}{SUFFIX}"


def list_robots() -> tuple[str, ...]:
    """Return the names of all robots that have a file, sorted."""
    names = (path.stem for path in robots_folder().glob(f"*{SUFFIX}") if path.is_file())
    return tuple(sorted(name for name in names if _NAME.fullmatch(name) and name != SIMULATED))


def load_robot(name: str) -> SoRobotConfig:
    """Read the file of a robot of SO arms by its name."""
    path = robot_path(name)
    if not path.is_file():
        known = ", ".join(list_robots()) or "none is set up"
        raise UsageError(f"no robot {name!r} ({path})", hint=f"known robots: {known}; lerotool setup makes one")
    config = read_robot(path)
    if not isinstance(config, SoRobotConfig):
        raise UsageError(
            f"robot {name!r} is of type {config.type!r}, and lerotool setup knows SO-100 and SO-101 arms only",
            hint=f"change its file: {path}",
        )
    return config


def read_robot(path: Path) -> RobotConfig:
    """Read the file of a robot of any type."""
    document = tomllib.loads(_read_text(path))
    robot_type = document.get("type", DEFAULT)
    try:
        model = find_kind(robot_type).config if isinstance(robot_type, str) else SoRobotConfig
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [_describe(problem, model) for problem in error.errors(include_url=False)]
        raise UsageError(f"{path}: {'; '.join(problems)}", hint="correct the file, or run lerotool setup") from None


def save_robot(name: str, config: SoRobotConfig) -> Path:
    """Write a robot's file with comments that explain it, durably; return its path.

    A file that is there keeps its order and a person's comments; after an OSError it is as it was.
    """
    path = robot_path(name)
    make_directory(path.parent)
    text = rewrite(_read_text(path), name, config) if path.is_file() else render(name, config)
    write_atomic(path, text.encode())
    return path


def save_defaults(path: Path, defaults: RecordDefaults) -> None:
    """Write what `lerotool record` shall do with a robot into its file, durably; all else stays as a person left it."""
    import tomlkit

    document = tomlkit.parse(_read_text(path))
    if "record" not in document:
        table = tomlkit.table()
        table.comment(RECORD_COMMENT)
        document.add(tomlkit.nl())
        document.add("record", table)
    record: Any = document["record"]
    for name, value in defaults.given().items():
        if record.get(name) != value or type(record.get(name)) is not type(value):
            record[name] = value
    write_atomic(path, tomlkit.dumps(document).encode())


def _read_text(path: Path) -> str:
    """Return the text of a file, which is TOML."""
    try:
        text = path.read_bytes().decode()
        tomllib.loads(text)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#04x}") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: expected TOML: {_lower(str(error))}") from None
    return text


def _describe(problem: Any, model: type[BaseModel]) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{place!r} is unknown, {_suggest(problem['loc'], model)}"
    if problem["type"] in ("model_type", "dict_type"):
        return f"{place!r} is {problem['input']!r}: expected a table"
    text = _lower(problem["msg"].removeprefix("Value error, "))
    return f"{place!r} is {problem['input']!r}: {text}" if place else text


def _suggest(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    *parents, key = map(str, location)
    if parents:
        model = CameraConfig if parents[0] == "cameras" else _PARTS.get(parents[-1], model)
    known = list(model.model_fields)
    near = get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def render(name: str, config: SoRobotConfig) -> str:
    """Return the file's text; reading it gives the same ``SoRobotConfig``."""
    return "\n".join(_lines(name, config)) + "\n"


def rewrite(text: str, name: str, config: SoRobotConfig) -> str:
    """Return a robot's file that says what ``config`` does, with everything else in ``text`` as a person left it."""
    import tomlkit

    document = tomlkit.parse(text)
    _update(document, tomlkit.parse(render(name, config)), config.model_dump(mode="json", exclude_none=True))
    return tomlkit.dumps(document)


def _update(old: MutableMapping[str, Any], new: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Change what differs; a line that says what holds anyway stays."""
    for key in [key for key in old if key not in new and old[key] != known.get(key)]:
        del old[key]
    for key, value in new.items():
        if isinstance(value, Mapping) and value and isinstance(old.get(key), MutableMapping):
            _update(old[key], value, known.get(key, {}))
        elif old.get(key) != value:
            old[key] = value


def _lines(name: str, config: SoRobotConfig) -> Iterator[str]:
    yield f"# The robot {name!r}. Written by lerotool setup; change what you like."
    yield f'# Record with it: lerotool record --robot {name} --task "what it does"'
    yield ""
    yield f'type = "{config.type}"                  # so100 or so101'
    yield f'units = "{config.units}"               # degrees, or range: -100 to 100; a gripper is 0 to 100 in both'
    yield ""
    yield "# How far from where it stands a joint may be sent at once, in its units: one number, or one per joint."
    yield _optional("max_relative_target", config.max_relative_target, 20.0)
    yield "# How fast the follower goes to where the leader stands at the start, in units per second."
    yield _optional("start_speed", config.start_speed if config.start_speed != START_SPEED else None, START_SPEED)
    yield "# How many seconds a motor may be silent before the recording stops (what was recorded is kept)."
    yield _optional("silence_s", config.silence_s if config.silence_s != SILENCE_S else None, SILENCE_S)
    yield from _arm_lines(config)
    yield from _camera_lines(config)
    if given := config.record.given():
        yield f"[record] # {RECORD_COMMENT}"
        for key, value in given.items():
            yield f"{key} = {_value(value)}"


def _arm_lines(config: SoRobotConfig) -> Iterator[str]:
    yield ""
    yield '# port: "serial:" and the serial number of the USB adapter (lerotool setup ports), or a path.'
    yield "# id: the name of the calibration file, as in LeRobot."
    for place, arm in config.arms.items():
        yield f"[{place}]"
        yield f"port = {_value(arm.port)}"
        yield f"id = {_value(arm.id)}"
        yield ""
    for side, pair in (("left", config.left), ("right", config.right)):
        if pair is not None and pair.follower is pair.leader is None:
            yield f"[{side}]"
            yield ""


def _camera_lines(config: SoRobotConfig) -> Iterator[str]:
    if config.cameras:
        yield "# One table per camera; lerotool setup cameras lists them."
        yield "# width, height (pixels), fps and input_format (mjpeg, h264, raw) may be left out."
        yield "# rotation (90, 180, 270), exposure (milliseconds), gain and white_balance (kelvin) may be added."
    for name, camera in config.cameras.items():
        yield f"[cameras.{name}]"
        for key, value in camera.model_dump(mode="json", exclude_none=True).items():
            yield f"{key} = {_value(value)}"
        yield ""


def _optional(key: str, value: object, example: float) -> str:
    return f"# {key} = {example}" if value is None else f"{key} = {_value(value)}"


def _value(value: object) -> str:
    import tomlkit

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return tomlkit.item(value).as_string()
