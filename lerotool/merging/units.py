"""Units of SO arms' joints: told apart as far as a dataset shows them, and converted with the arm's calibration.

LeRobot recorded -100..100 of the calibrated range by default up to 0.4.3 and degrees since 0.4.4; nothing in a dataset
says which. A value beyond 100 proves degrees; else the name of the robot and the markers of a camera tell the time of
the recording. Conversion is linear (``motors_bus.py:_normalize``): degrees = value / 100 · half the calibrated range in
ticks · 360 / 4095, the sign turned for a joint with a drive mode. It needs the calibration of the follower, because an
action, too, is what the follower was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.choices import Units
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import read_object
from lerotool.errors import DatasetError, MetadataError
from lerotool.features import ACTION, STATE
from lerotool.merging.differences import Difference, Verdict, by_value
from lerotool.merging.options import MergeOptions
from lerotool.rewriting.source import Source

_ARMS = ("so100_follower", "so101_follower", "so_follower")
_FULL = 100.5
_GRIPPER = "gripper"
_TICKS_PER_TURN = 4095
_EPISODES_LOOKED_AT = 10
_WHAT = "units of the joints"

Factors = Mapping[tuple[int, str], tuple[float, ...]]
"""By number of the source and feature: what each dimension in the source is multiplied with."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Which units the joints of an SO arm have, None where nothing tells, and why that is thought."""

    units: Units | None
    reason: str


def units_of(dataset: Dataset) -> Guess | None:
    """Return the units of an SO arm's joints as far as a dataset shows them; None for other robots."""
    count = dataset.num_episodes
    lengths = dataset.episodes.lengths
    whole = Source(0, "", dataset, np.arange(count), np.zeros(count, np.int64), lengths, dataset.features, {})
    return _guess(whole) if dataset.robot_type in _ARMS and _joints(whole, STATE) else None


def settle_units(sources: Sequence[Source], options: MergeOptions) -> tuple[Factors, list[Difference], list[str]]:
    """Find out which units sources have and how they are converted.

    Returns:
        The factors, the differences, and problems with calibration files.
    """
    arms = [source for source in sources if source.dataset.robot_type in _ARMS and _joints(source, STATE)]
    differences: list[Difference] = []
    problems: list[str] = []
    guesses: dict[int, Guess] = {}
    for source in arms:
        try:
            guesses[source.place] = _stated(source, options) or _guess(source)
        except DatasetError as error:
            problems.append(str(error))
            guesses[source.place] = Guess(None, "its statistics cannot be read")
    found = by_value((s.label, _shown(guesses[s.place])) for s in arms)
    if options.units is None:
        known = {guess.units for guess in guesses.values()}
        if len(known - {None}) > 1:
            action = "left as they are, though they differ; --units degrees (with --calibration) makes them one"
            return {}, [Difference(_WHAT, found, Verdict.WARNING, action)], problems
        return {}, [], problems
    factors: dict[tuple[int, str], tuple[float, ...]] = {}
    for source in arms:
        own = guesses[source.place].units
        if own is options.units:
            continue
        calibration = next((c.value for c in reversed(options.calibrations) if c.applies(source.place)), None)
        number = source.place + 1
        if own is None or calibration is None:
            flags = [] if own else [f"--source-units {number}:degrees", f"--source-units {number}:range"]
            flags += [] if calibration else [f"--calibration {number}:FILE"]
            text = f"{_shown(guesses[source.place])} in {source.label}, {options.units} is wanted"
            differences.append(Difference(_WHAT, text, Verdict.OPEN, flags=tuple(flags)))
            continue
        try:
            per_joint = _degrees_per_percent(calibration)
            factors |= _source_factors(source, per_joint, options.units)
        except (MetadataError, OSError) as error:
            problems.append(str(error))
            continue
        differences.append(
            Difference(_WHAT, f"{own} in {source.label}", Verdict.CHOSEN, f"converted to {options.units}")
        )
    return factors, differences, problems


def _shown(guess: Guess) -> str:
    return f"{guess.units or 'unknown'} ({guess.reason})"


def _stated(source: Source, options: MergeOptions) -> Guess | None:
    stated = next((s.value for s in reversed(options.source_units) if s.applies(source.place)), None)
    return Guess(stated, "as given") if stated else None


def _guess(source: Source) -> Guess:
    largest = _largest(source)
    if largest > _FULL:
        return Guess(Units.DEGREES, f"a joint is at {largest:.0f}")
    if source.dataset.robot_type != "so_follower":
        return Guess(Units.RANGE, "the robot has the name that LeRobot used up to 0.4.2")
    if any("is_depth_map" in feature.info for feature in source.dataset.features.values()):
        return Guess(Units.DEGREES, "pictures are described as by LeRobot 0.6, whose default it is")
    return Guess(None, "nothing tells")


def _largest(source: Source) -> float:
    """Return the largest joint value, the gripper left out, as statistics tell it."""
    dataset = source.dataset
    if not dataset.version.has_dataset_statistics:
        step = max(1, len(source.episodes) // _EPISODES_LOOKED_AT)
        parts = [dataset.episodes[int(number)].stats for number in source.episodes[::step]]
    else:
        parts = [dataset.stats]
    largest = 0.0
    for name in (STATE, ACTION):
        original = source.originals.get(name, name)
        for joint, part in ((j, p) for p in parts for j in enumerate(_joints(source, name))):
            if original in part and _GRIPPER not in joint[1] and joint[0] < part[original].max.size:
                stats = part[original]
                largest = max(largest, abs(stats.min.flat[joint[0]]), abs(stats.max.flat[joint[0]]))
    return float(largest)


def _joints(source: Source, name: str) -> tuple[str, ...]:
    feature = source.features.get(name)
    return (feature.dimension_names or ()) if feature else ()


def _degrees_per_percent(path: Path) -> dict[str, float]:
    """Return the degrees that one hundredth of half a joint's range is, by joint.

    Raises:
        MetadataError: the file is not a calibration.
        OSError: it cannot be read.
    """
    factors = {}
    for joint, entry in read_object(path).items():
        try:
            ticks = float(entry["range_max"]) - float(entry["range_min"])
            sign = -1 if entry.get("drive_mode") else 1
        except (TypeError, KeyError, ValueError, AttributeError):
            raise MetadataError(f"{path}: joint {joint!r} has no 'range_min' and 'range_max'") from None
        if ticks <= 0:
            raise MetadataError(f"{path}: joint {joint!r}: 'range_max' is not above 'range_min'")
        factors[joint] = sign * ticks / 2 * 360 / _TICKS_PER_TURN / 100
    return factors


def _source_factors(
    source: Source, per_joint: Mapping[str, float], units: Units
) -> dict[tuple[int, str], tuple[float, ...]]:
    factors = {}
    for name in (STATE, ACTION):
        row = []
        for joint in _joints(source, name):
            short = joint.partition(".")[0].removeprefix("main_")
            if short != _GRIPPER and short not in per_joint:
                raise MetadataError(f"the calibration of {source.label} has no joint {short!r}")
            factor = 1.0 if short == _GRIPPER else per_joint[short]
            row.append(factor if units is Units.DEGREES else 1 / factor)
        if row:
            factors[source.place, name] = tuple(row)
    return factors
