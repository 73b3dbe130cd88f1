"""Take statistics with the real LeRobot, under its own interpreter, and print one JSON line.

    LEROBOT_PYTHON statistics_peer.py {columns|pictures} DATASET

``columns`` is LeRobot's own recompute_stats, which writes meta/stats.json. It never looks at pictures;
``pictures`` therefore puts LeRobot's own parts together: its loader for the frames that its sampling rule names, its
downsampling, its statistics. Times are those of the work alone, without imports and loading.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lerobot import __version__
from lerobot.datasets.compute_stats import (
    aggregate_stats,
    auto_downsample_height_width,
    get_feature_stats,
    sample_indices,
)
from lerobot.datasets.dataset_tools import recompute_stats
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def picture_stats(dataset: Any) -> dict[str, Any]:
    """Return the statistics of all cameras."""
    parts = []
    for episode in dataset.meta.episodes:
        first, length = episode["dataset_from_index"], episode["length"]
        rows = [dataset[first + index] for index in sample_indices(length)]
        stats = {}
        for camera in dataset.meta.camera_keys:
            pictures = [(row[camera].numpy() * 255).round().astype(np.uint8) for row in rows]
            batch = np.stack([auto_downsample_height_width(picture) for picture in pictures])
            found = get_feature_stats(batch, axis=(0, 2, 3), keepdims=True)
            stats[camera] = {k: v if k == "count" else np.squeeze(v / 255.0, axis=0) for k, v in found.items()}
        parts.append(stats)
    return {
        camera: {name: np.asarray(value).tolist() for name, value in stats.items()}
        for camera, stats in aggregate_stats(parts).items()
    }


def main() -> None:
    """Measure and print what it took."""
    kind, root = sys.argv[1], Path(sys.argv[2])
    dataset = LeRobotDataset("benchmark/peer", root=root)
    if kind == "pictures":
        dataset[0]  # opens the decoder
    began = time.perf_counter()
    stats = picture_stats(dataset) if kind == "pictures" else {}
    if kind == "columns":
        recompute_stats(dataset)
    print(json.dumps({"version": __version__, "wall_s": time.perf_counter() - began, "stats": stats}))


if __name__ == "__main__":
    main()
