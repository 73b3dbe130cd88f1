"""Run by an interpreter that has LeRobot: windows of a dataset, as its own loader gives them.

    python lerobot_windows.py ROOT TARGET.npz < REQUEST

Reads JSON from stdin: ``{"delta_timestamps": {...}, "rows": [...]}``. Writes each value as ``ROW|NAME``.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main() -> None:
    root, target = sys.argv[1:]
    request = json.load(sys.stdin)
    dataset = LeRobotDataset("local/set", root=root, video_backend="pyav", delta_timestamps=request["delta_timestamps"])
    values = {f"{row}|{name}": np.asarray(value) for row in request["rows"] for name, value in dataset[row].items()}
    np.savez(target, **values)


if __name__ == "__main__":
    main()
