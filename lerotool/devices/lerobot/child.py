"""LeRobot's side: drives a robot and a teleoperator for lerotool, in LeRobot's interpreter.

    LEROBOT_PYTHON child.py         standard library, numpy and LeRobot only; lerotool never imports it

Messages go over what were standard input and output when the process started; both are then pointed elsewhere, so that
nothing that LeRobot or a plug-in prints or reads gets in between. A message is a length (u32, little endian) and so
many bytes of JSON: a request names what to ``do``, its answer is ``{"ok": …}`` or ``{"error": {"kind", "text",
"role"}}``. One answer for one request, in order.

Pictures of cameras that the robot owns lie in a shared file, one after another in the order of ``cameras``; they belong
to the observation that was answered last.

The robot is released by ``disconnect`` however it ends: asked for, an error, or the pipe's end, which is the recorder's
death. Facts about LeRobot: version 0.6.1, ``lerobot/scripts/lerobot_record.py`` and ``lerobot/utils``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import inspect
import io
import json
import logging
import mmap
import os
import pkgutil
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_LENGTH = struct.Struct("<I")
_RELEASE_S = 5.0
"""A call that still runs so long after the recorder has gone is given up, and the process with it."""
_PLUGINS = ("robot", "teleoperator", "camera")
_OPENCV = "opencv"
_LEKIWI = "lekiwi_client"
_ARMS = {"": "", "left_arm_config": "left_", "right_arm_config": "right_"}
"""Where a robot's configuration has cameras, and what LeRobot puts before their names then."""


class WrongRequestError(Exception):
    """What was asked for cannot be; the text is for people."""

    kind = "usage"


class NotCalibratedError(WrongRequestError):
    """A device has no calibration, or another one than its motors; ``role`` is ``robot`` or ``teleop``."""

    kind = "calibration"

    def __init__(self, text: str, role: str) -> None:
        super().__init__(text)
        self.role = role


class Channel:
    """The private pipe. A thread reads it, so that its end is noticed also while a device is busy."""

    def __init__(self) -> None:
        self._input: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        self._requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def receive(self) -> dict[str, Any] | None:
        """Return the next request, None when the recorder has gone."""
        return self._requests.get()

    def send(self, answer: Mapping[str, Any]) -> None:
        """Send an answer."""
        data = json.dumps(answer).encode()
        self._output.write(_LENGTH.pack(len(data)) + data)
        self._output.flush()

    def _read(self) -> None:
        while len(head := self._input.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            self._requests.put(json.loads(self._input.read(length)))
        self._requests.put(None)
        time.sleep(_RELEASE_S)
        os._exit(1)


# Which robots there are.


def import_devices(named: list[str] | None) -> list[str]:
    """Register LeRobot's own devices, and those of plug-ins: the one that is named, or all for None.

    Return what could not be imported, in words.
    """
    try:
        import lerobot.cameras
        import lerobot.robots
        import lerobot.teleoperators
    except ImportError as error:
        raise WrongRequestError(f"it cannot be imported: {error}") from None

    problems = []
    for package in (lerobot.cameras, lerobot.robots, lerobot.teleoperators):
        for module in pkgutil.iter_modules(package.__path__):
            if module.ispkg:
                problems += _import(f"{package.__name__}.{module.name}")
    if named is None or set(named) - set().union(*_choices().values()):
        for name in _plugin_modules():
            problems += _import(name)
    return problems


def _plugin_modules() -> list[str]:
    """Return the modules of plug-ins; LeRobot 0.6.1 itself misses those whose distribution's name has hyphens."""
    prefixes = tuple(f"lerobot_{kind}_" for kind in _PLUGINS)
    names = (distribution.metadata["Name"] or "" for distribution in importlib.metadata.distributions())
    return sorted({name.replace("-", "_") for name in names if name.replace("-", "_").startswith(prefixes)})


def _import(name: str) -> list[str]:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way, the others are there nevertheless
        return [f"{name}: {_explain(error)}"]
    return []


def _choices() -> dict[str, dict[str, Any]]:
    from lerobot.robots import RobotConfig
    from lerobot.teleoperators import TeleoperatorConfig

    registries: dict[str, Any] = {"robots": RobotConfig, "teleops": TeleoperatorConfig}
    return {kind: dict(registry.get_known_choices()) for kind, registry in registries.items()}


def _explain(error: BaseException) -> str:
    """Return an error's text, and of a chain the one at its root, which names what is missing."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, WrongRequestError) else f"{type(error).__name__}: {text}"


def list_types() -> dict[str, Any]:
    """Return all robots and teleoperators with their options, and what could not be imported."""
    problems = import_devices(None)
    types = {kind: {name: _options(config) for name, config in found.items()} for kind, found in _choices().items()}
    return {**types, "problems": problems}


def _options(config: Any) -> list[dict[str, Any]]:
    options = []
    for field in dataclasses.fields(config):
        kind: Any = field.type
        name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        is_required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        options.append({"name": field.name, "type": name, "required": is_required})
    return options


# One robot and what steers it.


class Device:
    """The robot, and the teleoperator if there is one, built from a LeRobot user's own options.

    These are as typed for ``lerobot-record``: ``--robot.type=…``, ``--teleop.type=…``, ``--config_path=…``.
    """

    def __init__(self, arguments: list[str]) -> None:
        types = [text.partition("=")[2] for text in arguments if text.startswith(("--robot.type=", "--teleop.type="))]
        self.problems = import_devices(types or None)
        config = _parse(arguments)
        self.cameras = _take_opencv_cameras(config.robot)
        from lerobot.robots import make_robot_from_config
        from lerobot.teleoperators import make_teleoperator_from_config

        self.robot = _build(make_robot_from_config, config.robot)
        self.teleop = None if config.teleop is None else _build(make_teleoperator_from_config, config.teleop)
        self.notes: list[str] = []
        for device in (self.robot, self.teleop):
            _drop_late_answers(device)
        if self.robot.name == _LEKIWI and self.teleop is not None and _is_arm(self.teleop):
            self.teleop = LeKiwiSteering(self.robot, self.teleop)
            self.notes = self.teleop.notes
        self.features = _dataset_features(self.robot)
        self._state = self.features.get("observation.state", {}).get("names", [])
        self._action = self.features.get("action", {}).get("names", [])
        described = self.robot.observation_features
        self._own_pictures = {key: value for key, value in described.items() if isinstance(value, tuple)}
        self._shared: mmap.mmap | None = None
        self._seen: dict[str, Any] = {}

    def describe(self) -> dict[str, Any]:
        """Return what it is and gives; nothing is connected for that."""
        described = (*self.robot.observation_features.items(), *self.robot.action_features.items())
        dropped = sorted({key for key, kind in described if kind is not float and not isinstance(kind, tuple)})
        return {
            "robot_type": self.robot.name,
            "features": self.features,
            "cameras": self.cameras,
            "pictures": list(self._own_pictures),
            "has_teleop": self.teleop is not None,
            "missing": self._missing_actions(),
            "dropped": dropped,
            "problems": self.problems,
            "notes": self.notes,
        }

    def _missing_actions(self) -> list[str]:
        """Return the actions that the robot takes and the teleoperator does not give, as far as it says."""
        if self.teleop is None:
            return []
        given = self.teleop.action_features
        names = given.get("names", given) if isinstance(given, dict) and "dtype" in given else given
        return [name for name in self._action if name not in names]

    def connect(self, shared: str | None) -> None:
        """Connect what steers first, then the robot, as LeRobot does; neither calibrates itself nor asks anybody."""
        if shared is not None:
            self._shared = _map(shared)
        for role, device in self._parts().items():
            if not device.is_connected:
                _connect(device)
            # None is the answer of devices that have nothing to calibrate.
            if device.is_calibrated is not None and not device.is_calibrated:
                raise NotCalibratedError(
                    f"{role} {device.name!r} is not calibrated, or its motors hold another calibration than "
                    f"{getattr(device, 'calibration_fpath', 'its file')}",
                    role,
                )

    def _parts(self) -> dict[str, Any]:
        """Return the devices by role, in the order in which LeRobot connects them."""
        steering = {} if self.teleop is None else {"teleop": self.teleop}
        return {**steering, "robot": self.robot}

    def observe(self) -> dict[str, Any]:
        """Return the state, and whether it is new; pictures of the robot's own cameras go into the shared file."""
        began_ns = time.monotonic_ns()
        last, self._seen = self._seen, self.robot.get_observation()
        seen = self._seen
        # LeKiwi's client gives its last observation once more where its host has sent nothing since.
        is_repeated = self.robot.name == _LEKIWI and seen is last
        if self._shared is not None and not is_repeated:
            self._share(seen)
        state = [float(seen[name]) for name in self._state]
        return {"state": state, "captured_ns": began_ns, "is_repeated": is_repeated}

    def _share(self, seen: Mapping[str, Any]) -> None:
        assert self._shared is not None
        self._shared.seek(0)
        for key, shape in self._own_pictures.items():
            picture = np.asarray(seen[key])
            if picture.dtype != np.uint8 or picture.shape != shape:
                found = f"{picture.dtype} {picture.shape}"
                raise ValueError(f"camera {key!r}: expected a uint8 picture {shape} as its features say, found {found}")
            self._shared.write(np.ascontiguousarray(picture).tobytes())

    def act(self) -> dict[str, Any]:
        """Return what the person wants now."""
        if self.teleop is None:
            raise WrongRequestError("nobody steers the robot: --teleop.type=… is missing")
        began_ns = time.monotonic_ns()
        wanted = self.teleop.get_action()
        if self.robot.name == "unitree_g1":
            self.teleop.send_feedback(self._seen)
        return {"action": [float(wanted[name]) for name in self._action], "captured_ns": began_ns}

    def send(self, action: list[float]) -> dict[str, Any]:
        """Send an action; returns what LeRobot says was sent."""
        wanted = dict(zip(self._action, action, strict=True))
        sent = {**wanted, **(self.robot.send_action(wanted) or {})}
        return {"action": [float(sent[name]) for name in self._action]}

    def close(self) -> list[str]:
        """Disconnect the robot, then what steers it; returns what failed, in words."""
        problems = []
        for role, device in reversed(self._parts().items()):
            try:
                if device.is_connected:
                    device.disconnect()
            except Exception as error:  # noqa: BLE001 - the other one must be released nevertheless
                problems.append(f"{role} {device.name!r}: {_explain(error)}")
        return problems


class LeKiwiSteering:
    """A leader arm for LeKiwi's arm and the keyboard for its base, as LeRobot's own example for LeKiwi has them.

    LeRobot takes such a pair from Python only; here the options name the arm, and the keyboard comes with it. ``notes``
    say why the base stands still, if it does.
    """

    def __init__(self, robot: Any, arm: Any) -> None:
        self._robot = robot
        self._arm = arm
        self._keyboard, self.notes = _keyboard()

    @property
    def action_features(self) -> dict[str, type]:
        """What it gives: the arm's joints under LeKiwi's names, and the base's velocities."""
        base = self._robot._from_keyboard_to_base_action({})
        return dict.fromkeys([*(f"arm_{name}" for name in self._arm.action_features), *base], float)

    def __getattr__(self, name: str) -> Any:
        """Be the arm in everything else: its name, its calibration, whether it is connected."""
        return getattr(self._arm, name)

    def connect(self) -> None:
        """Connect both."""
        _connect(self._arm)
        if self._keyboard is not None:
            _connect(self._keyboard)

    def get_action(self) -> dict[str, float]:
        """Return where the arm is, and how fast the pressed keys want the base to go."""
        arm = {f"arm_{name}": value for name, value in self._arm.get_action().items()}
        keys = {} if self._keyboard is None else self._keyboard.get_action()
        return {**arm, **self._robot._from_keyboard_to_base_action(keys)}

    def disconnect(self) -> None:
        """Release both."""
        try:
            if self._keyboard is not None and self._keyboard.is_connected:
                self._keyboard.disconnect()
        finally:
            self._arm.disconnect()


def _is_arm(teleop: Any) -> bool:
    names = teleop.action_features
    return bool(names) and all(name.endswith(".pos") and not name.startswith("arm_") for name in names)


def _keyboard() -> tuple[Any, list[str]]:
    """Return LeRobot's keyboard, or None and why it cannot be had."""
    from lerobot.teleoperators.keyboard import KeyboardTeleop, KeyboardTeleopConfig, teleop_keyboard

    try:
        keyboard = KeyboardTeleop(KeyboardTeleopConfig())
    except ImportError as error:
        return None, [f"LeKiwi's base will stand still: {_explain(error)}"]
    if not (teleop_keyboard.PYNPUT_AVAILABLE and teleop_keyboard.pynput_can_capture()):
        return None, ["LeKiwi's base will stand still: pynput sees keys on X11, macOS and Windows desktops only"]
    return keyboard, []


def _drop_late_answers(device: Any) -> None:
    """Let servo buses forget, before each request, what came too late for the one before.

    The SDKs of Feetech and Dynamixel take it for the answer, and every position from then on is an old one.
    """
    for part in (device, getattr(device, "left_arm", None), getattr(device, "right_arm", None)):
        port: Any = getattr(getattr(part, "bus", None), "port_handler", None)
        if hasattr(port, "clearPort") and hasattr(port, "ser"):
            port.clearPort = partial(_clear, port, port.clearPort)


def _clear(port: Any, clear: Callable[[], None]) -> None:
    clear()
    port.ser.reset_input_buffer()


def _connect(device: Any) -> None:
    """Connect a device so that it asks nobody; some have no calibration and no word for it."""
    takes_it = "calibrate" in inspect.signature(device.connect).parameters
    device.connect(**({"calibrate": False} if takes_it else {}))


def _parse(arguments: list[str]) -> Any:
    import draccus
    from lerobot.robots import RobotConfig
    from lerobot.teleoperators import TeleoperatorConfig

    # Not a class: draccus reads the annotations as they are, and this file's are text.
    fields: Any = [("robot", RobotConfig), ("teleop", TeleoperatorConfig | None, dataclasses.field(default=None))]
    options = dataclasses.make_dataclass("Options", fields)
    paths = [text for text in arguments if text.startswith("--config_path=")]
    rest = [text for text in arguments if text not in paths]
    path = paths[0].partition("=")[2] if paths else None
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return draccus.parse(options, config_path=path, args=rest)
    except SystemExit:
        # argparse prints all options there are, and what is wrong in its last line.
        text = said.getvalue().strip().rpartition("\n")[2].partition("error: ")[2]
        raise WrongRequestError(f"LeRobot does not take these options: {text}") from None
    except Exception as error:  # noqa: BLE001 - whatever its parsers raise
        raise WrongRequestError(f"LeRobot does not take these options: {' '.join(str(error).split())}") from None


def _build(build: Callable[[Any], Any], config: Any) -> Any:
    try:
        return build(config)
    except Exception as error:  # noqa: BLE001 - whatever a device's constructor raises
        raise WrongRequestError(f"LeRobot cannot build {config.type!r}: {_explain(error)}") from None


def _take_opencv_cameras(robot: Any) -> dict[str, Any]:
    """Take the cameras that lerotool can open itself out of a robot's configuration, and return them.

    LeKiwi's are those of its host, on another computer.
    """
    taken: dict[str, Any] = {}
    if robot.type == _LEKIWI:
        return taken
    for place, prefix in _ARMS.items():
        part: Any = getattr(robot, place, None) if place else robot
        cameras = getattr(part, "cameras", None) or {}
        ours = [name for name, camera in cameras.items() if getattr(camera, "type", None) == _OPENCV]
        taken |= {f"{prefix}{name}": {"type": _OPENCV, **_settings(cameras[name])} for name in ours}
        if ours:
            part.cameras = {name: camera for name, camera in cameras.items() if name not in ours}
    return taken


def _settings(camera: Any) -> dict[str, Any]:
    """Return what differs from the defaults, as JSON can hold it."""
    values = {field.name: (getattr(camera, field.name), field.default) for field in dataclasses.fields(camera)}
    return {
        key: str(value) if isinstance(value, Path) else getattr(value, "value", value)
        for key, (value, default) in values.items()
        if value != default
    }


def _dataset_features(robot: Any) -> dict[str, Any]:
    from lerobot.utils.feature_utils import hw_to_dataset_features

    features = {
        **hw_to_dataset_features(robot.action_features, "action"),
        **hw_to_dataset_features(robot.observation_features, "observation"),
    }
    return {key: {**value, "shape": list(value["shape"])} for key, value in features.items()}


def _map(path: str) -> mmap.mmap:
    """Open the shared file, and remove its name: nothing is left of it when both processes have gone."""
    with Path(path).open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    with contextlib.suppress(PermissionError):  # Windows keeps the names of open files
        Path(path).unlink()
    return mapped


# The process.


class Child:
    """Answers requests about one device."""

    def __init__(self) -> None:
        self.device: Device | None = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request; whatever a device raises is an answer too."""
        try:
            return {"ok": self._do(request)}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the recorder raises it on its side
            role = getattr(error, "role", None)
            return {"error": {"kind": getattr(error, "kind", "device"), "text": _explain(error), "role": role}}

    def _do(self, request: Mapping[str, Any]) -> Any:
        match request["do"]:
            case "list":
                return list_types()
            case "describe":
                self.device = Device(request["arguments"])
                return self.device.describe()
            case "connect":
                return self._open_device.connect(request["shared"])
            case "observe":
                return self._open_device.observe()
            case "act":
                return self._open_device.act()
            case "send":
                return self._open_device.send(request["action"])
            case "close":
                return self.release()
            case other:
                raise WrongRequestError(f"unknown request {other!r}")

    @property
    def _open_device(self) -> Device:
        if self.device is None:
            raise WrongRequestError("no device was described")
        return self.device

    def release(self) -> list[str]:
        """Disconnect everything; returns what failed, in words."""
        return [] if self.device is None else self.device.close()


def main() -> None:
    """Answer until the recorder has gone, then release the robot."""
    sys.path.pop(0)  # this file's folder: its modules must not hide others of the same name
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the recorder's business, which then closes
    channel = Channel()
    logging.basicConfig(level=logging.ERROR)
    child = Child()
    try:
        while (request := channel.receive()) is not None:
            channel.send(child.answer(request))
    finally:
        child.release()


if __name__ == "__main__":
    main()
