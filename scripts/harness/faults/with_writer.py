"""Record two episodes into the folder named, which is gone on with where there is something in it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from harness.faults.recordings import CAMERA, FEATURES, FPS, HEIGHT, JOINTS, ROWS, SETTINGS, WIDTH
from lerotool import DatasetWriter
from lerotool.devices.cameras.simulated import numbered_picture
from lerotool.errors import TargetExistsError
from lerotool.features import ACTION, STATE


def open_writer(root: Path) -> DatasetWriter:
    """Begin the dataset, or go on with it."""
    features = {name: feature.to_json() for name, feature in FEATURES.items()}
    try:
        return DatasetWriter.create(root, fps=FPS, features=features, encoder=SETTINGS, batch=1, jobs=1)
    except TargetExistsError:
        return DatasetWriter.resume(root, encoder=SETTINGS, batch=1, jobs=1)


def main() -> None:
    """Record."""
    values = np.zeros(len(JOINTS), np.float32)
    with open_writer(Path(sys.argv[1])) as writer:
        for _ in range(2):
            for row in range(ROWS):
                picture = numbered_picture(row, WIDTH, HEIGHT)
                writer.add_frame({STATE: values, ACTION: values, CAMERA: picture}, task="task")
            writer.save_episode()


if __name__ == "__main__":
    main()
