"""Cameras that see next to nothing: by the statistics that the dataset keeps of each episode; no video is decoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lerotool.checking.quality.case import Case
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.episodes import Episode
from lerotool.findings import Code
from lerotool.moments import FeatureStats

DARK = 0.1
"""Share of full scale that nine of ten pixels stay below: what is there is noise."""
BURNT = 0.98
"""Share of full scale that half of the pixels reach: there is nothing in them."""
_DARK_MEAN, _BURNT_MEAN = 0.05, 0.95
"""The mean, where a dataset has no quantiles."""


def exposures(dataset: Dataset, episode: Episode) -> Iterator[Case]:
    """Yield the cameras that were too dark or too bright in an episode."""
    for camera in dataset.cameras:
        stats = episode.stats.get(camera)
        if stats is None or dataset.features[camera].is_depth or dataset.padding.is_filled(camera, episode.index):
            continue
        if (light := _level(stats, "q90")) < (DARK if "q90" in stats.quantiles else _DARK_MEAN):
            text = f"{_what(stats, 'nine of ten pixels are below')} {light:.1%} of full scale"
            yield Case(Code.CAMERA_DARK, episode.index, 1 - light, text, camera)
        if (light := _level(stats, "q50")) > (BURNT if "q50" in stats.quantiles else _BURNT_MEAN):
            text = f"{_what(stats, 'half of the pixels are above')} {light:.1%} of full scale"
            yield Case(Code.CAMERA_BURNT, episode.index, light, text, camera)


def _level(stats: FeatureStats, quantile: str) -> float:
    return float(np.mean(stats.quantiles.get(quantile, stats.mean)))


def _what(stats: FeatureStats, text: str) -> str:
    return text if stats.quantiles else "the mean is"
