"""LeRobot's inline camera map."""

from __future__ import annotations

import contextlib
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.cameras.lerobot import parse_camera_map
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import UsageError
from lerotool.media.format import Rotation


def test_a_map_as_lerobots_documentation_has_it_becomes_cameras() -> None:
    text = """{
        front: {type: opencv, index_or_path: 0, width: 1920, height: 1080, fps: 30},
        wrist: {type: opencv, index_or_path: /dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0,
                width: 640, height: 480, fps: 30, fourcc: "MJPG"},
        side: {"type": "opencv", "index_or_path": "/dev/video4", color_mode: rgb, rotation: 0, fourcc: YUYV, backend: 0}
    }"""
    assert parse_camera_map(text) == [
        CameraSpec("front", "0", 1920, 1080, 30),
        CameraSpec(
            "wrist", "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0", 640, 480, 30, InputFormat.MJPEG
        ),
        CameraSpec("side", "/dev/video4", input_format=InputFormat.RAW),
    ]
    assert parse_camera_map("{}") == []


@pytest.mark.parametrize(
    ("written", "rotation", "size"),
    [
        ("90", 90, (640, 480)),
        ("-90", 270, (640, 480)),
        ("180", 180, (480, 640)),
        ("ROTATE_270", 270, (640, 480)),
        ("NO_ROTATION", 0, (480, 640)),
    ],
)
def test_a_rotation_is_kept_and_the_size_is_asked_for_as_the_camera_sends_it(
    written: str, rotation: Rotation, size: tuple[int, int]
) -> None:
    (spec,) = parse_camera_map(
        f"{{a: {{type: opencv, index_or_path: 0, width: 480, height: 640, rotation: {written}}}}}"
    )
    assert spec == CameraSpec("a", "0", *size, rotation=rotation)


@pytest.mark.skipif(sys.platform != "linux", reason="the number of Linux's backend")
def test_the_systems_own_backend_may_be_named_and_another_not() -> None:
    assert parse_camera_map("{a: {type: opencv, index_or_path: 0, backend: 200}}") == [CameraSpec("a", "0")]
    with pytest.raises(UsageError, match="camera 'a': backend 700 is not supported"):
        parse_camera_map("{a: {type: opencv, index_or_path: 0, backend: 700}}")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("3", "expected its settings in braces, found 3"),
        ("{}", "type is missing, expected 'opencv'"),
        ("{type: intelrealsense, serial_number_or_name: '0123'}", "'intelrealsense' is not supported"),
        ("{type: zmq, server_address: 10.0.0.7}", "'zmq' is not supported"),
        ("{type: opencv}", "index_or_path is None"),
        ("{type: opencv, index_or_path: -1}", "index_or_path is -1"),
        ("{type: opencv, index_or_path: true}", "index_or_path is True"),
        ("{type: opencv, index_or_path: {}}", r"index_or_path is \{\}"),
        ("{type: opencv, index_or_path: 0, width: 640.5, height: 480}", "width is 640.5"),
        ("{type: opencv, index_or_path: 0, width: '640', height: 480}", "width is '640'"),
        ("{type: opencv, index_or_path: 0, width: 640}", "width and height go together"),
        ("{type: opencv, index_or_path: 0, fps: true}", "fps is True"),
        ("{type: opencv, index_or_path: 0, rotation: 45}", "rotation 45 is not supported"),
        ("{type: opencv, index_or_path: 0, rotation: [90]}", r"rotation \[90\] is not supported"),
        ("{type: opencv, index_or_path: 0, rotation: false}", "rotation False is not supported"),
        ("{type: opencv, index_or_path: 0, color_mode: bgr}", "color_mode 'bgr' is not supported"),
        ("{type: opencv, index_or_path: 0, warmup_s: 1}", "warmup_s 1 is not supported"),
        ("{type: opencv, index_or_path: 0, fourcc: HEVC}", "fourcc 'HEVC' is not supported"),
        ("{type: opencv, index_or_path: 0, exposure: 3}", "unknown setting 'exposure'"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(settings: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f"camera 'front': {problem}"):
        parse_camera_map(f"{{front: {settings}}}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{a: 1", "expected ',' or '}', but got '<stream end>' at character 6"),
        ("{a: {}, b: {}, a: {}}", "'a' is there twice at character 16"),
        ("{a: {type: opencv, type: opencv, index_or_path: 0}}", "'type' is there twice at character 20"),
        ("{1: {type: opencv, index_or_path: 0}}", "camera 1: expected a name"),
        ("{[1, 2]: 3}", "found unhashable key at character 2"),
        ("{a: !!python/object:os.system {}}", "could not determine a constructor"),
        ("[front]", "expected names and settings in braces"),
        ("{a: " * 5000, "recursion"),
        ("{a: 2001-99-99}", "month must be in 1..12"),
    ],
)
def test_what_is_not_a_camera_map_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as caught:
        parse_camera_map(text)
    assert "index_or_path" in str(caught.value.hint)


@given(st.text("{}[]:,'\"&*!|>%@#-?abc01 \n\t", max_size=60))
def test_no_text_whatever_is_more_than_refused(text: str) -> None:
    for each in (text, f"{{{text}}}", f"{{a: {text}}}"):
        with contextlib.suppress(UsageError):
            parse_camera_map(each)
