"""The statistics of a dataset as a page shows them: one line per dimension, with its unit; nothing is measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from lerotool.choices import Units
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.joint_units import GRIPPER, Guess, guess_units, is_so_arm
from lerotool.features import ACTION, DEFAULT_FEATURES, STATE, Feature, Kind
from lerotool.moments import FeatureStats
from lerotool.web.describing import is_drawn, short

COLUMNS = ("min", "q01", "mean", "std", "q99", "max")
_JOINT_UNITS = {Units.DEGREES: "°", Units.RANGE: "% of half the range"}
_WORDS = {Units.DEGREES: "degrees", Units.RANGE: "per cent of half their range"}
_COLOURS = ("red", "green", "blue")


def statistics_table(dataset: Dataset) -> dict[str, Any]:
    """Return what ``meta/stats.json`` says of each dimension, None for what it does not say."""
    guess = guess_units(dataset) if is_so_arm(dataset) else None
    features = [
        {"name": name, "label": short(name), "frames": stats.count, "lines": _lines(name, feature, stats, guess)}
        for name, feature in dataset.features.items()
        if _is_shown(name, feature) and (stats := dataset.stats.get(name)) is not None
    ]
    return {"columns": list(COLUMNS), "features": features, "units": _told(guess)}


def _is_shown(name: str, feature: Feature) -> bool:
    return is_drawn(name, feature) or (feature.kind is not Kind.NUMERIC and name not in DEFAULT_FEATURES)


def _lines(name: str, feature: Feature, stats: FeatureStats, guess: Guess | None) -> list[dict[str, Any]]:
    values = [None if (value := stats.value(column)) is None else np.ravel(value) for column in COLUMNS]
    count = len(np.ravel(stats.min))
    if feature.kind is Kind.NUMERIC:
        labels = feature.dimension_names or tuple(str(number) for number in range(count))
        own = [_joint_unit(label, guess) if name in (STATE, ACTION) else "" for label in labels]
    else:
        labels = ("depth",) if feature.is_depth else _COLOURS
        own = [str(feature.info.get("depth_unit", "")) if feature.is_depth else "of full scale"] * len(labels)
    return [
        {"label": label, "unit": unit, "values": [_plain(column, number) for column in values]}
        for number, (label, unit) in enumerate(zip(labels, own, strict=True))
        if number < count
    ]


def _joint_unit(label: str, guess: Guess | None) -> str:
    if guess is None or guess.units is None:
        return ""
    return "% open" if GRIPPER in label else _JOINT_UNITS[guess.units]


def _told(guess: Guess | None) -> str | None:
    """Return why joints are thought to have their units; None where that is not known."""
    return None if guess is None or guess.units is None else f"joints in {_WORDS[guess.units]}: {guess.reason}"


def _plain(column: np.ndarray | None, number: int) -> float | None:
    if column is None or number >= len(column) or not np.isfinite(column[number]):
        return None
    return float(f"{column[number]:.6g}")
