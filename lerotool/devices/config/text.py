"""A robot's file as text: TOML with comments that say what a person may change."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lerotool.devices.config.model import SILENCE_S, START_SPEED, RobotConfig


def render(name: str, config: RobotConfig) -> str:
    """Return the file's text; reading it gives the same ``RobotConfig``."""
    return "\n".join(_lines(name, config)) + "\n"


def _lines(name: str, config: RobotConfig) -> Iterator[str]:
    yield f"# The robot {name!r}. Written by lerotool setup; change what you like."
    yield f'# Record with it: lerotool record --robot {name} --task "what it does"'
    yield ""
    yield f"type = {_text(config.type)}                  # so100 or so101"
    yield f"units = {_text(config.units)}               # degrees, or range: -100 to 100; a gripper is 0 to 100 in both"
    yield ""
    yield "# How far from where it stands a joint may be sent at once, in its units: one number, or one per joint."
    yield _optional("max_relative_target", config.max_relative_target, 20.0)
    yield "# How fast the follower goes to where the leader stands at the start, in units per second."
    yield _optional("start_speed", config.start_speed if config.start_speed != START_SPEED else None, START_SPEED)
    yield "# How many seconds a motor may be silent before the recording stops (what was recorded is kept)."
    yield _optional("silence_s", config.silence_s if config.silence_s != SILENCE_S else None, SILENCE_S)
    yield from _arm_lines(config)
    yield from _camera_lines(config)


def _arm_lines(config: RobotConfig) -> Iterator[str]:
    yield ""
    yield '# port: "serial:" and the serial number of the USB adapter (lerotool setup ports), or a path.'
    yield "# id: the name of the calibration file, as in LeRobot."
    for place, arm in config.arms.items():
        yield f"[{place}]"
        yield f"port = {_text(arm.port)}"
        yield f"id = {_text(arm.id)}"
        yield ""
    for side, pair in (("left", config.left), ("right", config.right)):
        if pair is not None and pair.follower is pair.leader is None:
            yield f"[{side}]"
            yield ""


def _camera_lines(config: RobotConfig) -> Iterator[str]:
    if config.cameras:
        yield "# One table per camera; lerotool setup cameras lists them."
        yield "# width, height (pixels), fps and input_format (mjpeg, h264, raw) may be left out."
    for name, camera in config.cameras.items():
        yield f"[cameras.{name}]"
        for key, value in camera.model_dump(exclude_none=True).items():
            yield f"{key} = {_value(value)}"
        yield ""


def _optional(key: str, value: object, example: float) -> str:
    return f"# {key} = {example}" if value is None else f"{key} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    # TOML's basic strings escape as JSON's do, but for DEL.
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007F")
