"""Datasets whose pictures are numbered, and a browser for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from lerotool import DatasetWriter, EncoderSettings
from lerotool.dataset.formats import FormatVersion
from lerotool.devices.cameras.simulated import numbered_picture
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.planning import merge_datasets
from tests.web.serving import browsing, new_page

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
SIZES = {FRONT: (160, 120), WRIST: (320, 240)}
LENGTHS = (7, 12, 5, 9, 4, 11)
FPS = 10


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = new_page(browser, viewport={"width": 1200, "height": 900})
    yield opened
    opened.context.close()


def number_of(episode: int, frame: int, camera: str) -> int:
    """Return the number on a picture: no two pictures of a dataset have the same."""
    return 100_000 * (1 + (camera == WRIST)) + 100 * episode + frame


def write_numbered(root: Path, settings: EncoderSettings, lengths: tuple[int, ...], first: int = 0) -> Path:
    """Write a dataset whose pictures say which they are, and whose joints say in which row they are."""
    features: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["pan.pos", "lift.pos"]},
        "action": {"dtype": "float32", "shape": (2,), "names": ["pan.pos", "lift.pos"]},
    }
    for camera, (width, height) in SIZES.items():
        features[camera] = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    with DatasetWriter.create(root, fps=FPS, features=features, encoder=settings, jobs=1, batch=len(lengths)) as writer:
        for episode, length in enumerate(lengths, start=first):
            for frame in range(length):
                row: dict[str, Any] = {
                    "observation.state": np.array([episode, frame], np.float32),
                    "action": np.array([episode, frame + 1], np.float32),
                }
                for camera, (width, height) in SIZES.items():
                    row[camera] = numbered_picture(number_of(episode, frame, camera), width, height)
                writer.add_frame(row, task=f"task {episode % 2}")
            writer.save_episode()
    return root


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same numbered episodes as v3.0, several of them in a file and cameras at different places, and as v2.1."""
    home = tmp_path_factory.mktemp("numbered")
    settings = EncoderSettings(vcodec="libsvtav1", crf=30, g=2, preset=12)
    half = len(LENGTHS) // 2
    parts = [
        write_numbered(home / "first", settings, LENGTHS[:half]),
        write_numbered(home / "second", settings, LENGTHS[half:], half),
    ]
    sources = tuple(SourceArgument.parse(part) for part in parts)
    for name, options in {
        "v30": MergeOptions(video_files_size_in_mb=0.03),
        "v21": MergeOptions(version=FormatVersion.V21),
    }.items():
        merge_datasets(sources, home / name, options)
    write_numbered(home / "long-gop", EncoderSettings(vcodec="h264", crf=20, g=30, preset="veryfast"), LENGTHS[:3])
    return {name: home / name for name in ("v30", "v21", "long-gop")}
