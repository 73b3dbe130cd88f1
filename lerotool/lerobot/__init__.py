"""LeRobot's recording classes over lerotool: a script that records with LeRobot changes one import.

    from lerotool.lerobot import LeRobotDataset, VideoEncodingManager

`docs/lerobot.md` lists every parameter and method. A script that cannot be edited is run with

    python -m lerotool.lerobot SCRIPT ARGUMENTS…
"""

from __future__ import annotations

from lerotool.lerobot.dataset import LeRobotDataset, VideoEncodingManager
from lerotool.lerobot.metadata import LeRobotDatasetMetadata
from lerotool.lerobot.patching import patch
from lerotool.workspace import lerobot_home

__all__ = ["HF_LEROBOT_HOME", "LeRobotDataset", "LeRobotDatasetMetadata", "VideoEncodingManager", "patch"]

HF_LEROBOT_HOME = lerobot_home()
"""LeRobot's home when this was imported; scripts remove and list datasets in it."""
