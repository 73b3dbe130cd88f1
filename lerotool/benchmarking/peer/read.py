"""Read random windows with the real LeRobot's loader, at its own interpreter, and write what it took to a JSON file.

LEROBOT_PYTHON read.py RESULT REQUEST
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from torch.utils.data import DataLoader


def main() -> None:
    """Read in one process, with PyAV, and write CPU seconds and the sum of the states, both but for the first batch."""
    torch.set_num_threads(1)
    request = json.loads(Path(sys.argv[2]).read_text())
    deltas = request["deltas"]
    dataset = LeRobotDataset("benchmark/set", root=request["root"], video_backend="pyav", delta_timestamps=deltas)
    began, total = 0.0, 0.0
    for number, batch in enumerate(DataLoader(dataset, batch_sampler=request["batches"])):
        if number:
            total += float(batch["observation.state"].sum(dtype=torch.float64))
        else:
            began = time.process_time()
    result = {"seconds": time.process_time() - began, "total": total}
    Path(sys.argv[1]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
