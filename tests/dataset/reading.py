"""What the tests of reading share: copies of a golden set, tree hashes, and a reader that touches everything."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from lerotool.features import Kind
from tests.shared import GOLDEN

VIDEO_SET = "v30_lerobot061_two_cams"
PLAIN_SET = "v30_lerobot061_novideo"
IMAGE_SET = "v30_lerobot061_images"
SMALL_FILES_SET = "v30_lerobot061_small_files"
OLD_SET = "v21_lerobot033_two_cams"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
DATA = "data/chunk-000/file-000.parquet"


def copy_set(name: str, target: Path) -> Path:
    """Copy a golden set to a fresh folder and return it."""
    return Path(shutil.copytree(GOLDEN / name, target / name))


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let ``change`` edit a JSON file's document in place."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def edit_table(path: Path, change: Callable[[Any], Any], **options: Any) -> None:
    """Replace a parquet file by what ``change`` makes of its table."""
    pq.write_table(change(pq.ParquetFile(path).read()), path, **options)


def tree_hash(root: Path) -> dict[str, str]:
    """Return the contents and times of everything below a folder."""
    return {
        str(path.relative_to(root)): f"{path.stat().st_mtime_ns} "
        + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
        for path in sorted(root.rglob("*"))
    }


def read_everything(root: Path) -> None:
    """Open a dataset and ask it for everything, a frame of the last episode included."""
    dataset = Dataset.open(root)
    assert dataset.num_frames >= 0
    dataset.info.to_json()
    dict(dataset.stats)
    for episode in dataset.episodes:
        tuple(episode.tasks), episode.data, dict(episode.videos), dict(episode.extra), dict(episode.stats)
        dataset.timing(episode.index)
    dataset.rows()
    if dataset.episodes:
        for camera in dataset.cameras:
            list(islice(dataset.frames(len(dataset.episodes) - 1, camera), 1))
    for name, feature in dataset.features.items():
        if feature.kind in (Kind.NUMERIC, Kind.STRING):
            dataset.numpy(name)
