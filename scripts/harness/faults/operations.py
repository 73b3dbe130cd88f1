"""The operations of lerotool that are put to the test."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from harness.faults.operation import Case, Expected, Operation, Outcome, State
from harness.faults.recordings import (
    CAMERA,
    ROWS,
    SETTINGS,
    Inline,
    append,
    open_recording,
    read_dataset,
    read_pending,
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
    undo,
)
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.journal import finish_interrupted
from lerotool.editing.changes import Change
from lerotool.encoding.job import EncodeJob, run_job
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompleteError
from lerotool.execution import ThisMachine
from lerotool.features import CAMERA_PREFIX
from lerotool.spool.pending import PendingWriter, list_pending, remove_leftovers
from lerotool.spool.recovery import Kind, examine, salvage
from lerotool.statistics.rewrite import rewrite
from lerotool.storage import PARTIAL, scratch_folder
from lerotool.workspace import Workspace

_SET = "set"


def encode(root: Path, *, pack: bool) -> None:
    """Bring all that waits into a dataset.

    Raises:
        IncompleteError: an episode was left.
    """
    report = encode_pending(root, EncodeOptions(jobs=1, pack=pack), executor=Inline())
    if report.failures or report.left:
        raise IncompleteError("; ".join(left.reason for left in (*report.failures, *report.left)))


def _finish(root: Path) -> None:
    encode(root, pack=False)
    # The next to write sweeps away what nobody could remove.
    with DatasetAppender.open(root):
        pass


class Record(Operation):
    """A take: rows and pictures appended, flushed now and then."""

    name = "record"
    dataset = _SET
    is_durable = False
    is_repeatable = False
    looks_only = False
    harmless = (*Operation.harmless, PARTIAL)
    """What an interrupted save leaves goes with the episode's folder."""

    def prepare(self, folder: Path) -> None:
        """Nothing is recorded yet."""
        (folder / _SET).mkdir()

    def run(self, case: Case) -> None:
        """Record some rows."""
        with open_recording(case.folder / _SET, 0) as writer:
            for row in range(ROWS):
                append(writer, row)
                case.mark(f"row {row}")
                if row % 2:
                    writer.sync()
                    case.mark(f"synced {row}")

    def look(self, folder: Path) -> State:
        """Return whether the episode is saved, and its rows and pictures, salvaged if it is not."""
        verdicts = [examine(episode.path) for episode in list_pending(folder / _SET)]
        is_saved = any(verdict.kind is Kind.COMPLETE for verdict in verdicts)
        for verdict in verdicts:
            if verdict.kind is Kind.SALVAGEABLE:
                salvage(verdict.path)
        for kind, *values in read_pending(folder / _SET).values():
            if kind == Kind.COMPLETE:
                return [is_saved, *values]
        return [False, [], []]

    def finish(self, folder: Path) -> None:
        """Remove what never became an episode."""
        remove_leftovers(folder / _SET)

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """All rows that were promised are there, and what is there is right.

        A row that an append has returned survives the end of the process; a power cut only with a sync after it, for
        which the sweep leaves the marks ``row`` out.
        """
        promised = 1 + max((int(mark.split()[1]) for mark in marks), default=-1)
        is_saved, rows, pictures = found
        _, all_rows, all_pictures = expected.new
        is_right = rows == all_rows[: len(rows)] and pictures == all_pictures[: len(rows)]
        is_less = len(rows) < promised or (has_returned and rows != all_rows)
        if not is_right or is_less or (not is_saved and any(mark.startswith("saved") for mark in marks)):
            return Outcome.BROKEN
        if rows == all_rows and is_saved >= expected.new[0]:
            return Outcome.NEW
        return Outcome.PART if rows != expected.old[1] else Outcome.OLD


class Save(Record):
    """The end of a take: rows that were merely handed to the system become an episode."""

    name = "save"
    is_durable = True

    def begin(self, folder: Path) -> PendingWriter:
        """Record some rows."""
        writer = open_recording(folder / _SET, 0)
        for row in range(ROWS):
            append(writer, row)
        return writer

    def run(self, case: Case) -> None:
        """Save them."""
        case.begun.save({"rows": ROWS})
        case.mark(f"saved {ROWS - 1}")

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """All rows without the word saved are the old state; a power cut may take those that were never flushed."""
        outcome = super().judge(found, expected, marks, has_returned=has_returned)
        return Outcome.OLD if outcome is Outcome.PART and found[1] == expected.new[1] else outcome


class _OnDataset(Operation):
    """An operation on a dataset with one episode and pending ones."""

    dataset = _SET
    waiting: ClassVar[tuple[int, ...]] = (1, 2)

    def prepare(self, folder: Path) -> None:
        """Make a dataset of one episode, and record further ones."""
        record(folder / _SET, 0)
        encode(folder / _SET, pack=False)
        for sequence in self.waiting:
            record(folder / _SET, sequence)

    def look(self, folder: Path) -> State:
        """Return all that was ever saved."""
        return [read_dataset(folder / _SET), read_pending(folder / _SET)]


class Encode(_OnDataset):
    """Encoding what waits, and the commit at its end."""

    name = "encode"
    harmless = (*Operation.harmless, ".lerotool/encoding")
    """Progress files; the next run that encodes begins with an empty folder."""

    def run(self, case: Case) -> None:
        """Encode."""
        encode(case.folder / _SET, pack=False)

    def finish(self, folder: Path) -> None:
        """Encode what is left."""
        _finish(folder / _SET)

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """Every episode is either in the dataset or still waiting, as it was; their order may differ."""
        outcome = super().judge(found, expected, marks, has_returned=has_returned)
        if outcome is not Outcome.BROKEN:
            return outcome
        old, waiting = expected.old
        known = {repr(episode): False for episode in expected.new[0]}
        for episode in found[0] or ():
            if known.get(repr(episode), True):
                return Outcome.BROKEN
            known[repr(episode)] = True
        taken = set(waiting) - set(found[1])
        is_sound = all(waiting.get(name) == value for name, value in found[1].items())
        if not is_sound or len(taken) != len(found[0] or ()) - len(old or ()):
            return Outcome.BROKEN
        if all(known.values()):
            return Outcome.NEW
        return Outcome.BROKEN if has_returned else Outcome.PART


class EncodeNew(Encode):
    """Encoding where there is no dataset yet."""

    name = "encode, first"

    def prepare(self, folder: Path) -> None:
        """Record an episode."""
        record(folder / _SET, 0)


class Commit(Encode):
    """Bringing encoded episodes into a dataset."""

    name = "commit"

    def prepare(self, folder: Path) -> None:
        """Encode, but do not commit."""
        super().prepare(folder)
        progress = folder / "progress"
        for episode in list_pending(folder / _SET):
            run_job(EncodeJob(episode.path, CAMERA, SETTINGS, 1, progress, folder / "stop"))


class _OnSmallFiles(_OnDataset):
    """An operation on a dataset of several small files."""

    waiting = ()
    added: ClassVar[tuple[int, ...]] = (1, 2)

    def prepare(self, folder: Path) -> None:
        """Make the dataset."""
        super().prepare(folder)
        for sequence in self.added:
            record(folder / _SET, sequence)
            encode(folder / _SET, pack=False)

    def finish(self, folder: Path) -> None:
        """Do it again."""
        self.run(Case(folder))


class Pack(_OnSmallFiles):
    """Joining a dataset's small files."""

    name = "pack"

    def run(self, case: Case) -> None:
        """Pack."""
        with DatasetAppender.open(case.folder / _SET) as appender:
            appender.finalize()

    def look(self, folder: Path) -> State:
        """Return all that was ever saved, and in how many files it is."""
        state = super().look(folder)
        episodes = list(Dataset.open(folder / _SET).episodes)
        tables = {episode.data.path for episode in episodes}
        videos = {span.path for episode in episodes for span in episode.videos.values()}
        return [[len(tables), len(videos)], state]

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """Nothing changes but the files; tables and each camera are packed in a step of their own."""
        del has_returned  # where there is no room to pack, files stay as they are, and that is not an error
        outcome = super().judge(found, expected, marks, has_returned=False)
        is_between = found[1:] == expected.old[1:]
        return Outcome.PART if outcome is Outcome.BROKEN and is_between else outcome


class Stats(_OnSmallFiles):
    """Statistics recomputed and written."""

    name = "stats --write"

    def prepare(self, folder: Path) -> None:
        """Make a dataset whose statistics are not what they should be."""
        super().prepare(folder)
        path = folder / _SET / "meta" / "stats.json"
        path.write_text(path.read_text().replace('"count": [\n            15', '"count": [\n            7'))

    def run(self, case: Case) -> None:
        """Recompute them."""
        rewrite(Dataset.open(case.folder / _SET))

    def look(self, folder: Path) -> State:
        """Return everything, statistics included."""
        return [*super().look(folder), read_statistics(folder / _SET)]


class EditDelete(_OnSmallFiles):
    """An episode leaves, with its files, in a dataset that stays where it is."""

    name = "edit delete"
    harmless = (*Operation.harmless, ".lerotool/history")
    """Its entries are called by the time."""
    change: ClassVar[Change] = DeleteEpisodes(1)

    def run(self, case: Case) -> None:
        """Edit."""
        edit(case.folder / _SET, self.change, place=ThisMachine(1))

    def look(self, folder: Path) -> State:
        """Return everything, statistics included."""
        return [*super().look(folder), read_statistics(folder / _SET)]

    def finish(self, folder: Path) -> None:
        """Edit if that is not done, and see in a copy that it can be taken back."""
        root = folder / _SET
        finish_interrupted(Workspace(root))
        if not list_changes(root):
            self.run(Case(folder))
        # The next to write sweeps away what nobody could remove.
        with DatasetAppender.open(root):
            pass
        with scratch_folder("undo-") as copy:
            shutil.copytree(root, copy / _SET)
            assert undo(copy / _SET) is not None
            assert Dataset.open(copy / _SET).num_frames == ROWS * (1 + len(self.added))


class EditTrim(EditDelete):
    """All episodes are cut shorter; their videos stay as they are."""

    name = "edit trim"
    change: ClassVar[Change] = TrimEpisodes(first=1, last=1)

    def prepare(self, folder: Path) -> None:
        """Make the dataset, with all episodes in one video."""
        super().prepare(folder)
        with DatasetAppender.open(folder / _SET) as appender:
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
        undo(case.folder / _SET)

    def finish(self, folder: Path) -> None:
        """Take it back if that is not done."""
        finish_interrupted(Workspace(folder / _SET))
        self.run(Case(folder))


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


class MergeV21(Merge):
    """A file for each episode."""

    name = "merge --to v2.1"
    options: ClassVar[dict[str, str]] = {"to": "v2.1"}


OPERATIONS: tuple[type[Operation], ...] = (
    Record,
    Save,
    Encode,
    EncodeNew,
    Commit,
    Pack,
    Stats,
    EditDelete,
    EditTrim,
    EditTask,
    EditRename,
    EditDrop,
    EditAdd,
    EditRepack,
    EditUndo,
    Merge,
    MergeKeep,
    MergeLink,
    MergeV21,
)
