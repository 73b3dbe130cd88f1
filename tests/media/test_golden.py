"""Every picture of every golden dataset is the one that LeRobot's loader returned."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lerotool.media.decode import iter_depth, iter_rgb
from lerotool.media.pictures import decode_image
from lerotool.media.probe import count_packets, feature_info, probe
from tests.shared import GOLDEN

NAMES = sorted(path.name.removesuffix(".expected.json") for path in GOLDEN.glob("*.expected.json"))


def spans(name):
    """Yield camera key, path, first frame, frames, rate, and the mean colours of a golden set's video spans."""
    expected = json.loads((GOLDEN / f"{name}.expected.json").read_text())
    fps = expected["fps"]
    for episode in expected["episodes"]:
        for key, video in episode["videos"].items():
            path = GOLDEN / name / video["path"]
            means = expected["mean_rgb"][key][episode["from_index"] : episode["to_index"]]
            if path.exists():  # the recorder was killed before it wrote the videos of one set
                yield key, path, round(video.get("from_timestamp", 0) * fps), episode["length"], fps, means


def info_of(name, key):
    return json.loads((GOLDEN / name / "meta/info.json").read_text())["features"][key].get("info") or {}


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_is_lerobots(name):
    for key, path, start, length, fps, means in spans(name):
        info = info_of(name, key)
        if info.get("is_depth_map"):
            pictures, unit = iter_depth(path, start, start + length, fps, info), 1
        else:
            pictures, unit = iter_rgb(path, start, start + length, fps), 255
        found = [picture.mean(axis=(0, 1), dtype=np.float64) / unit for picture in pictures]
        np.testing.assert_allclose(found, means, rtol=0, atol=1e-6 if unit == 255 else 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_every_video_is_counted_and_described_as_its_info_says(name):
    for key, path, *_ in spans(name):
        assert count_packets(path) == probe(path).frames
        written, found = info_of(name, key), feature_info(path, None)
        known = found.keys() & written.keys() - {"is_depth_map"}
        assert {k: found[k] for k in known} == {k: written[k] for k in known}


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("images")])
def test_every_embedded_picture_is_lerobots(name):
    import pyarrow.parquet as pq

    expected = json.loads((GOLDEN / f"{name}.expected.json").read_text())
    rows = [
        row for path in sorted((GOLDEN / name / "data").rglob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    for key in expected["image_keys"]:
        pictures = [decode_image(row[key]["bytes"]) for row in rows]
        unit = 255 if pictures[0].dtype == np.uint8 else 1
        found = [picture.mean(axis=(0, 1), dtype=np.float64) / unit for picture in pictures]
        np.testing.assert_allclose(found, expected["mean_rgb"][key], rtol=0, atol=1e-6 if unit == 255 else 1e-3)
