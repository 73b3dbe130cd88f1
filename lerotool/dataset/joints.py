"""What a dataset shows of its joints: when they move, and which units those of SO arms have.

LeRobot recorded -100..100 of the calibrated range by default up to 0.4.3 and degrees since 0.4.4; nothing in a dataset
says which. A value beyond 100 proves degrees; else the name of the robot and the markers of a camera tell the time of
the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.choices import Units
from lerotool.dataset.dataset import Dataset
from lerotool.features import ACTION, STATE, Feature

Floats = npt.NDArray[np.float64]
STILL = 0.01
"""Share of a joint's range over the dataset that counts as motion."""
SO_ARMS = ("so100_follower", "so101_follower", "so_follower")
GRIPPER = "gripper"
"""Part of the name of the joint that has another unit: how far it is open, in per cent."""
_FULL = 100.5
_EPISODES_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Guess:
    """Which units the joints of an SO arm have, None where nothing tells, and why that is thought."""

    units: Units | None
    reason: str


def is_so_arm(dataset: Dataset, state: str = STATE) -> bool:
    """Whether a dataset is of an SO arm whose joints have names in a feature."""
    return dataset.robot_type in SO_ARMS and bool(joints(dataset.features, state))


def guess_units(
    dataset: Dataset, names: Sequence[str] = (STATE, ACTION), episodes: npt.NDArray[np.int64] | None = None
) -> Guess:
    """Return the units of an SO arm's joints as far as a dataset shows them."""
    largest = _largest(dataset, names, np.arange(dataset.num_episodes) if episodes is None else episodes)
    if largest > _FULL:
        return Guess(Units.DEGREES, f"a joint is at {largest:.0f}")
    if dataset.robot_type != "so_follower":
        return Guess(Units.RANGE, "the robot has the name that LeRobot used up to 0.4.2")
    if any("is_depth_map" in feature.info for feature in dataset.features.values()):
        return Guess(Units.DEGREES, "pictures are described as by LeRobot 0.6, whose default it is")
    return Guess(None, "nothing tells")


def _largest(dataset: Dataset, names: Sequence[str], episodes: npt.NDArray[np.int64]) -> float:
    """Return the largest joint value, the gripper left out, as statistics tell it."""
    if dataset.version.has_dataset_statistics:
        parts = [dataset.stats]
    else:
        step = max(1, len(episodes) // _EPISODES_LOOKED_AT)
        parts = [dataset.episodes[int(number)].stats for number in episodes[::step]]
    largest = 0.0
    for name in names:
        for place, joint in enumerate(joints(dataset.features, name)):
            for stats in (part[name] for part in parts if name in part):
                if GRIPPER not in joint and place < stats.max.size:
                    largest = max(largest, abs(stats.min.flat[place]), abs(stats.max.flat[place]))
    return float(largest)


def joints(features: Mapping[str, Feature], name: str) -> tuple[str, ...]:
    """Return the names of the joints in a feature; none where they have none, or it is missing."""
    feature = features.get(name)
    return (feature.dimension_names or ()) if feature else ()


def moving_span(values: Mapping[str, Floats], limits: Mapping[str, Floats]) -> tuple[int, int]:
    """Return the last row before anything moves, and the row after the first one in which all have come to rest.

    `values`: rows of one episode by feature, (n, d) each. `limits`: by feature, (d,), how far from the first or the
    last row is motion. Returns (0, n) where nothing moves at all: there is nothing to go by.
    """
    length = max((len(rows) for rows in values.values()), default=0)
    begin, end = length, 0
    for name, rows in values.items():
        away_from_first = np.flatnonzero((np.abs(rows - rows[0]) > limits[name]).any(axis=1))
        away_from_last = np.flatnonzero((np.abs(rows - rows[-1]) > limits[name]).any(axis=1))
        if len(away_from_first) and len(away_from_last):
            begin = min(begin, int(away_from_first[0]) - 1)
            end = max(end, int(away_from_last[-1]) + 2)
    return (begin, end) if begin < end else (0, length)
