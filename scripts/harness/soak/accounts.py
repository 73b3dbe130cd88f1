"""The reckoning: every episode that was promised is in the dataset, once, with every row and every frame."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.soak.actor import CAMERA
from harness.soak.values import rows_hash
from lerotool.checking import Severity, check
from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import read_number
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.features import CAMERA_PREFIX
from lerotool.spool.pending import remove_leftovers
from lerotool.storage import lock_owner
from lerotool.workspace import Workspace

_NOTHING = "no complete row"
_WRITER_ENDS_S = 60.0
_POLL_S = 0.05
_SHORT = 8
"""Digits of a recording's id that its folder has."""


@dataclass(frozen=True, slots=True)
class Promise:
    """An episode that was called saved.

    Attributes:
        recording: its id, or the first digits; None if it goes by its values.
        rows: how many it has.
        values: hash of its values; None if there was no time to read them.
        is_certain: whether nobody has pressed the key that may take it back.
    """

    recording: str | None
    rows: int
    values: str | None
    is_certain: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """An episode of the dataset."""

    index: int
    recording: str
    rows: int
    values: str
    has_its_frames: bool

    def is_meant_by(self, promise: Promise) -> bool:
        if promise.recording is not None and not self.recording.startswith(promise.recording[:_SHORT]):
            return False
        return promise.values in (None, self.values)


@dataclass(frozen=True, slots=True)
class Account:
    """What was found at the end.

    Attributes:
        promised: episodes that were called saved.
        taken_back: of those, how many the person may have taken back, and are not there.
        episodes: in the dataset.
        unpromised: of those, how many were never called saved: the remains of takes that were cut off, or the end came
            between saving and saying so.
        rows: in the dataset, each with its frame.
        files: data and video files.
        problems: what is not as it should be.
    """

    promised: int
    taken_back: int
    episodes: int
    unpromised: int
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


def _await_writers(root: Path) -> None:
    """Wait for the encoder of a killed recorder: it ends at the next point at which nothing is lost."""
    give_up = time.monotonic() + _WRITER_ENDS_S
    while lock_owner(Workspace(root).writing_lock) is not None and time.monotonic() < give_up:
        time.sleep(_POLL_S)


def settle(root: Path, ledger: Path) -> Account:
    """Bring all that waits into the dataset and compare it with what was promised."""
    _await_writers(root)
    remove_leftovers(root)
    report = encode_pending(root, EncodeOptions(salvage=True))
    problems = [f"{left.episode} was not encoded: {left.reason}" for left in report.failures]
    # A take that was killed before its first row had its picture holds nothing.
    problems += [f"{left.episode} was left: {left.reason}" for left in report.left if _NOTHING not in left.reason]
    dataset = Dataset.open(root)
    found = [_read(dataset, entry) for entry in _recordings(root)]
    if sorted(episode.index for episode in found) != list(range(dataset.num_episodes)):
        problems.append(f"{dataset.num_episodes} episodes of {len(found)} recordings")
    promises = read_ledger(ledger)
    kept: set[int] = set()
    taken_back = 0
    for promise in promises:
        matches = [episode for episode in found if episode.is_meant_by(promise)]
        kept |= {episode.index for episode in matches}
        taken_back += not matches and not promise.is_certain
        if len(matches) != 1 and (matches or promise.is_certain):
            problems.append(f"{len(matches)} episodes for what was promised: {promise}")
        problems += [
            f"{episode} is not what was promised: {promise}" for episode in matches if episode.rows != promise.rows
        ]
    problems += [f"{episode}: frames are not those of its rows" for episode in found if not episode.has_its_frames]
    checked = check(root).findings
    problems += [f"lerotool check: {f.place}: {f.text}" for f in checked if f.severity is Severity.ERROR]
    return Account(
        promised=len(promises),
        taken_back=taken_back,
        episodes=dataset.num_episodes,
        unpromised=dataset.num_episodes - len(kept),
        rows=dataset.num_frames,
        files=sum(1 for kind in ("data", "videos") for _ in (root / kind).rglob("file-*")),
        problems=tuple(problems),
    )


def _recordings(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(Workspace(root).sidecar.glob("recordings/*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _read(dataset: Dataset, entry: dict[str, Any]) -> _Found:
    index = int(entry["episode_index"])
    rows = dataset.episode_rows(index)
    shown = np.array([read_number(picture) for picture in dataset.frames(index, CAMERA_PREFIX + CAMERA)])
    return _Found(
        index, entry["recording_id"], len(rows), rows_hash(rows), has_its_frames=_fit(shown, dataset.timing(index))
    )


def _fit(shown: NDArray[np.int64], timing: pa.Table | None) -> bool:
    """Tell whether pictures count up like the packets that the rows name; a program hands over one for each row."""
    column = f"picture/{CAMERA_PREFIX}{CAMERA}"
    named = np.arange(len(shown))
    if timing is not None and column in timing.column_names and not timing[column].null_count:
        named = timing[column].to_numpy()
    return len(shown) == len(named) and len(set((shown - named).tolist())) == 1
