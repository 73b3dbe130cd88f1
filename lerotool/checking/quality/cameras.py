"""What cameras see: next to nothing, by the statistics that the dataset keeps; or out of focus, by the fine detail.

In one episode against the others of the camera, and in all of them against a sharp edge. Pictures are looked at with
240 to 479 pixels on the shorter side, about what policies see: a sensor that is finer than its lens does no harm there,
and what an encoder adds to a blurred picture, which has more fine detail than that, is mostly gone.

The only part of the look that decodes pictures: the first of each camera and episode. It is a keyframe as LeRobot and
lerotool write videos, and an arm hardly moves in it yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lerotool.checking.quality.motion import ODD_DEVIATIONS, Case, deviations
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.episodes import Episode
from lerotool.errors import CorruptDatasetError, MediaError
from lerotool.findings import Code
from lerotool.moments import FeatureStats

Grey = npt.NDArray[np.float32]

BLURRED = 4.0
"""So many times less fine detail than in the camera's median episode; another scene makes twice more or less."""
EDGE = 0.25
"""Fine detail against the coarse of an ideal edge: it is one line at every scale, and a line fills four times more of
a picture a quarter as wide."""
UNFOCUSED = 0.06
"""The same in the median episode of a camera that is out of focus in all: a blur of more than a pixel, where sharp
pictures have 0.17 or more."""
FEWEST = 5
"""Episodes, to say what is usual."""
_PLAIN = (2 / 255) ** 2
"""Coarse detail of a picture in which nothing is to be seen sharp or not."""
_SMALLEST = 32
_SEEN = 480
"""Pixels of the shorter side below which a picture is not halved any more."""
_LEAST_SPREAD = 0.1


def sharpnesses(dataset: Dataset, episode: int) -> dict[str, float]:
    """Return by camera how sharp an episode is; cameras whose pictures cannot be read, or show nothing, are left out.

    What cannot be read is a finding of `check`, not of this look.
    """
    found = {}
    for camera in dataset.cameras:
        if dataset.features[camera].is_depth or dataset.padding.is_filled(camera, episode):
            continue
        try:
            picture = next(dataset.frames(episode, camera, 0, 1), None)
        except (CorruptDatasetError, MediaError, FileNotFoundError):
            continue
        if picture is not None and (value := sharpness(picture)) is not None:
            found[camera] = value
    return found


def sharpness(picture: np.ndarray) -> float | None:
    """Return the energy of a picture's finest detail against that of detail four times as coarse.

    `picture`: HWC uint8. A ratio, which brightness and contrast leave as it is; None where there is nothing to be seen
    sharp.
    """
    grey: Grey = picture.mean(axis=2, dtype=np.float32) / np.float32(255)
    while min(grey.shape) >= _SEEN:
        grey = _halved(grey)
    if min(grey.shape) < _SMALLEST:
        return None
    coarse = _detail(_halved(_halved(grey)))
    return None if coarse < _PLAIN else _detail(grey) / coarse


def _halved(grey: Grey) -> Grey:
    height, width = (size // 2 for size in grey.shape)
    halved: Grey = grey[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
    return halved


def _detail(grey: Grey) -> float:
    """Return the mean square of the Laplacian."""
    sides = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return float(np.square(sides - 4 * grey[1:-1, 1:-1]).mean())


def blurred(found: Sequence[Mapping[str, float]]) -> Iterator[Case]:
    """Yield the cameras that have far less fine detail in an episode than in most, or next to none in most."""
    for camera in dict.fromkeys(camera for own in found for camera in own):
        numbers = [number for number, own in enumerate(found) if own.get(camera, 0) > 0]
        if numbers and float(np.median([found[number][camera] for number in numbers])) < UNFOCUSED:
            for number in (number for number in numbers if found[number][camera] < UNFOCUSED):
                value = found[number][camera]
                text = f"fine detail is 1/{EDGE / value:.0f} of what a sharp edge has"
                yield Case(Code.CAMERA_BLURRED, number, -value, text, camera)
            continue
        if len(numbers) < FEWEST:
            continue
        logs = np.log([found[number][camera] for number in numbers])
        for number, below, odd in zip(numbers, *deviations(-logs, _LEAST_SPREAD), strict=True):
            if below >= np.log(BLURRED) and odd > ODD_DEVIATIONS:
                text = f"fine detail is 1/{np.exp(below):.0f} of what the camera shows in most episodes"
                yield Case(Code.CAMERA_BLURRED, number, float(below), text, camera)


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
