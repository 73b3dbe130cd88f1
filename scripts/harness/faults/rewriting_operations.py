"""Operations that write a dataset again: packing, statistics, edits, merges."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

from harness.faults.operation import Case, Expected, Operation, Outcome, State
from harness.faults.recording_operations import SET, OnDataset, encode
from harness.faults.recordings import (
    CAMERA,
    ROWS,
    SETTINGS,
    Inline,
    read_dataset,
    read_statistics,
    record,
)
from lerotool import (
    AddFeature,
    DeleteEpisodes,
    DropFeature,
    RenameFeature,
    RepackFiles,
    SetTask,
    TrimEpisodes,
    edit,
    list_changes,
    merge,
    plan_split,
    undo,
)
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.editing.changes import Change
from lerotool.encoding.reencode import ReencodeOptions, reencode
from lerotool.execution import ThisMachine
from lerotool.features import CAMERA_PREFIX
from lerotool.statistics.rewrite import rewrite
from lerotool.storage import scratch_folder
from lerotool.workspace import Workspace


class OnSmallFiles(OnDataset):
    """An operation on a dataset of several small files."""

    waiting = ()
    added: ClassVar[tuple[int, ...]] = (1, 2)

    def prepare(self, folder: Path) -> None:
        """Make the dataset."""
        super().prepare(folder)
        for sequence in self.added:
            record(folder / SET, sequence)
            encode(folder / SET, pack=False)

    def finish(self, folder: Path) -> None:
        """Do it again."""
        self.run(Case(folder))


class Pack(OnSmallFiles):
    """Joining a dataset's small files."""

    name = "pack"

    def run(self, case: Case) -> None:
        """Pack."""
        with DatasetAppender.open(case.folder / SET) as appender:
            appender.finalize()

    def look(self, folder: Path) -> State:
        """Return all that was ever saved, and in how many files it is."""
        state = super().look(folder)
        episodes = list(Dataset.open(folder / SET).episodes)
        tables = {episode.data.path for episode in episodes}
        videos = {span.path for episode in episodes for span in episode.videos.values()}
        return [[len(tables), len(videos)], state]

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """Nothing changes but the files; tables and each camera are packed in a step of their own."""
        del has_returned  # where there is no room to pack, files stay as they are, and that is not an error
        outcome = super().judge(found, expected, marks, has_returned=False)
        is_between = found[1:] == expected.old[1:]
        return Outcome.PART if outcome is Outcome.BROKEN and is_between else outcome


class Stats(OnSmallFiles):
    """Statistics recomputed and written."""

    name = "stats --write"

    def prepare(self, folder: Path) -> None:
        """Make a dataset whose statistics are not what they should be."""
        super().prepare(folder)
        path = folder / SET / "meta" / "stats.json"
        path.write_text(path.read_text().replace('"count": [\n            15', '"count": [\n            7'))

    def run(self, case: Case) -> None:
        """Recompute them."""
        rewrite(Dataset.open(case.folder / SET))

    def look(self, folder: Path) -> State:
        """Return everything, statistics included."""
        return [*super().look(folder), read_statistics(folder / SET)]


class EditDelete(OnSmallFiles):
    """An episode leaves, with its files, in a dataset that stays where it is."""

    name = "edit delete"
    harmless = (*Operation.harmless, ".lerotool/history")
    """Its entries are called by the time."""
    change: ClassVar[Change] = DeleteEpisodes(1)

    def run(self, case: Case) -> None:
        """Edit."""
        edit(case.folder / SET, self.change, place=ThisMachine(1))

    def look(self, folder: Path) -> State:
        """Return everything, statistics included."""
        return [*super().look(folder), read_statistics(folder / SET)]

    def finish(self, folder: Path) -> None:
        """Edit if that is not done, and see in a copy that it can be taken back."""
        root = folder / SET
        finish_interrupted(Workspace(root))
        if not list_changes(root):
            self.run(Case(folder))
        # The next to write sweeps away what nobody could remove.
        with DatasetAppender.open(root):
            pass
        with scratch_folder("undo-") as copy:
            shutil.copytree(root, copy / SET)
            assert undo(copy / SET) is not None
            assert self.is_as_before(copy / SET)

    def is_as_before(self, root: Path) -> bool:
        """Return whether a dataset is what it was before the change."""
        return Dataset.open(root).num_frames == ROWS * (1 + len(self.added))


class EditTrim(EditDelete):
    """All episodes are cut shorter; their videos stay as they are."""

    name = "edit trim"
    change: ClassVar[Change] = TrimEpisodes(first=1, last=1)

    def prepare(self, folder: Path) -> None:
        """Make the dataset, with all episodes in one video."""
        super().prepare(folder)
        with DatasetAppender.open(folder / SET) as appender:
            appender.finalize()


class EditTask(EditDelete):
    """All episodes get another task."""

    name = "edit task"
    change: ClassVar[Change] = SetTask("Put it away.")


class EditRename(EditDelete):
    """A camera gets another name, and its videos another place."""

    name = "edit rename"
    change: ClassVar[Change] = RenameFeature(CAMERA, f"{CAMERA_PREFIX}top")


class EditDrop(EditDelete):
    """A camera leaves, with its videos."""

    name = "edit drop"
    change: ClassVar[Change] = DropFeature(CAMERA)


class EditAdd(EditDelete):
    """A column comes, with a value for each episode."""

    name = "edit add"
    change: ClassVar[Change] = AddFeature("next.reward", [0.0, 1.0, 0.5])


class EditRepack(EditDelete):
    """Small files become large ones."""

    name = "edit repack"
    change: ClassVar[Change] = RepackFiles()


class EditUndo(EditDelete):
    """An edit is taken back."""

    name = "edit undo"

    def prepare(self, folder: Path) -> None:
        """Make the dataset, and edit it."""
        super().prepare(folder)
        super().run(Case(folder))

    def run(self, case: Case) -> None:
        """Take it back."""
        undo(case.folder / SET)

    def finish(self, folder: Path) -> None:
        """Take it back if that is not done."""
        finish_interrupted(Workspace(folder / SET))
        self.run(Case(folder))


class EditSplit(OnSmallFiles):
    """A dataset becomes two new ones beside it, one after the other."""

    name = "edit split"
    sources = (SET,)
    dataset = f"{SET}-rest"
    parts: ClassVar[dict[str, str]] = {"first": "0", "rest": "1-2"}

    def run(self, case: Case) -> None:
        """Split."""
        for plan in plan_split(case.folder / SET, self.parts).values():
            plan.carry_out(place=ThisMachine(1))

    def look(self, folder: Path) -> State:
        """Return what is in each part."""
        return [read_dataset(folder / f"{SET}-{name}") for name in self.parts]

    def finish(self, folder: Path) -> None:
        """Split if that is not done; a part that is complete has to go first."""
        targets = [folder / f"{SET}-{name}" for name in self.parts]
        if not all(target.exists() for target in targets):
            for target in targets:
                shutil.rmtree(target, ignore_errors=True)
            self.run(Case(folder))

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """The first part may be there without the second."""
        outcome = super().judge(found, expected, marks, has_returned=has_returned)
        is_between = found == [expected.new[0], expected.old[1]] and not has_returned
        return Outcome.PART if outcome is Outcome.BROKEN and is_between else outcome


class Merge(Operation):
    """Two datasets made one."""

    name = "merge"
    sources = ("one", "two")
    dataset = "merged"
    options: ClassVar[dict[str, str]] = {}

    def prepare(self, folder: Path) -> None:
        """Make the sources."""
        for number, name in enumerate(self.sources):
            for sequence in (2 * number, 2 * number + 1):
                record(folder / name, sequence)
            encode(folder / name, pack=False)
            shutil.rmtree(Workspace(folder / name).folder)

    def run(self, case: Case) -> None:
        """Merge."""
        sources = [case.folder / name for name in self.sources]
        merge(sources, case.folder / self.dataset, place=ThisMachine(1), **self.options)  # type: ignore[arg-type]

    def look(self, folder: Path) -> State:
        """Return what is at the target."""
        return read_dataset(folder / self.dataset)

    def finish(self, folder: Path) -> None:
        """Merge if there is no target."""
        if not (folder / self.dataset).exists():
            self.run(Case(folder))


class MergeKeep(Merge):
    """Files copied whole."""

    name = "merge --files keep"
    options: ClassVar[dict[str, str]] = {"files": "keep"}


class MergeLink(Merge):
    """Files linked."""

    name = "merge --files link"
    options: ClassVar[dict[str, str]] = {"files": "link"}


class EncodeTarget(OnSmallFiles):
    """A dataset like another one, with its videos encoded again."""

    name = "encode -o"
    sources = (SET,)
    dataset = f"{SET}-smaller"

    def run(self, case: Case) -> None:
        """Encode."""
        # In this process, where the faults are.
        with patch("lerotool.rewriting.new_videos.open_executor", lambda *_: nullcontext(Inline())):
            reencode(case.folder / SET, case.folder / self.dataset, ReencodeOptions(asdict(SETTINGS)))

    def look(self, folder: Path) -> State:
        """Return what is at the target."""
        return read_dataset(folder / self.dataset)

    def finish(self, folder: Path) -> None:
        """Encode if there is no target."""
        if not (folder / self.dataset).exists():
            self.run(Case(folder))


class MergeV21(Merge):
    """A file for each episode."""

    name = "merge --to v2.1"
    options: ClassVar[dict[str, str]] = {"to": "v2.1"}
