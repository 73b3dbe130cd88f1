"""Statistics in the formats of other training code: openpi's ``norm_stats.json``, GR00T's ``meta/stats.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.execution import Progress, ignore_progress
from lerotool.features import ACTION, STATE, Kind
from lerotool.moments import FeatureStats
from lerotool.statistics.chunks import Chunks, measure_chunks
from lerotool.statistics.measure import Selection, measured

OPENPI_HORIZON = 50
"""``action_horizon`` of openpi's pi0 and pi0.5 unless a configuration says otherwise."""
_OPENPI = ("mean", "std", "q01", "q99")
_GROOT = ("mean", "std", "min", "max", "q01", "q99")
_STATES, _ACTIONS = (STATE, "state"), (ACTION, "actions")


@dataclass(frozen=True, slots=True)
class OpenpiOptions:
    """What an openpi configuration does to the numbers before it normalises them.

    Attributes:
        mask: of its ``DeltaActions`` transform: which actions are relative to the state; empty if none is.
        horizon: its ``action_horizon``.
        pad: dimensions to fill up to with zeros; 0 for none. Only openpi before mid-2025 wants it (32).
        state: feature of the state; None finds it.
        action: feature of the actions; None finds it.
    """

    mask: tuple[bool, ...] = ()
    horizon: int = OPENPI_HORIZON
    pad: int = 0
    state: str | None = None
    action: str | None = None


def parse_mask(text: str) -> tuple[bool, ...]:
    """Build a mask from whole numbers as openpi's ``make_bool_mask`` takes them: ``6,-1`` is six relative, one not."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"{text!r} is not a mask", hint="whole numbers as openpi's make_bool_mask takes them, such as 6,-1"
        ) from None
    return tuple(flag for number in numbers for flag in [number > 0] * abs(number))


def export_openpi(
    dataset: Dataset,
    options: OpenpiOptions | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> dict[str, Any]:
    """Return the document of openpi's ``norm_stats.json``: of the state, and of the actions of all chunks.

    Layout and meaning: openpi, ``shared/normalize.py`` and ``scripts/compute_norm_stats.py``. There quantiles are lower
    edges of 5000 histogram bins, and the last incomplete batch is left out; here all values count, and quantiles are
    exact.
    """
    options = options or OpenpiOptions()
    if options.horizon < 1:
        raise UsageError(f"a horizon of {options.horizon} actions is none")
    state = _find(dataset, options.state, _STATES, "state")
    action = _find(dataset, options.action, _ACTIONS, "actions")
    is_relative = any(options.mask)
    chunks = Chunks(action, state if is_relative else None, options.mask if is_relative else (), options.horizon)
    total = 2 * dataset.num_frames
    actions = measure_chunks(dataset, chunks, executor, lambda done, _: on_progress(done, total))
    with measured(dataset, Selection((state,), None), executor) as measurement:
        states = measurement.features[state].stats
    on_progress(total, total)
    return {"norm_stats": {"state": _padded(states, options.pad), "actions": _padded(actions, options.pad)}}


def _find(dataset: Dataset, given: str | None, usual: Iterable[str], what: str) -> str:
    name = given or next((name for name in usual if name in dataset.features), None)
    if name is None or name not in dataset.features or dataset.features[name].kind is not Kind.NUMERIC:
        found = ", ".join(n for n, f in dataset.features.items() if f.kind is Kind.NUMERIC)
        raise UsageError(f"no feature {name or what!r} of numbers", hint=f"name one of them: {found}")
    return name


def _padded(stats: FeatureStats, size: int) -> dict[str, list[float]]:
    entry = stats.to_json()
    values = {name: np.ravel(entry[name]) for name in _OPENPI}
    width = len(values["mean"])
    if size and size < width:
        raise UsageError(f"{width} dimensions do not fit into {size}")
    return {name: np.pad(row, (0, max(size - width, 0))).tolist() for name, row in values.items()}


def export_groot(
    dataset: Dataset, executor: Executor | None = None, on_progress: Progress = ignore_progress
) -> dict[str, Any]:
    """Return the document of GR00T's ``meta/stats.json``: every numeric column, from the rows alone.

    Layout: Isaac-GR00T, ``gr00t/data/stats.py``. Statistics of actions relative to the state, which GR00T keeps in
    files of their own by its modality configuration, are not among them.
    """
    if not dataset.num_frames:
        raise UsageError(f"{str(dataset.root)!r} has no frames to measure")
    with measured(dataset, Selection((), None), executor, on_progress) as measurement:
        entries = {name: found.stats.to_json() for name, found in measurement.features.items()}
    return {name: {key: entry[key] for key in _GROOT} for name, entry in entries.items()}


def document_text(document: dict[str, Any]) -> str:
    """Return the text of an exported file."""
    try:
        return json.dumps(document, indent=2, allow_nan=False) + "\n"
    except ValueError:
        raise UsageError(
            "the data hold NaN or infinite values: statistics of them would make training fail",
            hint="the same command with --verify instead of --export names the episodes",
        ) from None
