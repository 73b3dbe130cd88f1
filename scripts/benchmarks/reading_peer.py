"""Read random windows with the real LeRobot's loader, at its own interpreter, on one core.

    LEROBOT_PYTHON reading_peer.py ROOT BACKEND < REQUEST

Reads JSON from stdin, ``{"delta_timestamps": {...}, "batches": [[row, ...], ...]}``; prints the seconds of all batches
but the first, and the sum of the actions, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp()


def main() -> None:
    """Read and print what it took."""
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    root, backend = sys.argv[1:]
    request = json.load(sys.stdin)
    deltas = request["delta_timestamps"]
    dataset = LeRobotDataset("local/set", root=root, video_backend=backend, delta_timestamps=deltas)
    began, total = 0.0, 0.0
    for number, batch in enumerate(DataLoader(dataset, batch_sampler=request["batches"])):
        began = began or time.perf_counter()
        total += float(batch["action"].sum()) if number else 0.0
    print(json.dumps({"seconds": time.perf_counter() - began, "actions": total}))


if __name__ == "__main__":
    main()
