"""A camera that was moved, swapped or covered since the last session is found; one that was not, is not."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from lerotool.benchmarking.clips import to_jpegs
from lerotool.cli.event_words import describe_warning
from lerotool.devices.cameras.camera import open_camera
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.recording.events import ViewsChanged
from lerotool.recording.views import View, changes, compare_views
from tests.patience import PATIENCE_S

HEIGHT, WIDTH = 480, 640


def scene(seed: int, height: int = HEIGHT + 200, width: int = WIDTH + 200) -> np.ndarray:
    """Return things of many sizes and greys on a table, larger than a camera sees."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 120.0)
    for _ in range(60):
        y, x, h, w = rng.integers(0, [height, width, 150, 150])
        picture[y : y + h + 8, x : x + w + 8] = rng.uniform(20, 230)
    return picture


def seen(picture: np.ndarray, down: int = 0, right: int = 0, noise: int = 0, light: float = 1.0) -> View:
    """Return what a camera sees that was moved by so many pixels."""
    part = picture[100 + down : 100 + down + HEIGHT, 100 + right : 100 + right + WIDTH] * light
    part = part + np.random.default_rng(noise).normal(0, 4, part.shape)
    return View.of(np.clip(part, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(("down", "right"), [(0, 10), (-12, 0), (22, 30), (0, -90), (60, 60)])
def test_a_camera_that_was_moved_is_found_with_its_distance(down: int, right: int) -> None:
    for seed in range(3):
        (note,) = changes({"front": seen(scene(seed))}, {"front": seen(scene(seed), down, right, noise=1)})

        distance = float(note.removeprefix("front has moved by about ").removesuffix(" px since the last session"))
        assert distance == pytest.approx(np.hypot(down, right), abs=2)


@pytest.mark.parametrize(("shift", "light"), [(0, 1.0), (4, 1.0), (0, 0.6), (0, 1.2)])
def test_noise_light_and_a_nudge_are_nothing(shift: int, light: float) -> None:
    for seed in range(3):
        assert changes({"front": seen(scene(seed))}, {"front": seen(scene(seed), shift, 0, 1, light)}) == ()


def test_another_scene_and_another_size_are_not_judged() -> None:
    before = {"front": seen(scene(0)), "top": seen(scene(1))}
    small = View.of(scene(1)[:240, :320].astype(np.uint8))

    assert changes(before, {"front": seen(scene(2)), "top": small, "new": seen(scene(3))}) == ()


def test_a_camera_or_a_rotation_that_was_turned_by_half_a_turn_is_named() -> None:
    for seed in range(3):
        before, now = seen(scene(seed)), seen(scene(seed), noise=1)
        turned = View(np.rot90(now.pixels, 2), now.scale)
        (note,) = changes({"front": before}, {"front": turned})
        assert note == "front is upside down: it has been turned by 180 degrees since the last session"
        assert changes({"front": turned}, {"front": turned}) == ()


def test_two_cameras_that_were_swapped_are_named() -> None:
    before = {"front": seen(scene(0)), "wrist": seen(scene(1)), "top": seen(scene(2))}
    now = {"front": seen(scene(1), noise=1), "wrist": seen(scene(0), noise=2), "top": seen(scene(2), noise=3)}

    assert changes(before, now) == ("front and wrist are swapped: each shows what the other did",)


def test_a_dark_camera_is_named_also_in_the_first_session() -> None:
    assert changes({}, {"wrist": seen(scene(0), light=0.05)}) == ("wrist is dark",)


def test_what_cameras_see_is_remembered_and_damage_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / ".lerotool" / "views.json"
    still = scene(0)[:240, :320].astype(np.uint8)
    (tmp_path / "still.mjpeg").write_bytes(b"".join(to_jpegs([still] * 30)))
    with open_camera(CameraSpec.parse(f"front={tmp_path / 'still.mjpeg'},320x240,30")) as camera:
        camera.wait_ready(PATIENCE_S)
        assert compare_views(tmp_path, [camera]) == ()
        assert compare_views(tmp_path, [camera]) == ()
        saved = path.read_text()
        document = json.loads(saved)
        own = document["views"]["front"]
        pixels = np.frombuffer(base64.b64decode(own["pixels"]), np.uint8).reshape(-1, own["width"])
        own["pixels"] = base64.b64encode(np.roll(pixels, 20, axis=1).tobytes()).decode()
        path.write_text(json.dumps(document))
        (note,) = compare_views(tmp_path, [camera])
        assert note == "front has moved by about 20 px since the last session"
        assert describe_warning(ViewsChanged((note,))) == f"{note}: look at the cameras before the first take"
        assert 50_000 < len(saved) < 150_000
        for damaged in ("", "{}", '{"views": {"front": {"width": 7, "scale": 1, "pixels": "AAAA"}}}', saved[:-9]):
            path.write_text(damaged)
            assert compare_views(tmp_path, [camera]) == ()
            assert path.read_text().startswith('{"views":{"front"')
