"""The reckoning: every episode that was promised is in the dataset, once, with every row and every frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.checking import Severity, check
from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.numbered import read_number
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.features import CAMERA_PREFIX
from lerotool.spool.pending import remove_leftovers
from lerotool.testing.soak.actor import CAMERA
from lerotool.testing.soak.values import values_hash
from lerotool.workspace import Workspace

_SHORT = 8
"""Digits of a recording's id that its folder has."""


@dataclass(frozen=True, slots=True)
class Promise:
    """An episode that was called saved.

    Attributes:
        recording: its id, or the first digits.
        rows: how many it has.
        values: hash of its values, if there was time to read them.
        is_certain: whether nobody has pressed the key that may take it back.
    """

    recording: str
    rows: int
    values: str | None
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What was found at the end.

    Attributes:
        promised: episodes that were called saved.
        taken_back: of those, how many the person may have taken back, and are not there.
        episodes: in the dataset.
        salvaged: of those, how many were never called saved: the remains of takes that were cut off.
        rows: in the dataset, each with its frame.
        files: data and video files.
        problems: what is not as it should be.
    """

    promised: int
    taken_back: int
    episodes: int
    salvaged: int
    rows: int
    files: int
    problems: tuple[str, ...]


def read_ledger(path: Path) -> list[Promise]:
    """Return the promises in the order they were made."""
    promises: list[Promise] = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if "saved" in entry:
            promises.append(Promise(entry["saved"], entry["rows"], entry["values"], is_certain=True))
        elif promises:
            last = promises[-1]
            promises[-1] = Promise(last.recording, last.rows, last.values, is_certain=False)
    return promises


def settle(root: Path, ledger: Path) -> Account:
    """Bring all that waits into the dataset and compare it with what was promised."""
    remove_leftovers(root)
    report = encode_pending(root, EncodeOptions(salvage=True))
    problems = [f"{left.episode} was not encoded: {left.reason}" for left in report.failures]
    # A take that was killed before its first row had its picture holds nothing.
    problems += [
        f"{left.episode} was left: {left.reason}" for left in report.left if "no complete row" not in left.reason
    ]
    dataset = Dataset.open(root)
    found = {episode["recording_id"]: episode for episode in _recordings(root)}
    if len(found) != dataset.num_episodes:
        problems.append(f"{dataset.num_episodes} episodes of {len(found)} recordings")
    promises = read_ledger(ledger)
    missing = []
    for promise in promises:
        matches = [episode for name, episode in found.items() if name.startswith(promise.recording[:_SHORT])]
        missing += [] if matches else [promise]
        for match in matches:
            problems += _compare(dataset, int(match["episode_index"]), promise)
    problems += [f"recording {p.recording} of {p.rows} rows is lost" for p in missing if p.is_certain]
    for index in range(dataset.num_episodes):
        problems += _check_pictures(dataset, index)
    checked = check(root).findings
    problems += [f"lerotool check: {f.place}: {f.text}" for f in checked if f.severity is Severity.ERROR]
    known = {promise.recording[:_SHORT] for promise in promises}
    return Account(
        promised=len(promises),
        taken_back=len(missing),
        episodes=dataset.num_episodes,
        salvaged=sum(name[:_SHORT] not in known for name in found),
        rows=dataset.num_frames,
        files=sum(1 for kind in ("data", "videos") for _ in (root / kind).rglob("file-*")),
        problems=tuple(problems),
    )


def _recordings(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(Workspace(root).sidecar.glob("recordings/*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _compare(dataset: Dataset, index: int, promise: Promise) -> list[str]:
    rows = dataset.episode_rows(index)
    if len(rows) != promise.rows:
        return [f"recording {promise.recording} has {len(rows)} rows, {promise.rows} were promised"]
    if promise.values is not None and values_hash(rows) != promise.values:
        return [f"recording {promise.recording} has other values"]
    return []


def _check_pictures(dataset: Dataset, index: int) -> list[str]:
    """Compare the number that each frame shows with the packet that its row names: both count up together."""
    key = CAMERA_PREFIX + CAMERA
    timing = dataset.timing(index)
    if timing is None:
        return [f"episode {index} has no measured times"]
    shown = np.array([read_number(picture) for picture in dataset.frames(index, key)])
    named = timing[f"picture/{key}"].to_numpy()
    if len(shown) != len(named):
        return [f"episode {index} has {len(shown)} frames, {len(named)} rows"]
    offsets = Counter((shown - named).tolist())
    return [] if len(offsets) == 1 else [f"episode {index}: {len(offsets)} different offsets of pictures {offsets}"]
