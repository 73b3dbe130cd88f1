"""What a dataset must be after edits of another one: which frames of which of its episodes, under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import av
import numpy as np

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import load_marks
from lerotool.features import DEFAULT_FEATURES, Kind
from lerotool.findings import Code

EXPECTED = {Code.VIDEO_UNUSED}
"""Pictures that no episode needs are not removed from files that others need."""


@dataclass(frozen=True)
class Piece:
    """Frames ``start`` to ``stop`` of an episode of the set before, and the task that they have now, if it is new."""

    episode: int
    start: int
    stop: int
    task: str | None = None


@dataclass(frozen=True)
class Model:
    """A dataset after edits of another one.

    Attributes:
        root: of the set before.
        pieces: its episodes.
        names: new names of features by their old ones.
        dropped: features that have left, by their old names.
        task_names: new texts by old ones.
    """

    root: Path
    pieces: tuple[Piece, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    task_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> Model:
        """Return the model of a set as it is."""
        lengths = Dataset.open(root).episodes.lengths.tolist()
        return cls(root, tuple(Piece(number, 0, length) for number, length in enumerate(lengths)))

    def without(self, *numbers: int) -> Model:
        """Return the model without some of its episodes."""
        return replace(self, pieces=tuple(p for n, p in enumerate(self.pieces) if n not in numbers))

    def check(self, root: Path) -> Dataset:
        """Compare a dataset with the model, and return it."""
        before, after = Dataset.open(self.root), Dataset.open(root)
        assert after.episodes.lengths.tolist() == [piece.stop - piece.start for piece in self.pieces]
        own = {n: self.names.get(n, n) for n in before.features if n not in self.dropped}
        assert list(after.features) == list(own.values())
        assert after.numpy("index").tolist() == list(range(after.num_frames))
        marks_before, marks_after = load_marks(before), load_marks(after)
        assert marks_after.unmatched == 0
        for number, piece in enumerate(self.pieces):
            self._check_rows(before, after, number, piece, own)
            self._check_pictures(before, after, number, piece, own)
            mark = marks_before.by_episode.get(piece.episode)
            found = marks_after.by_episode.get(number)
            assert (mark is None and found is None) or (mark is not None and found is not None)
            if mark is not None and found is not None:
                assert (found.outcome, found.flagged, found.note) == (mark.outcome, mark.flagged, mark.note)
        return after

    def _check_rows(self, before: Dataset, after: Dataset, number: int, piece: Piece, own: Mapping[str, str]) -> None:
        old, new = before.episodes[piece.episode], after.episodes[number]
        rows = before.rows(old.dataset_from + piece.start, old.dataset_from + piece.stop)
        found = after.rows(new.dataset_from, new.dataset_to)
        length = piece.stop - piece.start
        assert found["frame_index"].to_pylist() == list(range(length))
        assert found["episode_index"].to_pylist() == [number] * length
        np.testing.assert_allclose(found["timestamp"].to_numpy(), np.arange(length) / before.fps, atol=1e-6)
        texts = [before.tasks[task] for task in rows["task_index"].to_pylist()]
        texts = [piece.task or self.task_names.get(text, text) for text in texts]
        assert [after.tasks[task] for task in found["task_index"].to_pylist()] == texts
        assert list(new.tasks) == list(dict.fromkeys(texts))
        for old_name, name in own.items():
            if old_name not in DEFAULT_FEATURES and before.features[old_name].kind is not Kind.VIDEO:
                assert found[name].to_pylist() == rows[old_name].to_pylist(), name

    @staticmethod
    def _check_pictures(before: Dataset, after: Dataset, number: int, piece: Piece, own: Mapping[str, str]) -> None:
        for old_name, name in own.items():
            if before.features[old_name].kind is not Kind.VIDEO:
                continue
            old, new = before.episodes[piece.episode].videos[old_name], after.episodes[number].videos[name]
            first = old.start_frame + piece.start
            expected = packets(old.path)[first : first + piece.stop - piece.start]
            found = packets(new.path)[new.start_frame : new.start_frame + new.frames]
            assert len(expected) == piece.stop - piece.start
            assert found == expected, (name, number)


def packets(path: Path) -> list[bytes]:
    """Return the packets of a video in the order in which they are shown."""
    return _packets(path, path.stat().st_mtime_ns, path.stat().st_size)


@cache
def _packets(path: Path, _mtime: int, _size: int) -> list[bytes]:
    with av.open(path) as container:
        found = [(packet.pts or 0, bytes(packet)) for packet in container.demux(video=0) if packet.size]
    return [data for _, data in sorted(found)]


def findings(root: Path) -> set[Code]:
    """Return what is wrong with a dataset and its statistics; pictures of no episode are expected after edits."""
    checked = {finding.code for finding in lerotool.check(root).findings}
    verified = {finding.code for finding in lerotool.verify_statistics(root).findings}
    return (checked | verified) - EXPECTED
