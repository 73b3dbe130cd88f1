"""`lerotool setup cameras`: what they deliver, a picture of each, their names."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import av
import pytest

from lerotool.cli.app import run
from lerotool.devices.cameras.backends import CameraDevice, CameraMode
from lerotool.devices.cameras.spec import InputFormat
from lerotool.setup.camera_looks import iter_mode_specs, usual_spec
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.recording.terminal import Terminal
from tests.setup.bench import COMMAND


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))


def saved(folder: Path) -> dict[str, Any]:
    robot = tomllib.loads((folder / "config" / "robots" / "bench.toml").read_text())
    cameras: dict[str, Any] = robot["cameras"]
    return cameras


def test_cameras_given_by_options_are_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a picture that can be opened; the entry is what the camera delivers."""
    options = ["--stills", str(tmp_path / "stills"), "--seconds", "0.5", "--json"]
    with EmulatedCamera(size=(320, 240)) as camera:
        assert run(["setup", "cameras", "bench", "--camera", f"front={camera.url}", *options]) == 0
    [found] = json.loads(capsys.readouterr().out)["cameras"]
    assert (found["delivers"]["width"], found["delivers"]["height"], found["delivers"]["codec"]) == (320, 240, "mjpeg")
    assert found["delivers"]["measured_fps"] > 5
    assert saved(tmp_path)["front"]["source"] == camera.url
    assert (saved(tmp_path)["front"]["width"], saved(tmp_path)["front"]["fps"]) == (320, 30.0)
    with av.open(found["still"]) as still:
        assert next(still.decode(video=0)).width == 320


def test_a_camera_that_is_not_there_does_not_keep_the_others_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told and not kept; exit code 7."""
    options = ["--stills", str(tmp_path), "--seconds", "0.3"]
    with EmulatedCamera() as camera:
        given = ["--camera", "top=http://127.0.0.1:9/none", "--camera", f"front={camera.url}"]
        assert run(["setup", "cameras", "bench", *given, *options]) == 7
    assert "127.0.0.1:9" in capsys.readouterr().err
    assert list(saved(tmp_path)) == ["front"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench"], "give --camera"),
        (["bench", "--camera", "front"], "has no '='"),
        (["bench", "--camera", "a=sim", "--camera", "a=sim"], "--camera a is given twice"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the option that it is about."""
    assert run(["setup", "cameras", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")
def test_a_camera_is_named_at_the_terminal(tmp_path: Path) -> None:
    """The first is front by default; a name that is taken is asked about; what is named is kept when stopped."""
    arguments = ["cameras", "bench", "--stills", str(tmp_path), "--seconds", "0.3"]
    environment = {"LEROTOOL_CONFIG": str(tmp_path / "config")}
    with (
        EmulatedCamera() as first,
        EmulatedCamera() as second,
        Terminal([*COMMAND, *arguments], environment) as terminal,
    ):
        terminal.read_until("Address of a network camera")
        terminal.type(first.url.encode() + b"\n")
        terminal.read_until("What is it called? (front, wrist, …; -: do not use it) [front]:")
        terminal.type(b"\n")
        terminal.read_until("Address of a network camera")
        terminal.type(second.url.encode() + b"\n")
        terminal.read_until("[wrist]:")
        terminal.type(b"front\n")
        terminal.read_until("so far; use this one instead? [y/N]:")
        terminal.type(b"\n")
        terminal.read_until("[wrist]:")
        terminal.type(b"-\n")
        terminal.read_until("Address of a network camera")
        terminal.type(b"http://127.0.0.1:9/none\n")
        terminal.read_until("warning:")
        terminal.read_until("Address of a network camera")
        terminal.type(b"\x03")
        terminal.read_until("Go on with: lerotool setup cameras bench")
        assert terminal.wait() == 130
    assert saved(tmp_path)["front"]["source"] == first.url
    assert len(saved(tmp_path)) == 1


def test_a_camera_is_asked_for_what_is_usual_if_it_has_it() -> None:
    """640x480 at 30; else what it likes. Every mode once at its highest rate on request."""
    modes = (CameraMode("mjpeg", 1280, 720, (30.0, 15.0)), CameraMode("YUYV", 640, 480, (30.0,)))
    device = CameraDevice("C", "/dev/video0", "/dev/v4l/by-id/c", modes)
    assert (usual_spec("a", device).size, usual_spec("a", device).fps) == ((640, 480), 30.0)
    plain = CameraDevice("C", "/dev/video0", "/dev/v4l/by-id/c", modes[:1])
    assert usual_spec("a", plain).size is None
    specs = list(iter_mode_specs("a", device))
    assert [(spec.size, spec.fps, spec.input_format) for spec in specs] == [
        ((1280, 720), 30.0, InputFormat.MJPEG),
        ((640, 480), 30.0, InputFormat.RAW),
    ]
