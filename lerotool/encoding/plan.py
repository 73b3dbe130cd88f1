"""What there is to encode: the datasets that have some, which pending episodes are asked for, and which fit.

All of it is found by looking only; nothing is changed.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from lerotool.choices import Priority
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.marks import SELECTIONS, Mark, count_marks
from lerotool.encoding.events import Left
from lerotool.errors import LerotoolError, SpoolError, UsageError
from lerotool.features import Feature, recorded_features
from lerotool.media.encode import choose_encoder
from lerotool.media.format import EncoderSettings
from lerotool.mending.picture_folders import has_picture_folders
from lerotool.spool.documents import MARK, Header, load_header, load_mark
from lerotool.spool.pending import PendingEpisode, State, pending_folders
from lerotool.spool.recovery import Kind, Verdict, examine_all
from lerotool.workspace import Workspace

# Of AV1 at the default quality with noise; measured 0.02 to 0.03 on camera pictures.
_BYTES_PER_PIXEL = 0.05
_BYTES_PER_ROW = 400
_FOLDER = re.compile(r"episode-(\d+)-")
DEPTH = 3
_ANY_LENGTH = 2**53
_HINT = "record into another dataset, or move the pending episode to one that it fits"


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode.

    Attributes:
        jobs: worker processes; None is one per core.
        overrides: fields of EncoderSettings that win over those the episodes were recorded with.
        salvage: also use episodes whose recording was cut off, as far as they are complete.
        pack: join the dataset's small files at the end.
        priority: of the workers.
        only: numbers of the pending episodes to encode, as their folders have them, or how they are marked, a word of
            `lerotool.dataset.marks.SELECTIONS` such as ``success``; None is all.
        keep_pending: leave the folders of committed episodes where they are, marked as committed.
        rescue: also take what LeRobot itself has left behind in the dataset.
    """

    jobs: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    salvage: bool = False
    pack: bool = True
    priority: Priority = Priority.LOW
    only: frozenset[int] | str | None = None
    keep_pending: bool = False
    rescue: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One pending episode to bring into the dataset: little, because thousands may wait; `open` gives the rest."""

    path: Path
    settings: EncoderSettings
    sequence: int
    started_at: str
    length: int
    fps: float  # rows a second
    cameras: tuple[str, ...]
    pixels: int  # of one picture of each camera, together

    @classmethod
    def of(cls, episode: PendingEpisode, settings: EncoderSettings) -> Self:
        """Return the task that a pending episode is."""
        header = episode.header
        pixels = sum(stream.width * stream.height for stream in header.cameras.values())
        cameras = tuple(map(sys.intern, header.cameras))
        return cls(
            episode.path, settings, header.sequence, header.started_at, episode.length, header.fps, cameras, pixels
        )

    def open(self) -> PendingEpisode:
        """Open the episode."""
        return PendingEpisode.open(self.path)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def seconds(self) -> float:
        """How long the episode is."""
        return self.length / self.fps

    @property
    def estimated_bytes(self) -> int:
        """About how much its videos and rows will take in the dataset."""
        return self.length * (int(self.pixels * _BYTES_PER_PIXEL) + _BYTES_PER_ROW)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with a dataset's pending episodes."""

    root: Path
    tasks: tuple[Task, ...]
    salvageable: tuple[Verdict, ...]  # cut-off episodes that must be salvaged first, when that was asked for
    left: tuple[Left, ...]  # episodes that are not touched, with the reason
    live: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of the tasks."""
        return sum(task.length for task in self.tasks)

    @property
    def frames(self) -> int:
        """Pictures to encode, all cameras together."""
        return sum(task.length * len(task.cameras) for task in self.tasks)

    @property
    def seconds(self) -> float:
        """Recorded seconds."""
        return sum(task.seconds for task in self.tasks)

    @property
    def estimated_bytes(self) -> int:
        """About how much disk space the result takes."""
        return sum(task.estimated_bytes for task in self.tasks)


def plan_encoding(root: Path, options: EncodeOptions, committed: frozenset[str] = frozenset()) -> Plan:
    """Look at all pending episodes of a dataset."""
    tasks: list[Task] = []
    salvageable: list[Verdict] = []
    left: list[Left] = []
    live: list[str] = []
    for verdict in examine_all(root):
        if verdict.kind is Kind.LIVE:
            live.append(verdict.path.name)
            continue
        found = _classify(verdict, options, committed)
        match found:
            case Task():
                tasks.append(found)
            case Verdict():
                salvageable.append(found)
            case Left():
                left.append(found)
    tasks.sort(key=lambda task: (task.sequence, task.started_at, task.name))
    return Plan(root, tuple(tasks), tuple(salvageable), tuple(left), tuple(live))


def _classify(verdict: Verdict, options: EncodeOptions, committed: frozenset[str]) -> Task | Verdict | Left | None:
    name = verdict.path.name
    if verdict.kind is Kind.HOPELESS:
        return Left(name, verdict.reason, f"nothing in it can be used; remove {verdict.path} when you agree")
    if verdict.kind is Kind.SALVAGEABLE:
        hint = f"encode with --salvage to use its {verdict.rows} complete rows"
        return verdict if options.salvage else Left(name, verdict.reason, hint)
    try:
        episode = PendingEpisode.open(verdict.path)
    except LerotoolError as error:
        return Left(name, str(error), error.hint)
    if episode.state is State.COMMITTED:
        return None
    if episode.header.recording_id in committed:
        return Left(name, "is in the dataset already", f"remove {verdict.path}")
    settings = replace(episode.header.encoder, **options.overrides)
    return Task.of(episode, choose_encoder(settings).settings)


def mark_of(folder: Path, frames: int) -> Mark:
    """Return what a person has said about a pending episode; an empty mark where nothing was said."""
    try:
        return Mark.from_json(load_mark(folder), frames)
    except ValueError as error:
        raise SpoolError(
            f"{str(folder / MARK)!r}: {error}", hint="correct the file, or remove it for an unmarked episode"
        ) from None


def selected(plan: Plan, only: frozenset[int] | str | None) -> Plan:
    """Return the plan with nothing but the episodes of these numbers, or those that are marked so; None is all.

    An episode that is in the dataset already is not missed, so the same command can be repeated.
    """
    if only is None:
        return plan
    names = [task.name for task in plan.tasks] + [verdict.path.name for verdict in plan.salvageable]
    names += [left.episode for left in plan.left]
    meant = _marked(plan, names, only) if isinstance(only, str) else _numbered(plan, names, only)
    return replace(
        plan,
        tasks=tuple(task for task in plan.tasks if task.name in meant),
        salvageable=tuple(verdict for verdict in plan.salvageable if verdict.path.name in meant),
        left=tuple(left for left in plan.left if left.episode in meant),
    )


def _numbered(plan: Plan, names: Iterable[str], only: frozenset[int]) -> set[str]:
    pending = {name: number for name in names if (number := folder_number(name)) is not None}
    if pending and not only & set(pending.values()):
        numbers = ", ".join(str(number) for number in sorted(set(pending.values())))
        raise UsageError(f"{str(plan.root)!r}: no pending episode has one of these numbers; there are {numbers}")
    return {name for name, number in pending.items() if number in only}


def _marked(plan: Plan, names: Iterable[str], word: str) -> set[str]:
    if word not in SELECTIONS:
        raise UsageError(f"{word!r} chooses no episodes", hint=f"numbers, or one of {', '.join(SELECTIONS)}")
    folders = Workspace(plan.root).pending
    marks = {name: mark_of(folders / name, _ANY_LENGTH) for name in names}
    meant = {name for name, mark in marks.items() if SELECTIONS[word](mark)}
    if marks and not meant:
        counts = ", ".join(f"{count} {kind}" for kind, count in count_marks(marks.values()).items())
        raise UsageError(
            f"{str(plan.root)!r}: no pending episode is {word}; marks there: {counts or 'none'}",
            hint="lerotool encode --pending without --episodes takes all",
        )
    return meant


def folder_number(name: str) -> int | None:
    """Return the number in the folder name of a pending episode, None if it has been renamed."""
    return int(match[1]) if (match := _FOLDER.match(name)) else None


def find_pending_datasets(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in these folders, and up to ``depth`` levels below them, that have pending episodes.

    Symbolic links and hidden folders are not followed; inside a dataset nothing more is looked for.
    """
    return [root for root in _datasets(folders, depth) if pending_folders(root)]


def find_left_behind(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in and below these folders that have pictures of LeRobot's in ``images/``, by folders alone.

    Whether anything can be saved is decided by `lerotool.mending.rescue_plan.plan_rescue`.
    """
    return [root for root in _datasets(folders, depth) if has_picture_folders(root)]


def _datasets(folders: Iterable[Path], depth: int) -> Iterator[Path]:
    yield from dict.fromkeys(root for folder in folders for root in _walk(folder.resolve(), depth))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / ".lerotool" / "pending").is_dir() or (folder / "meta" / "info.json").exists():
        yield folder
        return
    if depth == 0:
        return
    # Folders of others, and folders that vanish meanwhile, are none of our datasets.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        for name in names:
            yield from _walk(folder / name, depth - 1)


def without_misfits(plan: Plan, info: DatasetInfo) -> Plan:
    """Return the plan with those episodes left whose header says that they do not belong into the dataset."""
    fitting, left = [], list(plan.left)
    for task in plan.tasks:
        try:
            problems = list(_problems(load_header(task.path), info))
        except SpoolError as error:
            left.append(Left(task.name, str(error), error.hint))
            continue
        if problems:
            left.append(Left(task.name, f"does not fit the dataset: {'; '.join(problems)}", _HINT))
        else:
            fitting.append(task)
    return replace(plan, tasks=tuple(fitting), left=tuple(left))


def _problems(header: Header, info: DatasetInfo) -> Iterator[str]:
    if header.fps != info.fps:
        yield f"{header.fps:g} frames/s, expected {info.fps:g}"
    if info.robot_type is not None and header.robot_type != info.robot_type:
        yield f"robot {header.robot_type!r}, expected {info.robot_type!r}"
    expected, found = recorded_features(info.features), header.recorded
    yield from (f"feature {name!r} is missing" for name in expected if name not in found)
    yield from (f"feature {name!r} is not in the dataset" for name in found if name not in expected)
    for name in expected.keys() & found.keys():
        if (difference := _difference(expected[name], found[name])) is not None:
            yield f"feature {name!r}: {difference}"


def _difference(expected: Feature, found: Feature) -> str | None:
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"{found.dtype} {found.shape}, expected {expected.dtype} {expected.shape}"
    names = found.dimension_names, expected.dimension_names
    if None not in names and names[0] != names[1]:
        return f"names {found.names}, expected {expected.names}"
    return None
