"""Where the browser cannot play a codec it gets H.264, made once, from a bounded cache outside of the dataset."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from lerotool import EncoderSettings
from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import read_number
from lerotool.media.decode import iter_rgb
from lerotool.media.transcode import encode_playable
from lerotool.web.pictures import Conversions
from tests.web.conftest import FRONT, WRIST, number_of, write_numbered
from tests.web.serving import picture, serving, wait_until_shown

SETTINGS = {
    "hevc": EncoderSettings(vcodec="hevc", crf=20, g=2, preset="ultrafast"),
    "mpeg4": EncoderSettings(vcodec="mpeg4", crf=None, g=2, preset=None, extra_options={"qscale": "2"}),
}


@pytest.mark.parametrize("codec", SETTINGS)
def test_a_codec_that_the_browser_does_not_play_is_converted_frame_by_frame(
    codec: str, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = write_numbered(tmp_path / "set", SETTINGS[codec], (3, 5))
    assert Dataset.open(root).features[FRONT].info["video.codec"] == codec
    assert Dataset.open(root).episodes[1].videos[FRONT].start_frame == 3
    before = sorted(root.rglob("*"))
    with serving(root) as server:
        page.goto(f"{server.address}/d/{server.key('set')}/episodes/1")
        for camera in (FRONT, WRIST):
            page.locator(f"[data-camera='{camera}'] video").wait_for()
        for key, frame in (("ArrowRight", 1), ("End", 4), ("Home", 0)):
            page.keyboard.press(key)
            wait_until_shown(page, frame)
            shown = [read_number(picture(page, camera)) for camera in (FRONT, WRIST)]
            assert shown == [number_of(1, frame, camera) for camera in (FRONT, WRIST)]
        page.keyboard.press("Space")
        wait_until_shown(page, 4)

    assert len(list((tmp_path / "cache/lerotool/view").glob("*.mp4"))) == 2
    assert sorted(root.rglob("*")) == before


def test_what_was_not_looked_at_for_long_leaves_first(tmp_path: Path) -> None:
    conversions = Conversions(tmp_path, most_bytes=20)
    made: list[str] = []

    def get(name: str) -> Path:
        return conversions.get(name, lambda path: (made.append(name), path.write_bytes(b"x" * 8))[0])

    for age, name in enumerate(["old", "older"]):
        os.utime(get(name), (1000 - age, 1000 - age))
    get("new")
    assert [get(name).stat().st_size for name in ("old", "new")] == [8, 8]
    assert made == ["old", "older", "new"]
    get("older")
    assert made[-1] == "older"
    assert len(list(tmp_path.iterdir())) == 2


def test_pictures_of_odd_sizes_become_a_video(tmp_path: Path) -> None:
    pictures = [np.full((33, 47, 3), level, np.uint8) for level in (30, 200)]
    encode_playable(tmp_path / "made.mp4", pictures, 10)

    found = list(iter_rgb(tmp_path / "made.mp4", 0, 2, 10))
    assert [each.shape for each in found] == [(34, 48, 3)] * 2
    assert [abs(int(each.mean()) - level) <= 2 for each, level in zip(found, (30, 200), strict=True)] == [True, True]
