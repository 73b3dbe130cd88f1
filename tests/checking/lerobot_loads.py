"""Run by an interpreter that has LeRobot: what does LeRobot's own loader do with each of many datasets.

Reads JSON from stdin, ``[{"root": FOLDER, "expected": FILE or null}, ...]``, and prints one JSON object: by folder
``["right" | "wrong" | "refused", why]``. Without a file of expected values every frame only has to be readable.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = os.environ["HF_HOME"] = tempfile.mkdtemp()


def judge(root: str, expected: str | None) -> tuple[str, str]:
    """Load a dataset and read every frame, alone and in windows."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    try:
        dataset = LeRobotDataset("local/set", root=root, video_backend="pyav")
    except Exception as error:  # noqa: BLE001 - whatever LeRobot raises is its answer
        return "refused", f"{type(error).__name__}: {error}"[:300]
    truth = json.loads(Path(expected).read_text()) if expected else None
    try:
        return _read(dataset, truth) if truth else _touch(dataset)
    except Exception as error:  # noqa: BLE001
        return "wrong", f"{type(error).__name__}: {error}"[:300]


def _touch(dataset: Any) -> tuple[str, str]:
    for number in range(len(dataset)):
        for name, value in dataset[number].items():
            if value is None:
                return "wrong", f"frame {number}: {name} is None"
    return "right", ""


def _read(dataset: Any, truth: dict[str, Any]) -> tuple[str, str]:
    if len(dataset) != truth["num_frames"] or dataset.num_episodes != truth["num_episodes"]:
        return "wrong", f"{len(dataset)} frames, {dataset.num_episodes} episodes"
    values = {entry["index"]: entry for entry in truth["values"]}
    for number in range(len(dataset)):
        item = dataset[number]
        found = [item[name].item() for name in ("index", "episode_index", "frame_index", "task_index", "timestamp")]
        if [*found, item["task"]] != truth["frames"][number]:
            return "wrong", f"frame {number}: {found} {item['task']!r}"
        if none := [name for name, value in item.items() if value is None]:
            return "wrong", f"frame {number}: {none} are None"
        for name, means in truth["mean_rgb"].items():
            mean = item[name].float().mean(dim=(1, 2)).tolist()
            if max(abs(a - b) for a, b in zip(mean, means[number], strict=True)) > 0.006:
                return "wrong", f"frame {number}: {name} shows another picture"
        for name, stored in values.get(number, {}).items():
            if name != "index" and name in item and hasattr(item[name], "tolist") and not _same(item[name], stored):
                return "wrong", f"frame {number}: {name} is {item[name].tolist()}"
    return _windows(dataset, truth)


def _same(tensor: Any, stored: Any) -> bool:
    import torch

    return bool(torch.allclose(tensor.double(), torch.tensor(stored, dtype=torch.float64), atol=1e-6))


def _windows(dataset: Any, truth: dict[str, Any]) -> tuple[str, str]:
    """Ask for the next action too, as training does; at an episode's end it is padded."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    delta = {"action": [0.0, 1 / dataset.fps]}
    windows = LeRobotDataset("local/set", root=dataset.root, delta_timestamps=delta, video_backend="pyav")
    last = {episode["to_index"] - 1 for episode in truth["episodes"]}
    for number in range(len(windows)):
        item = windows[number]
        if bool(item["action_is_pad"][1]) != (number in last):
            return "wrong", f"frame {number}: the window is padded wrongly"
        if number not in last and not bool((item["action"][1] == windows[number + 1]["action"][0]).all()):
            return "wrong", f"frame {number}: the next action is another"
    return "right", ""


if __name__ == "__main__":
    answers = {case["root"]: judge(case["root"], case["expected"]) for case in json.load(sys.stdin)}
    print("\n" + json.dumps(answers))  # noqa: T201
