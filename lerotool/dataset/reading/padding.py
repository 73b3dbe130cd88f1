"""What a merge has made up: joints filled up with zeros, cameras with black pictures. Statistics leave them out.

The merge notes them in ``meta/lerotool/merge.json``, by ranges of episodes (the first, and the one after the last).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.errors import MetadataError
from lerotool.features import Feature
from lerotool.wording import problems
from lerotool.workspace import Workspace

Present = npt.NDArray[np.bool_]
Range = tuple[NonNegativeInt, NonNegativeInt]


class PaddedEpisodes(BaseModel):
    """Episodes whose vectors were filled up; ``mask`` says which dimensions were there before."""

    model_config = ConfigDict(frozen=True)
    episodes: Range
    mask: tuple[bool, ...]


class _PaddedFeature(BaseModel):
    model_config = ConfigDict(frozen=True)
    padded: tuple[PaddedEpisodes, ...]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)
    schema_: Literal[1] = Field(alias="schema")
    padding: dict[str, _PaddedFeature] = {}
    black_cameras: dict[str, tuple[Range, ...]] = {}


class Padding:
    """Which dimensions and pictures of which episodes are real.

    Attributes:
        padded: by feature, the episodes that were filled up.
        filled: by camera, ranges of episodes whose pictures are black because there were none.
    """

    def __init__(
        self, padded: Mapping[str, Sequence[PaddedEpisodes]], filled: Mapping[str, Sequence[tuple[int, int]]]
    ) -> None:
        self.padded = dict(padded)
        self.filled = dict(filled)

    def dimensions(self, name: str, start: int, stop: int) -> Present | None:
        """Return which dimensions of a vector are real in the episodes ``start`` to ``stop``, (n, d); None is all."""
        if name not in self.padded:
            return None
        present = np.ones((stop - start, len(self.padded[name][0].mask)), np.bool_)
        for part in self.padded[name]:
            first, last = part.episodes
            present[max(first - start, 0) : max(last - start, 0)] = part.mask
        return present

    def pictures(self, camera: str, start: int, stop: int) -> Present:
        """Return in which of the episodes ``start`` to ``stop`` a camera has pictures of its own, (n,)."""
        present = np.ones(stop - start, np.bool_)
        for first, last in self.filled.get(camera, ()):
            present[max(first - start, 0) : max(last - start, 0)] = False
        return present

    def is_filled(self, camera: str, episode: int) -> bool:
        """Return whether the pictures of an episode are black because there were none."""
        return not self.pictures(camera, episode, episode + 1)[0]


def merge_notes(root: Path) -> Path:
    """Return where a merge writes down what it did."""
    return Workspace(root).sidecar / "merge.json"


def load_padding(root: Path, features: Mapping[str, Feature]) -> Padding:
    """Read what a merge has noted; a dataset without ``meta/lerotool/merge.json`` has no padding."""
    path = merge_notes(root)
    if not path.exists():
        return Padding({}, {})
    hint = "remove the file if another program has changed the dataset; padded joints then count as recorded ones"
    try:
        document = _Document.model_validate(read_object(path))
    except ValidationError as error:
        raise MetadataError(f"{path}: {problems(error)[0]}", hint=hint) from error
    for name, feature in document.padding.items():
        shape = features[name].shape if name in features else None
        if other := [len(part.mask) for part in feature.padded if shape != (len(part.mask),)]:
            found = f"has shape {list(shape)}" if shape else "is not a feature"
            raise MetadataError(f"{path}: a mask of {other[0]} dimensions for {name!r}, which {found}", hint=hint)
    padded = {name: feature.padded for name, feature in document.padding.items() if feature.padded}
    return Padding(padded, document.black_cameras)
