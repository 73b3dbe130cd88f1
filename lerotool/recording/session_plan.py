"""What a dataset has already, whether a session fits it, and what the session would do.

What is there: episodes in the dataset, episodes that wait, takes that were interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lerotool.dataset.info import INFO, load_info
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.devices.cameras.camera import Camera
from lerotool.errors import IncompatibleDatasetError, TargetExistsError, UsageError
from lerotool.features import Feature, camera, parse_features, recorded_features
from lerotool.recording.config import RecordingConfig
from lerotool.recording.episode_report import PacketMeter
from lerotool.recording.housekeeping import DiskNeed
from lerotool.recording.pacing import Clock
from lerotool.recording.take import Devices
from lerotool.spool.pending import State, list_pending, next_sequence, remove_leftovers
from lerotool.spool.recovery import Kind, Verdict, examine_all
from lerotool.workspace import Workspace

READY_WITHIN_S = 10.0
MEASURE_S = 0.5
ROW_BYTES = 1_000
"""A row of a pair of six-joint arms and its packets' index records, rounded up."""
Shape = Mapping[str, str]
"""What all episodes of a dataset have in common, in words: the rate, the robot type and each feature."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a dataset has."""

    committed: int
    waiting: int  # saved episodes that are not in it yet
    # Takes that were never saved; they are not counted and nobody removes them by itself.
    interrupted: tuple[Verdict, ...]
    next_sequence: int  # above those of all pending episodes
    shapes: Mapping[str, Shape]  # each different one once, by what has it: the dataset or a pending episode

    @property
    def total(self) -> int:
        """Episodes that count."""
        return self.committed + self.waiting


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session would do."""

    stock: Stock
    takes: int
    need: DiskNeed  # what they will need on disk, by the data rates of the cameras just measured


def take_stock(root: Path) -> Stock:
    """Finish a commit that was interrupted, remove what interrupted removals have left, and look at what there is.

    The caller holds the dataset's recording lock.
    """
    require_dataset(root)
    finish_interrupted(Workspace(root))
    remove_leftovers(root)
    return look_at(root)


def require_dataset(root: Path) -> None:
    """Refuse a folder that holds something else than a dataset; one that is not there or empty is fine."""
    if root.exists() and not root.is_dir():
        raise TargetExistsError(f"{str(root)!r} is a file, expected a dataset's folder")
    if root.is_dir() and not (root / INFO).exists() and not Workspace(root).folder.exists() and any(root.iterdir()):
        raise TargetExistsError(
            f"{str(root)!r} holds other files and is not a dataset",
            hint="name a new folder, or one that holds a dataset",
        )


def look_at(root: Path) -> Stock:
    """Look at what there is and change nothing."""
    require_dataset(root)
    shapes: dict[str, Shape] = {}
    committed = 0
    if (root / INFO).exists():
        info = load_info(root)
        committed = info.total_episodes
        shapes["the dataset"] = _shape(Fraction(info.fps), info.robot_type, info.features)
    saved = [pending for pending in list_pending(root) if pending.state in (State.SAVED, State.ENCODING)]
    for pending in saved:
        header = pending.header
        shape = _shape(Fraction(header.fps), header.robot_type, parse_features(header.features))
        if shape not in shapes.values():
            shapes[f"pending {pending.path.name}"] = shape
    verdicts = examine_all(root)
    return Stock(
        committed=committed,
        waiting=len(saved),
        interrupted=tuple(v for v in verdicts if v.kind in (Kind.SALVAGEABLE, Kind.HOPELESS)),
        next_sequence=next_sequence(root, committed),
        shapes=shapes,
    )


def build_features(
    robot_features: Mapping[str, Feature], cameras: Sequence[Camera], success_column: str | None = None
) -> dict[str, Feature]:
    """Return what a robot and cameras give, in LeRobot's order, and the column that says whether takes succeeded."""
    if success_column in robot_features:
        raise UsageError(f"the robot has a feature {success_column!r} of its own", hint="leave out --success-column")
    marked = {} if success_column is None else {success_column: Feature("bool", (1,))}
    return {**robot_features, **{c.key: camera(c.format.height, c.format.width) for c in cameras}, **marked}


def plan_session(config: RecordingConfig, devices: Devices, stock: Stock, clock: Clock) -> Plan:
    """Check that the session fits what there is, and measure what the cameras deliver (half a second)."""
    new = _shape(config.fps, devices.robot.robot_type, devices.features)
    problems = [text for origin, old in stock.shapes.items() for text in _differences(origin, old, new)]
    if problems:
        raise IncompatibleDatasetError(
            "what this session records does not fit what is there:\n  " + "\n  ".join(problems),
            hint="use the same options as before, or record into another dataset with --repo-id or --root",
        )
    takes = max(0, config.episodes - stock.total)
    rate = _bytes_per_second(devices.cameras, clock) + float(config.fps) * ROW_BYTES
    take_bytes = round(rate * config.episode_time_s)
    return Plan(stock, takes, DiskNeed(rate, take_bytes, take_bytes * takes))


def _shape(fps: Fraction, robot_type: str | None, features: Mapping[str, Feature]) -> Shape:
    described = {f"feature {name!r}": _describe(feature) for name, feature in recorded_features(features).items()}
    return {"fps": str(fps), "robot_type": str(robot_type), **described}


def _describe(feature: Feature) -> str:
    size = "x".join(map(str, feature.shape))
    names = "" if feature.is_camera or feature.names is None else f" ({', '.join(feature.dimension_names or ('?',))})"
    return f"{feature.dtype} {size}{names}"


def _differences(origin: str, old: Shape, new: Shape) -> list[str]:
    problems = []
    for what in dict.fromkeys([*old, *new]):
        if what not in new:
            problems.append(f"{what}: missing in this session")
        elif what not in old:
            problems.append(f"{what}: missing in {origin}")
        elif old[what] != new[what]:
            problems.append(f"{what}: {old[what]} in {origin}, {new[what]} in this session")
    return problems


def _bytes_per_second(cameras: Sequence[Camera], clock: Clock) -> float:
    """Return how much all cameras together deliver now."""
    for device in cameras:
        device.wait_ready(READY_WITHIN_S)
    meters = {device.key: PacketMeter() for device in cameras}
    try:
        for device in cameras:
            device.begin(meters[device.key])
        clock.sleep_until(clock.monotonic_ns() + round(MEASURE_S * 1e9))
    finally:
        for device in cameras:
            device.end()
    return sum(meters[device.key].bytes_per_second(device.format.fps) for device in cameras)
