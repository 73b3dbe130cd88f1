"""Where all came from, and what of the target is real: joints that a source has, pictures that a camera took."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.documents import read_object
from lerotool.dataset.sidecar import merge_notes
from lerotool.features import Kind, cameras
from lerotool.rewriting.rewriting import Contribution, Rewriting
from lerotool.rewriting.source import side_by_side, unbroken

Present = npt.NDArray[np.bool_]


def real_dimensions(contribution: Contribution, name: str, width: int) -> Present:
    """Return which dimensions of a vector of the target are real in each of a source's episodes, (episodes, width)."""
    rule, source = contribution.rules[name], contribution.source
    own = source.dataset.padding.dimensions(rule.original, 0, source.dataset.num_episodes)
    count = len(contribution.lengths)
    if own is None and rule.places is None:
        return np.ones((count, width), np.bool_)
    places = list(range(width)) if rule.places is None else list(rule.places)
    present = np.zeros((count, width), np.bool_)
    present[:, places] = True if own is None else own[source.episodes]
    return present


def real_pictures(contribution: Contribution, camera: str) -> Present:
    """Return in which of a source's episodes a camera of the target has pictures of its own, (episodes,)."""
    source = contribution.source
    if camera not in source.originals:
        return np.zeros(len(contribution.lengths), np.bool_)
    original = source.originals[camera]
    return source.dataset.padding.pictures(original, 0, source.dataset.num_episodes)[source.episodes]


def runs(rows: Present) -> list[tuple[int, int]]:
    """Return where equal rows stand side by side: the first, and the one after the last."""
    flat = rows.reshape(len(rows), -1)
    return unbroken((flat[1:] != flat[:-1]).any(axis=1), len(rows))


def provenance(work: Rewriting) -> dict[str, Any] | None:
    """Return what ``meta/lerotool/merge.json`` says: sources and their episodes, padding, what was decided.

    None where a dataset that nobody has merged is rewritten in its place.
    """
    made_up = {"padding": dict(_padding(work)), "black_cameras": dict(_black(work))}
    if work.in_place is not None:
        path = merge_notes(work.contributions[0].source.dataset.root)
        if not path.is_file():
            return None
        known = read_object(path)
        return {**known, "sources": list(_left_of_sources(work, known.get("sources"))), **made_up}
    return {
        "schema": 1,
        "sources": [
            {
                "name": c.source.label,
                "codebase_version": c.source.dataset.version.value,
                "robot_type": c.source.dataset.robot_type,
                "fps": c.source.dataset.fps,
                "source_episodes": [[first, stop] for first, stop in c.source.runs()],
                "episodes": [c.first_episode, c.first_episode + len(c.lengths)],
            }
            for c in work.contributions
        ],
        **made_up,
        "differences": list(work.remarks),
    }


def _left_of_sources(work: Rewriting, sources: object) -> Iterator[dict[str, Any]]:
    """Yield what is still there of the sources of an earlier merge, with the present numbers of its episodes."""
    kept = np.concatenate([np.empty(0, np.int64), *(c.source.episodes for c in work.contributions)])
    for entry in sources if isinstance(sources, list) else ():
        with contextlib.suppress(TypeError, ValueError, KeyError):
            first, stop = entry["episodes"]
            own = np.concatenate([np.arange(a, b) for a, b in entry["source_episodes"]])
            here = np.flatnonzero((kept >= first) & (kept < stop))
            if len(own) == stop - first and len(here):
                episodes = own[kept[here] - first]
                ranges = [[int(episodes[a]), int(episodes[b - 1]) + 1] for a, b in side_by_side(episodes)]
                yield {**entry, "source_episodes": ranges, "episodes": [int(here[0]), int(here[-1]) + 1]}


def _padding(work: Rewriting) -> Iterator[tuple[str, Any]]:
    for name, feature in work.features.items():
        padded = []
        for contribution in work.contributions if feature.kind is Kind.NUMERIC and len(feature.shape) == 1 else ():
            if name not in contribution.rules:
                continue
            real = real_dimensions(contribution, name, feature.shape[0])
            for first, stop in runs(real):
                mask = real[first].tolist()
                if all(mask):
                    continue
                places = contribution.rules[name].places
                padded.append(
                    {
                        "episodes": [contribution.first_episode + first, contribution.first_episode + stop],
                        "original_width": sum(mask),
                        "mask": mask,
                        "places": [p for p in places or range(len(mask)) if mask[p]],
                    }
                )
        if padded:
            names = feature.dimension_names
            yield name, {"width": feature.shape[0], "names": list(names) if names else None, "padded": padded}


def _black(work: Rewriting) -> Iterator[tuple[str, list[list[int]]]]:
    for name in cameras(work.features):
        ranges = []
        for contribution in work.contributions:
            is_real = real_pictures(contribution, name)
            first = contribution.first_episode
            ranges += [[first + a, first + b] for a, b in runs(is_real) if not is_real[a]]
        if ranges:
            yield name, ranges
