"""libav's real Video4Linux device against a driver that is preloaded between it and the kernel."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lerotool.devices.cameras import camera as camera_module
from lerotool.devices.cameras.camera import CameraSpec, CameraState, open_camera
from lerotool.devices.cameras.v4l2 import query_modes
from lerotool.devices.config import CameraConfig
from lerotool.errors import LerotoolError
from tests.devices.cameras.parts import MemoryWriter, jpeg, numbers_of, wait_until
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None or not Path("/usr/include/linux/videodev2.h").exists(),
    reason="needs Linux and a C compiler with the kernel's headers",
)

_NODE = "/dev/video77"
# linux/v4l2-controls.h
_CONTROLS = {
    "exposure_auto": 0x009A0901,
    "exposure_absolute": 0x009A0902,
    "gain": 0x00980913,
    "auto_white_balance": 0x0098090C,
    "white_balance_temperature": 0x0098091A,
}
Play = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("driver") / "driver.so"
    source = Path(__file__).with_name("v4l2_driver.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", target, source, "-ldl"], check=True)
    return target


@pytest.fixture
def play(driver: Path, tmp_path: Path) -> Play:
    """Give a function that runs one of the plays below in a process with the driver, and returns what it found."""
    store, pictures = tmp_path / "store", tmp_path / "pictures"
    store.write_bytes(bytes(4 << 20))
    pictures.write_bytes(b"".join(struct.pack("<I", len(jpeg(k))) + jpeg(k) for k in range(200)))

    def run(
        name: str, text: str, *, formats: str = "MJPG,YUYV", size: str = "64x32", fps: int = 100, fault: str = ""
    ) -> dict[str, Any]:
        environment = {
            **os.environ,
            "LD_PRELOAD": str(driver),
            "DRIVER_NODE": _NODE,
            "DRIVER_STORE": str(store),
            "DRIVER_PICTURES": str(pictures),
            "DRIVER_FORMATS": formats,
            "DRIVER_SIZE": size,
            "DRIVER_FPS": str(fps),
            "DRIVER_FAULT": fault,
        }
        ended = subprocess.run(
            [sys.executable, "-m", __name__, name, text], env=environment, capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return found

    return run


def _record(text: str) -> dict[str, Any]:
    """Record 20 pictures and look at them."""
    with open_camera(CameraSpec.parse(text)) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(20)
        camera.end()
        counts = camera.statistics
        is_jpeg = camera.format.codec == "mjpeg"
        stamps = [stamp for _, stamp, _ in writer.packets]
        return {
            "codec": camera.format.codec,
            "size": [camera.format.width, camera.format.height],
            "fps": camera.format.fps,
            "notes": camera.notes,
            "numbers": numbers_of(writer.data) if is_jpeg else [len(data) for data in writer.data],
            "exact": is_jpeg and writer.data == [jpeg(number) for number in numbers_of(writer.data)],
            "intervals": [after - before for before, after in itertools.pairwise(stamps)],
            "empty": counts.empty,
        }


def _lose(text: str) -> dict[str, Any]:
    """Read until the camera is lost, plug it in again and record."""
    with open_camera(CameraSpec.parse(text)) as camera:
        camera.wait_ready(PATIENCE_S)
        wait_until(lambda: camera.is_lost)
        reason = camera.lost_reason
        os.environ["DRIVER_FAULT"] = ""  # the driver looks at it every time
        camera.reopen()
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(20)
        camera.end()
        return {"reason": reason, "numbers": numbers_of(writer.data)}


def _hang(text: str) -> dict[str, Any]:
    """Close a camera that sends nothing any more, and whose driver never returns."""
    camera_module._JOIN_S = 0.5
    camera = open_camera(CameraSpec.parse(text))
    camera.wait_ready(PATIENCE_S)
    wait_until(lambda: camera.state is CameraState.STALLED)
    began = time.monotonic()
    try:
        camera.close()
    except LerotoolError as error:
        return {"kind": type(error).__name__, "text": str(error), "quick": time.monotonic() - began < 20}
    return {}


def _controls(text: str) -> dict[str, Any]:
    """Record with a robot's settings of a camera, and read what its driver was left with."""
    import fcntl

    with open_camera(CameraConfig(source=_NODE, **json.loads(text)).to_spec("a")) as camera:
        camera.wait_ready(PATIENCE_S)
        handle = os.open(_NODE, os.O_RDWR)
        left = {}
        for name, number in _CONTROLS.items():
            left[name] = struct.unpack("Ii", fcntl.ioctl(handle, 0xC008561B, struct.pack("Ii", number, 0)))[1]
        os.close(handle)
        return {**left, "size": [camera.format.width, camera.format.height]}


def _modes(_: str) -> dict[str, Any]:
    return {"modes": [str(mode) for mode in query_modes(Path(_NODE)) or ()]}


def _guarded(play: Callable[[str], dict[str, Any]], text: str) -> dict[str, Any]:
    try:
        return play(text)
    except LerotoolError as error:
        return {"kind": type(error).__name__, "text": str(error), "hint": error.hint}


def test_motion_jpeg_packets_are_what_the_camera_sent_with_the_drivers_times(play: Play) -> None:
    found = play("_record", f"a={_NODE},64x32,100")
    assert (found["codec"], found["size"], found["fps"], found["notes"]) == ("mjpeg", [64, 32], 100.0, [])
    numbers = found["numbers"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert found["exact"]
    # The driver's stamps are exactly on its grid, to a microsecond; arrivals never are.
    assert {round(interval / 1e7, 3) for interval in found["intervals"]} == {1.0}


def test_a_camera_without_motion_jpeg_is_taken_raw_and_tells_so(play: Play) -> None:
    found = play("_record", f"a={_NODE},64x32,100", formats="YUYV")
    assert found["codec"] == "rawvideo"
    assert set(found["numbers"]) == {64 * 32 * 3 // 2}
    assert "uncompressed pictures (yuyv422)" in found["notes"][0]
    assert play("_record", f"a={_NODE},64x32,100,raw")["notes"] == []


@pytest.mark.slow
def test_what_the_driver_changes_silently_is_seen(play: Play) -> None:
    found = play("_record", f"a={_NODE},64x32,30", fps=120)
    assert found["notes"] == [f"camera 'a': {_NODE} delivers 120 pictures a second, asked for 30"]
    found = play("_record", f"a={_NODE},640x480,100")
    assert (found["kind"], found["text"]) == ("DeviceError", f"camera 'a': {_NODE} delivers 64x32, asked for 640x480")
    assert play("_record", f"a={_NODE},h264")["notes"] == [f"camera 'a': {_NODE} delivers mjpeg, asked for h264"]


def test_damaged_transfers_are_counted_and_left_out(play: Play) -> None:
    found = play("_record", f"a={_NODE},64x32,100", fault="damaged")
    numbers = found["numbers"]
    assert found["empty"] in (4, 5)
    assert [number for number in numbers if number % 5 == 4] == []
    assert numbers == sorted(set(numbers))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [("busy", "DeviceBusyError", "is in use by"), ("bandwidth", "DeviceError", "not enough USB bandwidth")],
)
def test_a_refusal_of_the_driver_is_explained(play: Play, fault: str, kind: str, text: str) -> None:
    found = play("_record", f"a={_NODE},64x32,100", fault=fault)
    assert found["kind"] == kind
    assert text in found["text"]


def test_an_unplugged_camera_is_lost_and_can_be_opened_again(play: Play) -> None:
    found = play("_lose", f"a={_NODE},64x32,100", fault="unplug")
    assert found["reason"].startswith(f"{_NODE} was unplugged")
    numbers = found["numbers"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_without_a_size_the_drivers_choice_is_taken_as_its_pictures_say(play: Play) -> None:
    found = play("_record", f"a={_NODE}")  # 640x480 is asked for; libav takes 64x32 for half of an interlaced 64x64
    assert (found["size"], found["exact"]) == ([64, 32], True)


def test_a_driver_that_never_returns_hangs_neither_closing_nor_the_process(play: Play) -> None:
    found = play("_hang", f"a={_NODE},64x32,100", fault="silent")
    assert found == {"kind": "DeviceTimeoutError", "text": "camera 'a' did not stop within 0.5 s", "quick": True}


def test_modes_are_read_from_the_kernels_own_structures(play: Play) -> None:
    assert play("_modes", "")["modes"] == ["mjpeg 64x32 at 100", "YUYV 64x32 at 100"]


def test_controls_of_a_robots_file_are_set_in_the_driver_when_the_camera_is_opened(play: Play) -> None:
    untouched = {
        "exposure_auto": 3,
        "exposure_absolute": 250,
        "gain": 64,
        "auto_white_balance": 1,
        "white_balance_temperature": 4000,
        "size": [64, 32],
    }
    assert play("_controls", "{}") == untouched
    assert play("_controls", '{"exposure": 12.5, "gain": 7, "white_balance": 5000, "rotation": 90}') == {
        "exposure_auto": 1,
        "exposure_absolute": 125,
        "gain": 7,
        "auto_white_balance": 0,
        "white_balance_temperature": 5000,
        "size": [32, 64],
    }
    assert play("_controls", '{"exposure": "auto", "white_balance": "auto"}') == untouched


@pytest.mark.parametrize(
    ("fault", "settings", "text", "hint"),
    [
        ("", '{"exposure": 900}', "exposure is 900, expected 0.3 ms to 204.7 ms in steps of 0.1 ms", "file"),
        ("", '{"exposure": 10.05}', "exposure is 10.05, expected 0.3 ms to 204.7 ms", "file"),
        ("", '{"gain": 256}', "gain is 256, expected 0 to 255", "file"),
        ("", '{"white_balance": 4005}', "white_balance is 4005, expected 2800 K to 6500 K in steps of 10 K", "file"),
        ("plain", '{"exposure": 10}', "has no exposure that can be set", "remove exposure"),
        ("plain", '{"white_balance": "auto"}', "has no automatic white balance", "remove white_balance"),
        ("stubborn", '{"gain": 100}', "took gain 50 in place of 100", "set gain to that"),
    ],
)
def test_a_control_that_the_camera_cannot_have_is_an_error(
    play: Play, fault: str, settings: str, text: str, hint: str
) -> None:
    found = play("_controls", settings, fault=fault)
    assert found["kind"] == "DeviceError"
    assert found["text"].startswith(f"camera 'a': {_NODE}")
    assert text in found["text"]
    assert hint in found["hint"]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_guarded(globals()[sys.argv[1]], sys.argv[2])) + "\n")
