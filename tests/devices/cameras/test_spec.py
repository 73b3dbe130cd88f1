"""``NAME=SOURCE[,WxH][,FPS][,mjpeg|h264|raw]``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import UsageError

_NAMES = st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True)
_SIDES = st.integers(16, 4096).map(lambda half: 2 * half)
_SOURCES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip()
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("front=sim", CameraSpec("front", "sim")),
        ("front=sim,640x480", CameraSpec("front", "sim", 640, 480)),
        ("front=sim,60", CameraSpec("front", "sim", fps=60)),
        ("front=sim,320X240,29.97", CameraSpec("front", "sim", 320, 240, 29.97)),
        ("a=clips/one,two=3.mp4,640x480", CameraSpec("a", "clips/one,two=3.mp4", 640, 480)),
        (r"w-1=C:\films\clip.mkv,15", CameraSpec("w-1", r"C:\films\clip.mkv", fps=15)),
        ("n=http://10.0.0.7:81/stream?a=b,c,30", CameraSpec("n", "http://10.0.0.7:81/stream?a=b,c", fps=30)),
        ("b=clip,30,640x480,25", CameraSpec("b", "clip,30", 640, 480, 25)),
        ("c=0,1280x720,30,mjpeg", CameraSpec("c", "0", 1280, 720, 30, InputFormat.MJPEG)),
        ("c=usb:HD Pro, C920,raw", CameraSpec("c", "usb:HD Pro, C920", input_format=InputFormat.RAW)),
        ("c=0,60,h264", CameraSpec("c", "0", fps=60, input_format=InputFormat.H264)),
    ],
)
def test_name_source_size_and_rate_are_recognised(text: str, expected: CameraSpec) -> None:
    assert CameraSpec.parse(text) == expected


@pytest.mark.slow
@given(_NAMES, _SOURCES, st.tuples(_SIDES, _SIDES), st.integers(1, 1000), st.sampled_from([None, *InputFormat]))
def test_any_source_survives_when_size_and_rate_follow(
    name: str, source: str, size: tuple[int, int], fps: int, packed: InputFormat | None
) -> None:
    spec = CameraSpec(name, source, *size, float(fps), packed)
    assert CameraSpec.parse(str(spec)) == spec


@given(st.text())
def test_any_text_is_a_spec_or_a_usage_error_that_shows_the_form(text: str) -> None:
    try:
        spec = CameraSpec.parse(text)
    except UsageError as error:
        hint = error.hint
    else:
        hint = None
        assert spec.key == f"observation.images.{spec.name}"
    assert hint is None or "NAME=SOURCE[,WxH][,FPS][,mjpeg|h264|raw]" in hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no '='"),
        ("sim", "no '='"),
        ("=sim", "camera name ''"),
        ("front cam=sim", "camera name 'front cam'"),
        ("a/b=sim", "camera name 'a/b'"),
        ("für=sim", "camera name 'für'"),
        ("front=", "no source"),
        ("front=,640x480", "no source"),
        ("front=sim,0x480", "size 0x480"),
        ("front=sim,641x480", "size 641x480"),
        ("front=sim,640x99999", "size 640x99999"),
        ("front=sim,0", "0 pictures a second"),
        ("front=sim,1001", "1001 pictures a second"),
    ],
)
def test_a_wrong_spec_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        CameraSpec.parse(text)
