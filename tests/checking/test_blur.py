"""A camera out of focus in an episode is found from a stated blur on, by the other episodes of the camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lerotool
from lerotool import DatasetWriter, EncoderSettings
from lerotool.checking.quality.cameras import sharpness
from lerotool.findings import Code

CAMERA = "observation.images.front"
HEIGHT, WIDTH = 120, 160
FEATURES: dict[str, Any] = {
    "action": {"dtype": "float32", "shape": (1,), "names": ["pan.pos"]},
    CAMERA: {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]},
}
FOUND_PX, NOT_FOUND_PX = 1.5, 0.5
QUICK = EncoderSettings(vcodec="h264", crf=18, g=2, preset="veryfast")


def scene(seed: int) -> np.ndarray:
    """Return a picture of boxes with grain, uint8 (height, width, 3): other boxes for every seed."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 120.0)
    for _ in range(40):
        top, left = rng.integers(0, HEIGHT - 20), rng.integers(0, WIDTH - 20)
        high, wide = rng.integers(4, 20, 2)
        picture[top : top + high, left : left + wide] = rng.integers(30, 220, 3)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def out_of_focus(picture: np.ndarray, deviation_px: float) -> np.ndarray:
    """Return a picture through a Gaussian blur."""
    height, width, _ = picture.shape
    down, across = np.fft.fftfreq(height)[:, None, None], np.fft.fftfreq(width)[None, :, None]
    kernel = np.exp(-2 * (np.pi * deviation_px) ** 2 * (down**2 + across**2))
    values = np.fft.ifft2(np.fft.fft2(picture, axes=(0, 1)) * kernel, axes=(0, 1)).real
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def written(root: Path, pictures: Sequence[np.ndarray], encoder: EncoderSettings = QUICK) -> Path:
    """Write an episode of four rows with each picture."""
    features = {**FEATURES, CAMERA: {**FEATURES[CAMERA], "shape": pictures[0].shape}}
    with DatasetWriter.create(root, fps=30, features=features, encoder=encoder, jobs=1, batch=len(pictures)) as writer:
        for episode, picture in enumerate(pictures):
            for frame in range(4):
                writer.add_frame({"action": np.array([10 * episode + frame], np.float32), CAMERA: picture}, task="look")
            writer.save_episode()
    return root


def blurred(root: Path) -> dict[int, str]:
    """Return the text of what was found by episode."""
    found = [finding for finding in lerotool.check_quality(root).findings if finding.code is Code.CAMERA_BLURRED]
    assert all(finding.features == (CAMERA,) for finding in found)
    return {number: finding.text for finding in found for number in finding.episodes}


def test_an_episode_out_of_focus_is_found_and_a_softer_one_is_not(tmp_path: Path) -> None:
    pictures = [scene(seed) for seed in range(7)]
    pictures[2] = out_of_focus(pictures[2], FOUND_PX)
    pictures[5] = out_of_focus(pictures[5], NOT_FOUND_PX)
    found = blurred(written(tmp_path / "set", pictures))
    assert list(found) == [2]
    assert "of what the camera shows in most episodes" in found[2]


@pytest.mark.parametrize("encoder", [EncoderSettings(), EncoderSettings(vcodec="h264", crf=23, preset="veryfast")])
@pytest.mark.parametrize(("blur_px", "is_found"), [(0, False), (1, False), (3, True), (4, True)])
def test_a_camera_out_of_focus_in_all_episodes_is_found_and_a_soft_one_is_not(
    tmp_path: Path, encoder: EncoderSettings, blur_px: float, is_found: bool
) -> None:
    pictures = [scene(seed).repeat(4, axis=0).repeat(4, axis=1) for seed in range(2)]
    assert pictures[0].shape == (480, 640, 3)
    found = blurred(written(tmp_path / "set", [out_of_focus(picture, blur_px) for picture in pictures], encoder))
    assert list(found) == ([0, 1] if is_found else [])
    assert all("of what a sharp edge has" in text for text in found.values())


def test_with_few_episodes_nothing_is_usual(tmp_path: Path) -> None:
    pictures = [scene(seed) for seed in range(4)]
    pictures[2] = out_of_focus(pictures[2], 3)
    assert blurred(written(tmp_path / "set", pictures)) == {}


def test_a_video_that_is_missing_is_left_to_check(tmp_path: Path) -> None:
    root = written(tmp_path / "set", [scene(seed) for seed in range(5)])
    for path in root.glob("videos/**/*.mp4"):
        path.unlink()
    assert blurred(root) == {}


@pytest.mark.parametrize("change", [lambda p: p // 2, lambda p: p // 2 + 100, lambda p: np.flip(p, axis=1)])
def test_light_and_contrast_make_a_picture_no_less_sharp(change: Any) -> None:
    picture = scene(0)
    before, after = sharpness(picture), sharpness(change(picture))
    assert before is not None
    assert after == pytest.approx(before, rel=0.1)


def test_a_picture_of_nothing_is_not_judged() -> None:
    assert sharpness(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)) is None
    assert sharpness(np.zeros((8, 8, 3), np.uint8)) is None
