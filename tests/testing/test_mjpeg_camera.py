"""The emulated network camera: what it sends, and what it counts of its own faults."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from lerotool.errors import DeviceLostError, UsageError
from lerotool.testing.mjpeg_camera import Counts, EmulatedCamera
from tests.devices.cameras.parts import jpeg, numbers_of, wait_until
from tests.patience import PATIENCE_S


@pytest.fixture
def camera() -> Iterator[EmulatedCamera]:
    with EmulatedCamera(size=(64, 32), fps=250) as emulated:
        yield emulated


def _parts(camera: EmulatedCamera) -> Iterator[bytes]:
    """Yield the bodies of a stream's parts."""
    with urlopen(camera.url, timeout=PATIENCE_S) as stream:
        while stream.readline():
            assert stream.readline() == b"Content-Type: image/jpeg\r\n"
            length = int(stream.readline().removeprefix(b"Content-Length: "))
            assert stream.readline() == b"\r\n"
            yield stream.read(length)
            assert stream.readline() == b"\r\n"


def test_every_connection_gets_numbered_pictures_from_0_on(camera: EmulatedCamera) -> None:
    for connections in (1, 2):
        assert numbers_of(list(islice(_parts(camera), 20))) == list(range(20))
        assert camera.counts().connections == connections


def test_faults_hit_every_nth_picture(camera: EmulatedCamera) -> None:
    camera.faults(cut_every=4, empty_every=6, late_every=7, late_s=0.01)
    bodies = list(islice(_parts(camera), 25))
    assert [number for number, body in enumerate(bodies) if not body] == [6, 12, 18, 24]
    cut = [number for number, body in enumerate(bodies) if body and not body.endswith(b"\xff\xd9")]
    assert cut == [4, 8, 16, 20]
    assert bodies[4] == jpeg(4)[: len(jpeg(4)) // 2]
    wait_until(lambda: camera.counts().late >= 3)


def test_a_frozen_camera_repeats_its_last_whole_picture(camera: EmulatedCamera) -> None:
    stream = _parts(camera)
    assert numbers_of([next(stream)]) == [0]
    camera.faults(frozen=True)
    wait_until(lambda: camera.counts().frozen >= 10)
    camera.faults(frozen=False, stall=True)
    counts = camera.counts()
    numbers = numbers_of(list(islice(stream, counts.sent - 1)))
    repeats = sum(one == other for one, other in zip([0, *numbers], numbers, strict=False))
    assert repeats == counts.frozen
    stream.close()


def test_an_unplugged_camera_keeps_its_port(camera: EmulatedCamera) -> None:
    for _ in range(2):
        camera.unplug()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", urlsplit(camera.url).port))
    camera.replug()
    assert numbers_of(list(islice(_parts(camera), 2))) == [0, 1]


def test_a_disconnected_viewer_may_come_back_and_an_unplugged_one_not(camera: EmulatedCamera) -> None:
    stream = _parts(camera)
    next(stream)
    camera.disconnect()
    for body in stream:
        assert body.endswith(b"\xff\xd9")
    next(islice(_parts(camera), 1))
    camera.unplug()
    with pytest.raises(OSError, match="refused"):
        next(_parts(camera))
    camera.replug()
    assert numbers_of(list(islice(_parts(camera), 2))) == [0, 1]
    assert camera.counts().connections == 3


def test_nothing_is_counted_before_anybody_looks(camera: EmulatedCamera) -> None:
    assert camera.counts() == Counts()


def test_an_unknown_fault_is_refused(camera: EmulatedCamera) -> None:
    with pytest.raises(UsageError, match="no fault 'explode'"):
        camera.faults(explode=True)


def test_a_closed_camera_says_so() -> None:
    camera = EmulatedCamera(size=(64, 32))
    camera.close()
    camera.close()
    with pytest.raises((DeviceLostError, ValueError)):
        camera.counts()


def test_it_serves_from_the_command_line_until_interrupted() -> None:
    command = [sys.executable, "-m", "lerotool.testing.mjpeg_camera", "--fps", "250", "--size", "64x32", "--numbered"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with urlopen(json.loads(process.stdout.readline())["url"], timeout=PATIENCE_S) as stream:
            assert stream.readline() == b"--frame\r\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_wrong_size_is_a_usage_error() -> None:
    command = [sys.executable, "-m", "lerotool.testing.mjpeg_camera", "--size", "7x7"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert ended.returncode == 2
    assert "size 7x7" in ended.stderr
