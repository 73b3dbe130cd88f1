"""Which episodes go into which part when a dataset is split: by ranges, by fractions, by task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lerotool.arguments import as_count
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.selection import Selection
from lerotool.errors import UsageError
from lerotool.wording import listed

Ints = npt.NDArray[np.int64]
Share = float | str | int | Sequence[int]
"""A fraction of all episodes above 0 and up to 1, or which episodes: numbers, or a text such as ``0-79``."""
_FRACTION = re.compile(r"(0?\.\d+|[01]\.\d*)")
_NAME = re.compile(r"[^\s/\\:]+")
_SHORT = 40


def split_episodes(dataset: Dataset, shares: Mapping[str, Share], seed: int | None = None) -> dict[str, Ints]:
    """Return the episodes of each part, in their order.

    `seed`: shuffles the episodes before fractions are taken of them; None takes them in their order.
    """
    if not shares:
        raise UsageError("no parts are named", hint="train=0.8 val=0.2")
    for name in shares:
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise UsageError(f"{name!r} cannot be the name of a part: it becomes the end of a folder's name")
    given = {name: _share(share) for name, share in shares.items()}
    fractions = {name: share for name, share in given.items() if isinstance(share, float)}
    if fractions and len(fractions) < len(given):
        raise UsageError(
            "some parts are fractions and others are episodes", hint="train=0.8 val=0.2, or train=0-79 val=80-99"
        )
    if fractions:
        parts = _by_fraction(dataset.num_episodes, fractions, seed)
    elif seed is not None:
        raise UsageError(
            "a seed shuffles episodes for fractions, and there are none of these", hint="train=0.8 val=0.2"
        )
    else:
        label = str(dataset.root)
        parts = {
            name: np.sort(share.choose(dataset, label)) for name, share in given.items() if isinstance(share, Selection)
        }
    _check(parts)
    return parts


def split_by_task(dataset: Dataset) -> dict[str, Ints]:
    """Return the episodes of each task, by a name made of the task's text."""
    parts: dict[str, list[int]] = {}
    for episode in dataset.episodes:
        if len(episode.tasks) > 1:
            raise UsageError(
                f"episode {episode.index} has several tasks: {listed(episode.tasks)}",
                hint="split by numbers: train=0-79",
            )
        parts.setdefault(episode.tasks[0], []).append(episode.index)
    names: dict[str, Ints] = {}
    for text, numbers in parts.items():
        short = re.sub(r"\W+", "-", text.lower()).strip("-")[:_SHORT].strip("-") or "task"
        name = short if short not in names else f"{short}-{len(names)}"
        names[name] = np.array(numbers, np.int64)
    return names


def _share(share: Share) -> float | Selection:
    if isinstance(share, str) and _FRACTION.fullmatch(share.strip()):
        share = float(share)
    if isinstance(share, float):
        if not 0 < share <= 1:
            raise UsageError(f"{share:g} is not a fraction above 0 and up to 1")
        return share
    return Selection.of(share)


def _by_fraction(count: int, fractions: Mapping[str, float], seed: int | None) -> dict[str, Ints]:
    if (total := sum(fractions.values())) > 1 + 1e-9:
        raise UsageError(f"the fractions are {total:g} together, more than all")
    order = np.arange(count)
    if seed is not None:
        order = np.random.default_rng(as_count("seed", seed, 0)).permutation(count)
    edges = np.rint(np.cumsum([0.0, *fractions.values()]) * count).astype(np.int64)
    return {name: np.sort(order[a:b]) for name, a, b in zip(fractions, edges[:-1], edges[1:], strict=True)}


def _check(parts: Mapping[str, Ints]) -> None:
    if empty := [name for name, numbers in parts.items() if not len(numbers)]:
        raise UsageError(f"no episode would be in {listed(empty)}")
    owners: dict[int, str] = {}
    for name, numbers in parts.items():
        for number in numbers.tolist():
            if owners.setdefault(number, name) != name:
                raise UsageError(f"episode {number} would be in {owners[number]!r} and in {name!r}")
