"""What each parser is fed first: the smallest files of a folder of datasets, and what lerotool itself writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from harness.faults.recordings import record
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.devices.config.model import SoRobotConfig
from lerotool.devices.config.robot_files import render
from lerotool.media.encode import encode_depth_image, encode_jpeg, encode_png
from lerotool.spool.pending import PendingEpisode

_MOST_BYTES = 64 << 10
_MOST_FILES = 20
_PATTERNS = {
    "mp4": ["videos/**/*.mp4"],
    "footerless": ["data/*/*.parquet"],
    "info": ["meta/info.json"],
    "statistics": ["meta/stats.json"],
    "lines": ["meta/episodes.jsonl", "meta/episodes_stats.jsonl"],
}
_CALIBRATION = {"drive_mode": 0, "homing_offset": -7, "range_min": 700, "range_max": 3300}
_JOURNAL = {
    "schema": 1,
    "renames": [{"source": ".lerotool/staging/1f/a.parquet", "target": "data/chunk-000/file-003.parquet"}],
    "removals": ["data/chunk-000/file-004.parquet"],
    "consumed": [".lerotool/pending/episode-000012-1f3a9c0e"],
    "staging": ".lerotool/staging/1f",
}
_REPORT = {
    "schema": 1,
    "kind": "lerotool benchmark",
    "created": "2026-01-01T00:00:00Z",
    "effort": "quick",
    "seconds": 1.5,
    "machine": {},
    "versions": {},
    "settings": {},
    "figures": [],
    "failures": [],
    "advice": [],
}


def write_seeds(name: str, datasets: Path, folder: Path) -> int:
    """Write the first inputs of a parser into ``folder``, one file each; return how many there are.

    Args:
        name: of the parser, as in `harness.fuzzing.parsers.PARSERS`.
        datasets: a folder of datasets.
        folder: where to write; it exists.
    """
    count = 0
    for content in chain(_from_datasets(name, datasets), _written(name, folder)):
        (folder / f"seed-{count:03d}").write_bytes(content)
        count += 1
    return count


def _from_datasets(name: str, datasets: Path) -> Iterator[bytes]:
    found = [path for pattern in _PATTERNS.get(name, ()) for path in datasets.glob(f"*/{pattern}") if path.is_file()]
    for path in sorted(found, key=lambda path: path.stat().st_size)[:_MOST_FILES]:
        if path.stat().st_size <= _MOST_BYTES:
            yield path.read_bytes()


def _written(name: str, folder: Path) -> Iterator[bytes]:
    match name:
        case "journal":
            yield json.dumps(_JOURNAL).encode()
        case "picture" | "jpeg-size" | "tiff":
            colours = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
            depth = np.arange(48, dtype=np.float32).reshape(8, 6, 1)
            yield from (encode_jpeg(colours), encode_png(colours))
            yield from (encode_depth_image(depth), encode_depth_image(depth.astype(np.uint16)))
        case "packets" | "rows" | "header" | "saved":
            yield from _spooled(name, folder / "recorded")
        case "robot":
            yield render("left", SoRobotConfig()).encode()
        case "calibration":
            joints = {name: {**_CALIBRATION, "id": number} for number, name in enumerate(JOINT_NAMES, start=1)}
            yield json.dumps(joints).encode()
        case "camera":
            yield from (b"front=/dev/video0,640x480,30,mjpeg", b"wrist=http://10.0.0.2:8080/video,29.97")
        case "camera-map":
            yield b"{front: {type: opencv, index_or_path: '/dev/video0', width: 640, height: 480, fps: 30}}"
        case "report":
            yield json.dumps(_REPORT).encode()


def _spooled(name: str, root: Path) -> Iterator[bytes]:
    episode: PendingEpisode = record(root, 0)
    files = {"packets": "front.index", "rows": "rows.log", "header": "header.json", "saved": "saved.json"}
    content = (episode.path / files[name]).read_bytes()
    shutil.rmtree(root)
    yield content
