"""v2.1 (LeRobot 0.1 to 0.3): like v2.0, with statistics of every episode in place of those of the dataset."""

from __future__ import annotations

from lerotool.dataset.formats.v20 import V20


class V21(V20):
    """v2.1."""

    has_dataset_statistics = False
    has_episode_statistics = True
    can_be_built = True
