"""Cameras as LeRobot's command line describes them (``OpenCVCameraConfig`` of LeRobot 0.6).

What such a description says is kept or refused; nothing is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, get_args

from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import UsageError
from lerotool.media.format import Rotation

_FOURCC = {
    "MJPG": InputFormat.MJPEG,
    "H264": InputFormat.H264,
    **dict.fromkeys(("YUYV", "YUY2", "UYVY", "NV12", "I420", "YU12", "YV12", "RGB3", "BGR3"), InputFormat.RAW),
}
_KEYS = ("type", "index_or_path", "width", "height", "fps", "fourcc", "rotation")
_ROTATIONS: Mapping[str | int, Rotation] = {
    **dict(zip((0, 90, 180, -90), get_args(Rotation), strict=True)),
    **dict(zip(("NO_ROTATION", "ROTATE_90", "ROTATE_180", "ROTATE_270"), get_args(Rotation), strict=True)),
}
"""Names and values of LeRobot's ``Cv2Rotation``."""
_TYPE = "opencv"
_FORM = "{front: {type: opencv, index_or_path: 0, width: 640, height: 480, fps: 30}}"
_BACKENDS = {"linux": (200, "V4L2"), "darwin": (1200, "AVFOUNDATION"), "win32": (700, "DSHOW")}
# Keys that may be there as long as they say what lerotool does anyway.
_NEUTRAL: Mapping[str, tuple[str | int, ...]] = {
    "color_mode": ("rgb", "RGB"),
    "backend": (0, "ANY", *_BACKENDS.get(sys.platform, ())),
}
_WHY = {
    "color_mode": "datasets hold RGB",
    "backend": "the system's own is used",
    "warmup_s": "a recording begins when the camera has sent its first picture; remove it",
}


def parse_camera_map(text: str) -> list[CameraSpec]:
    """Read LeRobot's inline map of cameras in YAML, ``{front: {type: opencv, index_or_path: 0, width: 640, …}, …}``."""
    specs = []
    for name, settings in _read_yaml(text).items():
        if not isinstance(name, str):
            raise _unreadable(f"camera {name!r}: expected a name")
        if not isinstance(settings, dict):
            raise _unreadable(f"camera {name!r}: expected its settings in braces, found {settings!r}")
        specs.append(build_spec(name, settings))
    return specs


def _read_yaml(text: str) -> dict[Any, Any]:
    import yaml

    class UniqueKeys(yaml.SafeLoader):  # type: ignore[misc]
        """YAML keeps the last of two equal keys; here nothing is left out."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for number, key in enumerate(keys):
                if key in keys[:number]:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key!r} is there twice", node.value[number][0].start_mark
                    )
            return dict(super().construct_mapping(node, deep))

    try:
        document = yaml.load(text, Loader=UniqueKeys)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at character {mark.index + 1}" if mark else ""
        raise _unreadable(f"cameras {text!r}: {error.problem}{place}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(f"cameras {text!r}: {error}") from None
    if not isinstance(document, dict):
        raise _unreadable(f"cameras {text!r}: expected names and settings in braces")
    return document


def _unreadable(text: str) -> UsageError:
    return UsageError(text, hint=f"write cameras as {_FORM}")


def build_spec(name: str, settings: Mapping[Any, Any]) -> CameraSpec:
    """Return the camera of one entry of LeRobot's map."""
    kind = settings.get("type")
    if kind != _TYPE:
        found = f"{kind!r} is not supported" if "type" in settings else "type is missing"
        raise UsageError(f"camera {name!r}: {found}, expected {_TYPE!r}", hint="other cameras: as NAME=SOURCE,WxH,FPS")
    _check_keys(name, settings)
    rotation = _read_rotation(name, settings.get("rotation", 0))
    # LeRobot's width and height are those of the turned picture.
    width, height = ("height", "width") if rotation in (90, 270) else ("width", "height")
    return CameraSpec(
        name,
        _read_source(name, settings.get("index_or_path")),
        _read_number(name, settings, width),
        _read_number(name, settings, height),
        _read_number(name, settings, "fps"),
        _read_fourcc(name, settings.get("fourcc")),
        rotation,
    )


def _check_keys(name: str, settings: Mapping[Any, Any]) -> None:
    for key, value in settings.items():
        if key in _KEYS:
            continue
        if key not in _WHY:
            known = ", ".join((*_KEYS, *_NEUTRAL))
            raise UsageError(f"camera {name!r}: unknown setting {key!r}", hint=f"known settings: {known}")
        neutral = _NEUTRAL.get(key, ())
        # True is no 1 here.
        if isinstance(value, dict | bool) or value not in neutral:
            raise UsageError(f"camera {name!r}: {key} {value!r} is not supported", hint=_WHY[key])


def _read_source(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    raise UsageError(f"camera {name!r}: index_or_path is {value!r}, expected a number from 0 on or a path")


def _read_number(name: str, settings: Mapping[Any, Any], key: str) -> int | None:
    value = settings.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise UsageError(f"camera {name!r}: {key} is {value!r}, expected a whole number")


def _read_rotation(name: str, value: object) -> Rotation:
    if isinstance(value, str | int) and not isinstance(value, bool) and value in _ROTATIONS:
        return _ROTATIONS[value]
    known = ", ".join(map(str, _ROTATIONS))
    raise UsageError(f"camera {name!r}: rotation {value!r} is not supported", hint=f"supported ones: {known}")


def _read_fourcc(name: str, value: object) -> InputFormat | None:
    if value is None:
        return None
    if isinstance(value, str) and value in _FOURCC:
        return _FOURCC[value]
    raise UsageError(
        f"camera {name!r}: fourcc {value!r} is not supported", hint=f"supported ones: {', '.join(_FOURCC)}"
    )
