"""Record two episodes into the folder named as a script for LeRobot does; lerotool stands in for LeRobot."""

import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import VideoEncodingManager

from harness.faults.recordings import CAMERA, FEATURES, FPS, HEIGHT, JOINTS, ROWS, WIDTH
from lerotool.devices.cameras.simulated import numbered_picture
from lerotool.errors import TargetExistsError
from lerotool.features import ACTION, STATE

REPOSITORY = "local/made"


def main() -> None:
    """Record."""
    root = Path(sys.argv[1])
    features = {name: feature.to_json() for name, feature in FEATURES.items()}
    try:
        dataset = LeRobotDataset.create(REPOSITORY, fps=FPS, features=features, root=root)
    except TargetExistsError:
        dataset = LeRobotDataset.resume(REPOSITORY, root=root)
    values = np.zeros(len(JOINTS), np.float32)
    with VideoEncodingManager(dataset):
        for _ in range(2):
            for row in range(ROWS):
                picture = numbered_picture(row, WIDTH, HEIGHT)
                dataset.add_frame({STATE: values, ACTION: values, CAMERA: picture, "task": "task"})
            dataset.save_episode()


if __name__ == "__main__":
    main()
