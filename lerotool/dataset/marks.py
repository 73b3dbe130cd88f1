"""Marks: what a person has said about an episode. They stay beside the dataset, in ``meta/lerotool/marks.jsonl``.

One JSON line per marked episode, in order:

    {"episode_index": 3, "frames": 412, "outcome": "success", "flagged": true, "note": "slow", "trim": [12, 400]}

``frames`` is the length of the episode that was marked. Where the episode of that number has another length, the
dataset was changed by something that does not know marks: such marks are left out and counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.dataset.documents import read_lines, whole_number
from lerotool.dataset.layout import inside
from lerotool.errors import MetadataError, UsageError
from lerotool.storage import json_lines
from lerotool.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.layout import Layout

MARKS = Path("meta", "lerotool", "marks.jsonl")
LONGEST_NOTE = 2000
_WAIT_S = 5.0


class Outcome(StrEnum):
    """How an episode ended."""

    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Mark:
    """What was said about one episode."""

    outcome: Outcome | None = None  # how it ended, None if nobody said
    flagged: bool = False  # whether somebody wants to look at it again, or to leave it out
    note: str = ""  # a text for people
    # The first frame worth keeping and the one after the last; None is the whole episode.
    trim: tuple[int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return self == Mark()

    def to_json(self) -> dict[str, Any]:
        """Return what was said, and nothing else."""
        said: dict[str, Any] = {}
        if self.outcome is not None:
            said["outcome"] = self.outcome.value
        if self.flagged:
            said["flagged"] = True
        if self.note:
            said["note"] = self.note
        if self.trim is not None:
            said["trim"] = list(self.trim)
        return said

    def of_piece(self, start: int, length: int) -> Mark:
        """Return the mark of a piece of the episode: ``length`` frames from ``start`` on; trim points move along."""
        if self.trim is None:
            return self
        first, after = (min(max(point - start, 0), length) for point in self.trim)
        return replace(self, trim=(first, after) if first < after and (first, after) != (0, length) else None)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], frames: int) -> Mark:
        """Build a mark from what a file or a page says; keys that are not known are passed over."""
        outcome, flagged, note = entry.get("outcome"), entry.get("flagged", False), entry.get("note", "")
        if outcome is not None and outcome not in list(Outcome):
            raise ValueError(f"outcome is {outcome!r}, expected {' or '.join(Outcome)}")
        if not isinstance(flagged, bool):
            raise ValueError(f"flagged is {flagged!r}, expected true or false")  # noqa: TRY004
        if not isinstance(note, str) or len(note) > LONGEST_NOTE:
            raise ValueError(f"note is not a text of at most {LONGEST_NOTE} characters")
        return cls(None if outcome is None else Outcome(outcome), flagged, note, _trim(entry.get("trim"), frames))


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a dataset."""

    by_episode: Mapping[int, Mark] = field(default_factory=dict)  # of the episodes that have one
    unmatched: int = 0  # how many lines belong to episodes of another length, and count for nothing

    def count(self) -> dict[str, int]:
        """Return how many episodes are marked in which way; without those that are 0."""
        return count_marks(self.by_episode.values())


def count_marks(marks: Collection[Mark]) -> dict[str, int]:
    """Return how many marks are of which kind; without those that are 0."""
    counts = {outcome.value: sum(mark.outcome is outcome for mark in marks) for outcome in Outcome}
    counts["flagged"] = sum(mark.flagged for mark in marks)
    counts["noted"] = sum(bool(mark.note) for mark in marks)
    counts["trimmed"] = sum(mark.trim is not None for mark in marks)
    return {name: count for name, count in counts.items() if count}


SELECTIONS: Mapping[str, Callable[[Mark], bool]] = {
    "success": lambda mark: mark.outcome is Outcome.SUCCESS,
    "failure": lambda mark: mark.outcome is Outcome.FAILURE,
    "flagged": lambda mark: mark.flagged,
    "unflagged": lambda mark: not mark.flagged,
    "unmarked": lambda mark: mark.outcome is None and not mark.flagged,
}
"""What can be written after ``dataset:`` in place of numbers, and which episodes it means."""


def load_marks(dataset: Dataset) -> Marks:
    """Read the marks of a dataset; without their file there are none."""
    path = inside(dataset.root, dataset.layout.files.name(MARKS.as_posix()))
    if not path.exists():
        return Marks()
    lengths = dataset.episodes.lengths
    marks, unmatched = {}, 0
    for place, entry in read_lines(path):
        episode, frames = whole_number(entry, "episode_index", place), whole_number(entry, "frames", place)
        try:
            mark = Mark.from_json(entry, frames)
        except ValueError as error:
            raise MetadataError(f"{place}: {error}", hint=f"correct the line, or remove {MARKS.as_posix()}") from None
        if episode >= len(lengths) or frames != lengths[episode]:
            unmatched += 1
        else:
            marks[episode] = mark
    return Marks(marks, unmatched)


def selected(dataset: Dataset, word: str) -> list[int]:
    """Return the episodes that a word of `SELECTIONS` means, in order; raises like `load_marks`."""
    marks = load_marks(dataset).by_episode
    return [episode for episode in range(dataset.num_episodes) if SELECTIONS[word](marks.get(episode, Mark()))]


def save_mark(root: Path, episode: int, said: Mapping[str, Any], wait_s: float = _WAIT_S) -> Mark:
    """Change what was said about an episode, durably and in one step.

    `said`: the keys of `Mark.to_json` that change, with their new values; None takes one back. Returns the new mark.
    `OSError`: the disk is full or fails; the marks are as they were.
    """
    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.writing.staging import changing

    workspace = Workspace(Path(os.path.abspath(root)))  # noqa: PTH100 - links must stay as they are
    with changing(workspace, "saving a mark", wait_s):
        dataset = Dataset.open(workspace.root)
        marks = dict(load_marks(dataset).by_episode)
        marks[episode] = _changed(marks.get(episode, Mark()), said, episode, dataset)
        _write(workspace, {number: mark for number, mark in marks.items() if not mark.is_empty}, dataset)
    return marks[episode]


def with_marks(layout: Layout, first: int, added: Sequence[tuple[int, Mark]]) -> bytes | None:
    """Return what the file of marks says once episodes have been added; None where it need not change."""
    if all(mark.is_empty for _, mark in added):
        return None
    path = inside(layout.root, layout.files.name(MARKS.as_posix()))
    there = read_lines(path) if path.exists() else ()
    entries = [entry for place, entry in there if whole_number(entry, "episode_index", place) < first]
    new = enumerate(added, first)
    return json_lines([*entries, *(_line(number, frames, mark) for number, (frames, mark) in new if not mark.is_empty)])


def _line(episode: int, frames: int, mark: Mark) -> dict[str, Any]:
    return {"episode_index": episode, "frames": frames, **mark.to_json()}


def _changed(mark: Mark, said: Mapping[str, Any], episode: int, dataset: Dataset) -> Mark:
    if not 0 <= episode < dataset.num_episodes:
        raise UsageError(f"no episode {episode}: {dataset.root} has {dataset.num_episodes}")
    entry = {**mark.to_json(), **said}
    try:
        return Mark.from_json(
            {key: value for key, value in entry.items() if value is not None}, dataset.episodes[episode].length
        )
    except ValueError as error:
        raise UsageError(f"episode {episode} cannot be marked so: {error}") from None


def _write(workspace: Workspace, marks: Mapping[int, Mark], dataset: Dataset) -> None:
    from lerotool.dataset.writing.staging import Staging

    target = workspace.root / MARKS
    text = mark_lines(marks, dataset.episodes.lengths)
    with Staging(workspace) as staging:
        if text:
            staging.write(target, text)
        staging.commit(removals=[] if text or not target.exists() else [target])


def mark_lines(marks: Mapping[int, Mark], lengths: Sequence[int] | np.ndarray) -> bytes:
    """Return the contents of `MARKS`: the marks by number of the episode, with the frames of all episodes."""
    return json_lines(_line(number, int(lengths[number]), marks[number]) for number in sorted(marks))


def _trim(value: Any, frames: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(type(number) is int for number in value):
        raise ValueError(f"trim is {value!r}, expected two frame numbers")
    first, after = value
    if not 0 <= first < after <= frames:
        raise ValueError(f"trim is {first} to {after}, expected a range within the {frames} frames")
    return None if (first, after) == (0, frames) else (first, after)
