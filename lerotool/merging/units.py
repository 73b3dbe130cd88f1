"""Units of SO arms' joints, converted with the arm's calibration.

Conversion is linear (``motors_bus.py:_normalize``): degrees = value / 100 · half the calibrated range in ticks · 360 /
4095, the sign turned for a joint with a drive mode. It needs the calibration of the follower, because an action, too,
is what the follower was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lerotool.choices import Units
from lerotool.dataset.documents import read_object
from lerotool.dataset.joints import GRIPPER, Guess, guess_units, is_so_arm, joints
from lerotool.errors import DatasetError, MetadataError
from lerotool.features import ACTION, STATE
from lerotool.merging.options import MergeOptions
from lerotool.merging.plan import Difference, Verdict, by_value
from lerotool.rewriting.source import Source

_TICKS_PER_TURN = 4095
_WHAT = "units of the joints"

Factors = Mapping[tuple[int, str], tuple[float, ...]]
"""By number of the source and feature: what each dimension in the source is multiplied with."""


def settle_units(
    sources: Sequence[Source], options: MergeOptions, differences: list[Difference], problems: list[str]
) -> Factors:
    """Return how the units that sources have are converted; with what differs, and is wrong with calibration files."""
    arms = [s for s in sources if STATE in s.originals and is_so_arm(s.dataset, s.originals[STATE])]
    guesses: dict[int, Guess] = {}
    for source in arms:
        try:
            guesses[source.place] = _guess(source, options)
        except DatasetError as error:
            problems.append(str(error))
            guesses[source.place] = Guess(None, "its statistics cannot be read")
    found = by_value((s.label, _shown(guesses[s.place])) for s in arms)
    if options.units is None:
        known = {guess.units for guess in guesses.values()}
        if len(known - {None}) > 1:
            action = "left as they are, though they differ; --units degrees (with --calibration) makes them one"
            differences.append(Difference(_WHAT, found, Verdict.WARNING, action))
        return {}
    factors: dict[tuple[int, str], tuple[float, ...]] = {}
    for source in arms:
        own = guesses[source.place].units
        if own is options.units:
            continue
        calibration = options.calibrations.get(source.place)
        number = source.place + 1
        if own is None or calibration is None:
            flags = [] if own else [f"--source-units {number}:degrees", f"--source-units {number}:range"]
            flags += [] if calibration else [f"--calibration {number}:FILE"]
            text = f"{_shown(guesses[source.place])} in {source.label}, {options.units} is wanted"
            differences.append(Difference(_WHAT, text, Verdict.OPEN, flags=tuple(flags)))
            continue
        try:
            factors |= _source_factors(source, _degrees_per_percent(calibration), options.units)
        except (MetadataError, OSError) as error:
            problems.append(str(error))
            continue
        differences.append(
            Difference(_WHAT, f"{own} in {source.label}", Verdict.CHOSEN, f"converted to {options.units}")
        )
    return factors


def _shown(guess: Guess) -> str:
    return f"{guess.units or 'unknown'} ({guess.reason})"


def _guess(source: Source, options: MergeOptions) -> Guess:
    if (stated := options.source_units.get(source.place)) is not None:
        return Guess(stated, "as given")
    names = [source.originals[name] for name in (STATE, ACTION) if name in source.originals]
    return guess_units(source.dataset, names, source.episodes)


def _degrees_per_percent(path: Path) -> dict[str, float]:
    """Return the degrees that one hundredth of half a joint's range is, by joint."""
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
        for joint in joints(source.features, name):
            short = joint.partition(".")[0].removeprefix("main_")
            if short != GRIPPER and short not in per_joint:
                raise MetadataError(f"the calibration of {source.label} has no joint {short!r}")
            factor = 1.0 if short == GRIPPER else per_joint[short]
            row.append(factor if units is Units.DEGREES else 1 / factor)
        if row:
            factors[source.place, name] = tuple(row)
    return factors
