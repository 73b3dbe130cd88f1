"""Datasets as LeRobot leaves them when it is killed or its batch mode fails, made from those that it really left."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lerotool.dataset.dataset import Dataset
from lerotool.encoding.events import EncodeReport
from lerotool.media.decode import iter_frames
from lerotool.media.encode import VideoEncoder, encode_depth_image, encode_png
from lerotool.media.format import EncoderSettings
from lerotool.mending.fates import Fate
from tests.dataset.reading import edit_table
from tests.shared import GOLDEN

Encode = Callable[[Path], EncodeReport]
CRASHED = "v30_lerobot061_crashed"
BATCH = "v30_lerobot061_batch_crashed"
FRONT, WRIST = "observation.images.front", "observation.images.wrist"


def copy_golden(name: str, target: Path) -> Path:
    """Return a copy that nobody has touched for an hour."""
    shutil.copytree(GOLDEN / name, target)
    age(target)
    return target


def expected_of(name: str) -> dict[str, Any]:
    """Return what LeRobot's own loader says of the finished recording."""
    document: dict[str, Any] = json.loads((GOLDEN / f"{name}.expected.json").read_text())
    return document


def age(root: Path) -> None:
    """Make all files as if nobody had touched them for an hour."""
    then = time.time() - 3600
    for path in root.rglob("*"):
        os.utime(path, (then, then))


def tear_off_footer(path: Path) -> None:
    """Leave a parquet file as if it had not been closed."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[-8:-4])
    path.write_bytes(data[: -8 - length])


def picture(root: Path, camera: str, episode: int, frame: int) -> Path:
    """Return where LeRobot puts a picture."""
    return root / "images" / camera / f"episode-{episode:06d}" / f"frame-{frame:06d}.png"


def assert_is(root: Path, expected: dict[str, Any], episodes: Iterable[int] | None = None) -> None:
    """Check that a dataset has the frames, values and pictures of LeRobot's own, of these episodes in this order."""
    episodes = list(range(expected["num_episodes"]) if episodes is None else episodes)
    dataset = Dataset.open(root)
    wanted = [frame for episode in episodes for frame in expected["frames"] if frame[1] == episode]
    means = {key: [values[frame[0]] for frame in wanted] for key, values in expected["mean_rgb"].items()}
    known = {frame["index"]: frame for frame in expected["values"]}
    assert dataset.num_episodes == len(episodes)
    row = 0
    for number in range(len(episodes)):
        table = dataset.episode_rows(number).to_pylist()
        for values in table:
            source = wanted[row]
            assert (values["index"], values["episode_index"], values["frame_index"]) == (row, number, source[2])
            assert values["timestamp"] == source[4]
            assert dataset.tasks[values["task_index"]] == source[5]
            for name in ("action", "observation.state"):
                if source[0] in known:
                    assert values[name] == known[source[0]][name]
            row += 1
        for key, colours in means.items():
            start = row - len(table)
            for frame, rgb in enumerate(dataset.frames(number, key)):
                found = np.asarray(rgb, np.float64).mean(axis=(0, 1)) / 255
                np.testing.assert_allclose(found, colours[start + frame], atol=0.012)
    assert row == len(wanted)


def fates(report: EncodeReport) -> dict[int, Fate]:
    """Return what became of each episode."""
    assert report.rescue is not None
    return {finding.episode: finding.fate for finding in report.rescue.findings}


def reason(report: EncodeReport, episode: int) -> str:
    """Return what is said of an episode."""
    assert report.rescue is not None
    return next(finding.reason for finding in report.rescue.findings if finding.episode == episode)


def unencode(root: Path, episodes: list[int]) -> None:
    """Make a finished dataset as a batch mode leaves it that was not full in the end: pictures, no video columns."""
    dataset = Dataset.open(root)
    for episode in episodes:
        for key in dataset.cameras:
            for frame, pixels in enumerate(dataset.frames(episode, key)):
                path = picture(root, key, episode, frame)
                path.parent.mkdir(parents=True, exist_ok=True)
                if dataset.features[key].is_depth:
                    path.with_suffix(".tiff").write_bytes(encode_depth_image(pixels.astype(np.uint16)))
                else:
                    path.write_bytes(encode_png(pixels))

    def forget(table: pa.Table) -> pa.Table:
        is_lost = pa.array([number in episodes for number in table["episode_index"].to_pylist()])
        for place, name in enumerate(table.column_names):
            if name.startswith("videos/"):
                known = table[name].cast(pa.float64())
                table = table.set_column(place, name, pc.if_else(is_lost, pa.scalar(float("nan")), known))
        return table

    edit_table(root / "meta/episodes/chunk-000/file-000.parquet", forget)
    age(root)


def rewrite(source: Path, target: Path, start: int, stop: int) -> None:
    """Make a video of some frames of another."""
    frames = list(iter_frames(source, start, stop, 10))
    with VideoEncoder(target, frames[0].width, frames[0].height, 10, EncoderSettings(vcodec="h264", crf=5)) as encoder:
        for frame in frames:
            encoder.write(frame)
