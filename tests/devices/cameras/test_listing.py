"""Which cameras there are: a Linux file tree as udev makes it, and a kernel that answers as videodev2.h says."""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lerotool.devices.cameras import listing
from lerotool.devices.cameras.backends import BACKENDS, CameraDevice, CameraMode
from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.devices.cameras.listing import find_camera, pin_camera
from lerotool.devices.cameras.spec import InputFormat
from lerotool.devices.cameras.v4l2 import list_devices, query_modes
from lerotool.errors import DeviceNotFoundError, UsageError

_MODES = (CameraMode("mjpeg", 640, 480, (30.0, 15.0)),)


@dataclass
class Tree:
    """``/dev`` and ``/sys`` with cameras. Every second node of a camera is for metadata."""

    root: Path
    pictures: set[Path] = field(default_factory=set)
    count: int = 0

    def plug(self, name: str, serial: str, socket: str, *, by_id: str | None) -> str:
        """Plug a camera in and return the path of its picture node."""
        usb = self.root / "sys/devices" / f"usb-{socket}"
        (usb / "interface").mkdir(parents=True)
        for file, text in (("idVendor", "046d"), ("idProduct", "082d"), ("serial", serial)):
            (usb / file).write_text(text + "\n")
        first = self.count
        for index in range(2):
            node = self.root / f"dev/video{self.count}"
            node.parent.mkdir(exist_ok=True)
            node.touch()
            folder = self.root / "sys/class/video4linux" / node.name
            folder.mkdir(parents=True)
            (folder / "name").write_text(name + "\n")
            (folder / "index").write_text(f"{index}\n")
            (folder / "device").symlink_to(usb / "interface")
            self._link("by-path", f"pci-0000:00:14.0-usb-0:{socket}:1.0-video-index{index}", node)
            if by_id is not None:
                self._link("by-id", f"usb-{by_id}-video-index{index}", node)
            self.count += 1
        self.pictures.add(self.root / f"dev/video{first}")
        return str(self.root / f"dev/video{first}")

    def _link(self, kind: str, name: str, node: Path) -> None:
        folder = self.root / "dev/v4l" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(Path("../..") / node.name)

    def list(self) -> tuple[CameraDevice, ...]:
        return list_devices(self.root, lambda path: _MODES if path in self.pictures else None)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_camera_is_named_by_its_id_and_its_metadata_node_is_left_out(tree: Tree) -> None:
    path = tree.plug("HD Pro Webcam C920", "A1", "2", by_id="046d_C920_A1")
    (camera,) = tree.list()
    stable = tree.root / "dev/v4l/by-id/usb-046d_C920_A1-video-index0"
    assert camera == CameraDevice("HD Pro Webcam C920", path, str(stable), _MODES)


def test_two_cameras_that_cannot_be_told_apart_are_named_by_their_sockets(tree: Tree) -> None:
    paths = [
        tree.plug("USB Camera", "", "1", by_id="Generic"),
        tree.plug("USB Camera", "", "2", by_id=None),
        tree.plug("USB Camera", "Z9", "3", by_id="Generic_Z9"),
    ]
    cameras = tree.list()
    assert [camera.path for camera in cameras] == paths
    names = [Path(camera.stable_path).relative_to(tree.root / "dev/v4l").as_posix() for camera in cameras]
    assert names == [
        "by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
        "by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0",
        "by-id/usb-Generic_Z9-video-index0",
    ]


def test_cameras_are_in_the_order_of_their_numbers_and_a_bare_one_keeps_its_path(tree: Tree) -> None:
    for number in (10, 9):
        folder = tree.root / f"sys/class/video4linux/video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"camera {number}")
        tree.pictures.add(tree.root / f"dev/video{number}")
    assert [(camera.name, camera.stable_path) for camera in tree.list()] == [
        (f"camera {number}", str(tree.root / f"dev/video{number}")) for number in (9, 10)
    ]


def test_a_computer_without_cameras_has_none(tmp_path: Path) -> None:
    assert list_devices(tmp_path) == ()


class Kernel:
    """Answers a camera's enumerations as the kernel does (linux/videodev2.h)."""

    def __init__(self, capabilities: int, node_capabilities: int) -> None:
        self.capabilities, self.node_capabilities = capabilities, node_capabilities
        self.formats: list[bytes] = [b"MJPG", b"YUYV", b"H264"]
        self.sizes: dict[bytes, list[tuple[int, ...]]] = {
            b"MJPG": [(1, 640, 480), (1, 1280, 720)],
            b"YUYV": [(3, 160, 1280, 16, 120, 720, 8)],
            b"H264": [(1, 1920, 1080)],
        }
        self.intervals: list[tuple[int, ...]] = [(1, 1, 30), (1, 1, 60), (1, 2, 15)]

    def ioctl(self, handle: int, request: int, answer: bytearray) -> int:
        os.fstat(handle)
        assert len(answer) == request >> 16 & 0x3FFF, "the size that the request's number says"
        match request & 0xFF:
            case 0:
                struct.pack_into("3I", answer, 80, 6, self.capabilities, self.node_capabilities)
            case 2:
                index, kind = struct.unpack_from("2I", answer)
                assert kind == 1
                answer[44:48] = self._pick(self.formats, index)
            case 74:
                index, code = struct.unpack_from("2I", answer)
                kind, *numbers = self._pick(self.sizes[code.to_bytes(4, "little")], index)
                struct.pack_into(f"{1 + len(numbers)}I", answer, 8, kind, *numbers)
            case 75:
                index, _, width, height = struct.unpack_from("4I", answer)
                assert width > height > 0
                struct.pack_into("3I", answer, 16, *self._pick(self.intervals, index))
        return 0

    @staticmethod
    def _pick(items: list, index: int) -> object:  # type: ignore[type-arg]
        if index >= len(items):
            raise OSError(errno.EINVAL, "Invalid argument")
        return items[index]


@pytest.fixture
def node(tmp_path: Path) -> Path:
    path = tmp_path / "video0"
    path.touch()
    return path


def test_the_kernel_tells_formats_sizes_and_rates(node: Path) -> None:
    modes = query_modes(node, Kernel(0x84A00001, 0x04200001).ioctl)
    rates = (60.0, 30.0, 7.5)
    assert modes == (
        CameraMode("mjpeg", 640, 480, rates),
        CameraMode("mjpeg", 1280, 720, rates),
        CameraMode("YUYV", 640, 480, rates),
        CameraMode("YUYV", 1280, 720, rates),
        CameraMode("h264", 1920, 1080, rates),
    )
    assert str(modes[2]) == "YUYV 640x480 at 60, 30, 7.5"
    assert [mode.input_format for mode in modes[1:]] == [
        InputFormat.MJPEG,
        InputFormat.RAW,
        InputFormat.RAW,
        InputFormat.H264,
    ]


@pytest.mark.parametrize(
    ("whole", "own", "is_camera"),
    [(0x84A00001, 0x04A00000, False), (0x04200001, 0, True), (0x04200002, 0, False)],
    ids=["metadata node", "old driver", "old output"],
)
def test_only_nodes_that_deliver_pictures_are_cameras(node: Path, whole: int, own: int, is_camera: bool) -> None:
    assert (query_modes(node, Kernel(whole, own).ioctl) is not None) is is_camera


def test_what_is_no_video_device_is_no_camera(node: Path) -> None:
    assert query_modes(node) is None
    assert query_modes(node.with_name("video7")) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open everything")
def test_a_node_that_may_not_be_opened_is_listed(node: Path) -> None:
    node.chmod(0)
    assert query_modes(node) == ()


_PLUGGED = (
    CameraDevice("HD Pro Webcam C920", "/dev/video0", "/dev/v4l/by-id/c920", _MODES),
    CameraDevice("USB Camera", "/dev/video2", "/dev/v4l/by-path/a"),
    CameraDevice("USB Camera", "/dev/video4", "/dev/v4l/by-path/b"),
)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "list_cameras", lambda: _PLUGGED)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("0", "/dev/video0"),
        ("07", "/dev/video7"),
        ("/dev/video2", "/dev/video2"),
        ("usb:HD Pro Webcam C920", "/dev/video0"),
        ("USB: c920", "/dev/video0"),
        ("usb:/dev/video4", "/dev/video4"),
    ],
)
def test_a_camera_is_found_by_what_a_person_calls_it(source: str, path: str) -> None:
    assert find_camera("front", source) == path


@pytest.mark.usefixtures("plugged")
def test_what_is_not_there_or_not_clear_is_told_with_what_is_there() -> None:
    with pytest.raises(DeviceNotFoundError, match="camera 'front': no camera is called 'Kinect'") as missing:
        find_camera("front", "usb:Kinect")
    assert "HD Pro Webcam C920 (/dev/v4l/by-id/c920)" in str(missing.value.hint)
    with pytest.raises(UsageError, match="2 cameras are called 'USB Camera'") as several:
        find_camera("front", "usb:USB Camera")
    assert several.value.hint == "USB Camera is /dev/v4l/by-path/a; USB Camera is /dev/v4l/by-path/b"
    with pytest.raises(DeviceNotFoundError, match="no camera is called ''"):
        find_camera("front", "usb:")


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("source", "pinned"),
    [
        ("0", "/dev/v4l/by-id/c920"),
        ("usb:c920", "/dev/v4l/by-id/c920"),
        ("/dev/video4", "/dev/v4l/by-path/b"),
        ("/dev/v4l/by-path/a", "/dev/v4l/by-path/a"),
        ("9", "9"),
    ],
)
def test_a_source_is_pinned_to_the_camera_that_it_means_now(source: str, pinned: str) -> None:
    spec = CameraSpec("front", source, 640, 480, 30)
    assert pin_camera(spec) == CameraSpec("front", pinned, 640, 480, 30)


@dataclass
class Listed:
    """A camera as PyAV lists it."""

    name: str
    description: str
    media_types: list[str] = field(default_factory=lambda: ["video"])


_C270 = r"@device_pnp_\\?\usb#vid_0c45&pid_0415&mi_00#7&19dcab1e&0&0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global"
_DELL = r"@device_pnp_\\?\usb#vid_413c&pid_c022&mi_00#9&771f23d&0&0000#{65e8773d-8f56-11d0-a3b9-00a0c9223196}\global"
_MICROPHONE = r"@device_cm_{33D9A762-90C8-11D0-BD43-00A0C911CE86}\wave_{7FD05CD2-493B-49AA-BFE2-C091EB64D594}"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[Listed]:
    """Two cameras that Windows calls the same, and a microphone: alternative names as FFmpeg has printed them."""
    found = [
        Listed(_DELL, "USB Video Device"),
        Listed(_C270, "USB Video Device"),
        Listed(_MICROPHONE, "Microphone (Conexant ISST Audio)", ["audio"]),
    ]
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(listing, "choose_backend", lambda: BACKENDS["win32"])
    monkeypatch.setattr(listing, "list_input_devices", lambda backend: found if backend == "dshow" else [])
    return found


@pytest.mark.usefixtures("windows")
def test_on_windows_cameras_of_one_name_are_known_by_their_alternative_names() -> None:
    cameras = listing.list_cameras()
    assert [(camera.name, camera.path) for camera in cameras] == [
        ("USB Video Device", _DELL),
        ("USB Video Device", _C270),
    ]
    for camera in cameras:
        assert camera.stable_path == f"usb:{camera.path}"
        assert find_camera("front", camera.stable_path) == camera.path
    spec = pin_camera(CameraSpec("front", "1", 640, 480))
    assert spec == CameraSpec("front", f"usb:{_C270}", 640, 480)
    assert find_camera("front", spec.source) == _C270


def test_on_windows_a_camera_that_was_alone_is_not_taken_for_one_that_was_plugged_in_later(
    windows: list[Listed],
) -> None:
    later = windows.pop(0)
    (alone,) = listing.list_cameras()
    assert alone.stable_path == "usb:USB Video Device"
    windows.insert(0, later)
    with pytest.raises(UsageError, match="2 cameras are called 'USB Video Device'") as caught:
        find_camera("front", alone.stable_path)
    assert f"usb:{_C270}" in str(caught.value.hint)


_PROFILE = """{
  "SPCameraDataType" : [
    {
      "_name" : "%s",
      "spcamera_model-id" : "UVC Camera VendorID_3141 ProductID_25446",
      "spcamera_unique-id" : "0x21000000c456366"
    },
    {
      "_name" : "FaceTime HD Camera (Display)",
      "spcamera_model-id" : "UVC Camera VendorID_1452 ProductID_4370",
      "spcamera_unique-id" : "0x4015000005ac1112"
    },
    {
      "_name" : "%s",
      "spcamera_model-id" : "UVC Camera VendorID_1452 ProductID_34304",
      "spcamera_unique-id" : "0x1420000005ac8600"
    }
  ]
}
"""
"""The form and the ids are those that Macs have printed; which cameras stand side by side is made up."""


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> list[Listed]:
    """Cameras as libav's AVFoundation device lists them: by number, with the screen after them."""
    found = [Listed(str(number), name) for number, name in enumerate(["BRIO", "FaceTime HD Camera (Display)", "BRIO"])]
    found.append(Listed("3", "Capture screen 0"))
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(listing, "choose_backend", lambda: BACKENDS["darwin"])
    monkeypatch.setattr(listing, "list_input_devices", lambda backend: found if backend == "avfoundation" else [])
    monkeypatch.setattr(listing, "ask_macos", lambda: _PROFILE % ("BRIO", "BRIO"))
    return found


def test_on_macos_cameras_of_one_name_are_known_by_their_unique_ids(mac: list[Listed]) -> None:
    assert [(camera.path, camera.stable_path) for camera in listing.list_cameras()] == [
        ("0", "usb:0x21000000c456366"),
        ("1", "usb:FaceTime HD Camera (Display)"),
        ("2", "usb:0x1420000005ac8600"),
        ("3", "usb:Capture screen 0"),
    ]
    spec = pin_camera(CameraSpec("front", "2"))
    assert spec.source == "usb:0x1420000005ac8600"
    # libav numbers them in another way after a camera was plugged in.
    mac.insert(0, mac.pop(1))
    for number, camera in enumerate(mac):
        camera.name = str(number)
    assert find_camera("front", spec.source) == "2"
    assert find_camera("front", "usb:0x21000000c456366") == "1"
    assert find_camera("front", "usb:0x4015000005ac1112") == "0"


@pytest.mark.usefixtures("mac")
@pytest.mark.parametrize("text", ["", "{", "[]", '{"SPCameraDataType": 3}', _PROFILE % ("BRIO", "Other")])
def test_on_macos_a_list_of_ids_that_does_not_fit_is_not_guessed_from(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(listing, "ask_macos", lambda: text)
    stable = [camera.stable_path for camera in listing.list_cameras()]
    assert stable == ["usb:0", "usb:FaceTime HD Camera (Display)", "usb:2", "usb:Capture screen 0"]


def test_other_files_below_dev_are_files() -> None:
    with pytest.raises(DeviceNotFoundError, match=r"camera 'front': no file '/dev/shm/clip.mp4'"):
        open_camera(CameraSpec.parse("front=/dev/shm/clip.mp4"))


@pytest.mark.skipif(not Path("/dev").is_dir(), reason="no /dev")
@pytest.mark.parametrize("source", ["99", "/dev/video99", "/dev/v4l/by-id/nothing"])
def test_a_camera_that_is_not_plugged_in_is_named(source: str) -> None:
    with pytest.raises(DeviceNotFoundError, match=r"camera 'front': /dev/.* is not there"):
        open_camera(CameraSpec.parse(f"front={source},640x480,30"))
