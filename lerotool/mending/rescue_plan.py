"""What LeRobot left behind in a dataset, and what can be done with it: found by looking only, nothing is changed."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lerotool.dataset.info import INFO, DatasetInfo, load_info
from lerotool.dataset.layout import Layout
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.reading.footerless import has_footer
from lerotool.dataset.tasks import load_tasks
from lerotool.dataset.writing.state import data_files, episodes_files, numbered
from lerotool.features import Kind, cameras, columns
from lerotool.mending.fates import NO_ROWS, EpisodeFinding, Fate, LooseEpisode, RescuePlan, VideoSource
from lerotool.mending.missing_videos import plan_filling
from lerotool.mending.old_rows import KnownEpisode, known_episodes, read_old_rows
from lerotool.mending.picture_folders import PictureFolder, find_picture_folders
from lerotool.mending.picture_places import VideoFrames, count_frames
from lerotool.mending.row_sources import episodes_in, read_source
from lerotool.mending.taken_pictures import taken_folders
from lerotool.rewriting.restoration import FoundEpisode, FoundRows, Place
from lerotool.storage import lock_owner
from lerotool.wording import as_argument, listed
from lerotool.workspace import Workspace


def plan_rescue(root: Path) -> RescuePlan | None:
    """Look at what LeRobot left behind; None if there is nothing."""
    if not (root / INFO).is_file():
        return None
    info = load_info(root)
    videos = set(cameras(info.features))
    taken = taken_folders(root)
    folders = [f for f in find_picture_folders(root) if f.camera in videos and f.path not in taken]
    if not info.codebase_version.can_grow:
        return _guarded(plan_filling(root, folders)) if folders else None
    tables = [*data_files(root), *episodes_files(root)]
    is_open = any(not has_footer(path) for path in tables)
    is_missing = info.total_episodes > 0 and not episodes_files(root) and bool(data_files(root))
    if not folders and not is_open and not is_missing:
        return None
    look = _Look(root, info, folders)
    if is_open or is_missing or any(folder.episode < info.total_episodes for folder in folders):
        return _guarded(look.deep())
    return RescuePlan(root, info, findings=tuple(look.without_rows(frozenset())))


def _guarded(plan: RescuePlan) -> RescuePlan:
    """Return the plan, which does nothing as long as somebody may be writing."""
    return replace(plan, refusal=who_writes(plan.root)) if plan.does_anything else plan


class _Look:
    def __init__(self, root: Path, info: DatasetInfo, folders: Sequence[PictureFolder]) -> None:
        self._root = root
        self._info = info
        self._cameras = cameras(info.features)
        self._folders: dict[int, dict[str, PictureFolder]] = {}
        for folder in folders:
            self._folders.setdefault(folder.episode, {})[folder.camera] = folder

    def deep(self) -> RescuePlan:
        """Return the plan after reading all tables and counting all frames."""
        tasks = load_tasks(self._root, self._info)
        sources = tuple(read_source(path, self._info.features, self._info.fps) for path in data_files(self._root))
        old = read_old_rows(self._root, self._info.codebase_version)
        known = known_episodes(old, self._info.features, self._info.fps)
        frames = {key: VideoFrames(self._video_files(key)) for key in self._cameras}
        rows: dict[int, FoundEpisode] = {}
        for span in episodes_in(sources):
            rows.setdefault(span.number, span)
        findings: list[EpisodeFinding] = []
        kept: list[FoundEpisode] = []
        loose: list[LooseEpisode] = []
        for number, span in sorted(rows.items()):
            places = self._places(span, known.get(number), frames)
            videos = self._videos(span, places)
            source = sources[span.source]
            found = self._judge(span, source, places, videos, len(tasks))
            if found.fate is Fate.KEPT:
                kept.append(replace(span, videos=places))
                if number in known:
                    continue
            elif found.fate is not Fate.LEFT:
                folders = {k: f for k, f in self._folders.get(number, {}).items() if k not in videos}
                loose.append(LooseEpisode(number, source, replace(span, length=found.usable), folders, videos))
            findings.append(found)
        findings += self.without_rows(frozenset(rows))
        if damaged := self._damaged(known, frozenset([*(e.number for e in kept), *(e.number for e in loose)])):
            return RescuePlan(self._root, self._info, findings=tuple(damaged))
        total = sum(episode.length for episode in kept)
        counted = (self._info.total_episodes, self._info.total_frames)
        numbers = [episode.number for episode in kept]
        is_sound = all(source.lost_bytes is None for source in sources) and set(known) == set(numbers)
        in_order = numbers == list(range(len(kept)))
        return RescuePlan(
            root=self._root,
            info=self._info,
            tasks=tasks,
            sources=sources,
            findings=tuple(findings),
            kept=tuple(kept),
            loose=tuple(loose),
            old=old,
            is_broken=bool(loose) or not (is_sound and in_order and counted == (len(kept), total)),
            notes=tuple(self._notes(sources, frames, rows)),
        )

    def _damaged(self, known: Mapping[int, KnownEpisode], usable: frozenset[int]) -> list[EpisodeFinding]:
        """Return the episodes that were finished and whose rows or frames are gone.

        LeRobot's recorder does not do that. Rewritten tables would do without them, so nothing is done at all.
        """
        finished = [n for n, episode in sorted(known.items()) if set(episode.places) == set(self._cameras)]
        reason = (
            "the episodes table has it, but not all of its rows or frames are there; nothing is rescued before that"
        )
        hint = f"restore the missing files, or see what is wrong: lerotool check {as_argument(self._root)}"
        return [EpisodeFinding(n, Fate.LEFT, known[n].length, 0, {}, reason, hint) for n in finished if n not in usable]

    def _video_files(self, key: str) -> dict[FileNumber, Path]:
        layout = Layout.of(self._root, self._info)
        found = {}
        for path in sorted((self._root / "videos" / key).glob("*/*.mp4")):
            number = numbered(path)
            if number is not None and layout.video_path(key, number.chunk, number.file) == path:
                found[number] = path
        return found

    def _places(
        self, span: FoundEpisode, known: KnownEpisode | None, frames: Mapping[str, VideoFrames]
    ) -> dict[str, Place]:
        places: dict[str, Place] = {}
        for key in self._cameras:
            place = None
            if known is not None:
                if key in known.places and known.length == span.length:
                    place = frames[key].take(known.places[key], span.length)
            elif key not in self._folders.get(span.number, {}):
                # LeRobot removes an episode's pictures once they are encoded.
                place = frames[key].take_next(span.length)
            if place is not None:
                places[key] = place
        return places

    def _videos(self, span: FoundEpisode, places: Mapping[str, Place]) -> dict[str, VideoSource]:
        """Return the videos with the pictures of cameras that have no complete folder of them."""
        layout = Layout.of(self._root, self._info)
        found: dict[str, VideoSource] = {}
        for key in self._cameras:
            folder = self._folders.get(span.number, {}).get(key)
            if self._info.features[key].is_depth or (folder is not None and len(folder.files) >= span.length):
                continue
            if (place := places.get(key)) is not None:
                found[key] = VideoSource(layout.video_path(key, place[0].chunk, place[0].file), place[1])
                continue
            # LeRobot removes the pictures when this video of the episode is finished, and joins it to the others later.
            for path in sorted(self._root.glob(f"tmp*/{glob.escape(key)}_{span.number:03d}.mp4")):
                if count_frames(path) == span.length:
                    found[key] = VideoSource(path, 0)
        return found

    def _judge(
        self,
        span: FoundEpisode,
        source: FoundRows,
        places: Mapping[str, Place],
        videos: Mapping[str, VideoSource],
        tasks: int,
    ) -> EpisodeFinding:
        number, length = span.number, span.length
        folders = self._folders.get(number, {})
        pictures = {key: len(folder.files) for key, folder in folders.items()}
        if (problem := self._row_problem(span, source, tasks)) is not None:
            return EpisodeFinding(number, Fate.LEFT, length, 0, pictures, problem)
        if set(places) == set(self._cameras):
            return EpisodeFinding(number, Fate.KEPT, length, length, pictures)
        missing = [key for key in self._cameras if key not in videos and key not in folders]
        if missing:
            reason = f"the pictures of {listed(missing)} are neither in a video nor in files"
            return EpisodeFinding(number, Fate.LEFT, length, 0, pictures, reason)
        again = f"the pictures of {listed(list(videos))} come out of a video and are encoded again" if videos else ""
        counts = {key: count for key, count in pictures.items() if key not in videos}
        usable = min(length, *counts.values(), length)
        if usable == length:
            return EpisodeFinding(number, Fate.ENCODED, length, length, pictures, again)
        short = listed([f"{key} has {count}" for key, count in counts.items() if count < length])
        reason = f"there are not {length} finished pictures for its {length} rows: {short}"
        return EpisodeFinding(number, Fate.CUT if usable else Fate.LEFT, length, usable, pictures, reason)

    def _row_problem(self, span: FoundEpisode, source: FoundRows, tasks: int) -> str | None:
        if not (source.frames[span.rows] == np.arange(span.length)).all():
            return "its rows are not frames 0, 1, 2, … in their order"
        if any(feature.kind is Kind.LANGUAGE for feature in self._info.features.values()):
            return "language columns cannot be written"
        if missing := sorted(set(columns(self._info.features)) - set(source.table().column_names)):
            return f"the column {missing[0]!r} is missing"
        numbers = source.tasks[span.rows]
        if not ((numbers >= 0) & (numbers < tasks)).all():
            return f"it has task {numbers.max()}, but meta/tasks.parquet has {tasks}"
        return None

    def without_rows(self, with_rows: frozenset[int]) -> Iterator[EpisodeFinding]:
        """Yield the episodes that have pictures only."""
        for number in sorted(self._folders.keys() - with_rows):
            folders = self._folders[number]
            pictures = {key: len(folder.files) for key, folder in folders.items()}
            first = next(iter(folders.values())).path.relative_to(self._root)
            hint = f"the pictures stay in {first.parts[0]}/*/{first.name}; remove them when you do not need them"
            yield EpisodeFinding(number, Fate.LEFT, 0, 0, pictures, NO_ROWS, hint)

    def _notes(
        self, sources: Sequence[FoundRows], frames: Mapping[str, VideoFrames], rows: Mapping[int, FoundEpisode]
    ) -> Iterator[str]:
        for source in sources:
            if source.lost_bytes:
                yield f"{source.path}: the last {source.lost_bytes} bytes hold no complete episode"
        gone = [str(number) for number in range(self._info.total_episodes) if number not in rows]
        if gone:
            yield f"info.json counts {self._info.total_episodes} episodes; no rows were found for {listed(gone)}"
        for key, video in frames.items():
            if video.left:
                yield f"the videos of {key} have {video.left} frames that belong to no episode"
        for path in sorted(self._root.glob("tmp*/*.mp4")):
            yield f"{path}: a video that LeRobot had not yet joined to the others; it stays where it is"


_QUIET_S = 60.0
_LOOKED_AT = ("images", "data", "meta/episodes", "videos")


def who_writes(root: Path) -> str | None:
    """Return who may be writing to a dataset, None if nobody seems to.

    LeRobot takes no lock, and its recordings look crashed while they last. It is a recording of ours, on Linux a
    process that has a file of the dataset open, or somebody who changed a file less than a minute ago.
    """
    if (owner := lock_owner(Workspace(root).recording_lock)) is not None:
        return f"in use by {owner}"
    if (process := _open_by(root)) is not None:
        return f"process {process} has files of it open"
    newest = max((path.stat().st_mtime for path in _files(root)), default=0.0)
    age_s = time.time() - newest
    # The clock of another machine, or of a file server, may be ahead of this one's.
    return f"it was changed {max(0.0, age_s):.0f} s ago" if abs(age_s) < _QUIET_S else None


def _files(root: Path) -> Iterator[Path]:
    for name in _LOOKED_AT:
        yield from (path for path in (root / name).rglob("*") if path.is_file())


def _open_by(root: Path) -> int | None:
    """Return a process that has a file of the dataset open; what may not be looked at is passed over."""
    if sys.platform != "linux":
        return None
    inside = tuple(f"{os.path.realpath(root / name)}{os.sep}" for name in _LOOKED_AT)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()).startswith(inside):
                        return int(folder.name)
    return None
