"""Operations that record, and bring what was recorded into a dataset."""

from __future__ import annotations

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
    record,
)
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.encoding.job import EncodeJob, run_job
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompleteError
from lerotool.spool.pending import list_pending, remove_leftovers
from lerotool.spool.recovery import Kind, examine, salvage
from lerotool.spool.writer import PendingWriter
from lerotool.storage import PARTIAL

SET = "set"


def encode(root: Path, *, pack: bool, rescue: bool = False) -> None:
    """Bring all that waits into a dataset.

    Raises:
        IncompleteError: an episode was left.
    """
    report = encode_pending(root, EncodeOptions(jobs=1, pack=pack, rescue=rescue), executor=Inline())
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
    dataset = SET
    is_durable = False
    is_repeatable = False
    looks_only = False
    harmless = (*Operation.harmless, PARTIAL)
    """What an interrupted save leaves goes with the episode's folder."""

    def prepare(self, folder: Path) -> None:
        """Nothing is recorded yet."""
        (folder / SET).mkdir()

    def run(self, case: Case) -> None:
        """Record some rows."""
        with open_recording(case.folder / SET, 0) as writer:
            for row in range(ROWS):
                append(writer, row)
                case.mark(f"row {row}")
                if row % 2:
                    writer.sync()
                    case.mark(f"synced {row}")

    def look(self, folder: Path) -> State:
        """Return whether the episode is saved, and its rows and pictures, salvaged if it is not."""
        verdicts = [examine(episode.path) for episode in list_pending(folder / SET)]
        is_saved = any(verdict.kind is Kind.COMPLETE for verdict in verdicts)
        for verdict in verdicts:
            if verdict.kind is Kind.SALVAGEABLE:
                salvage(verdict.path)
        for kind, *values in read_pending(folder / SET).values():
            if kind == Kind.COMPLETE:
                return [is_saved, *values]
        return [False, [], []]

    def finish(self, folder: Path) -> None:
        """Remove what never became an episode."""
        remove_leftovers(folder / SET)

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
        writer = open_recording(folder / SET, 0)
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


class OnDataset(Operation):
    """An operation on a dataset with one episode and pending ones."""

    dataset = SET
    waiting: ClassVar[tuple[int, ...]] = (1, 2)

    def prepare(self, folder: Path) -> None:
        """Make a dataset of one episode, and record further ones."""
        record(folder / SET, 0)
        encode(folder / SET, pack=False)
        for sequence in self.waiting:
            record(folder / SET, sequence)

    def look(self, folder: Path) -> State:
        """Return all that was ever saved."""
        return [read_dataset(folder / SET), read_pending(folder / SET)]


class Encode(OnDataset):
    """Encoding what waits, and the commit at its end."""

    name = "encode"
    harmless = (*Operation.harmless, ".lerotool/encoding")
    """Progress files; the next run that encodes begins with an empty folder."""

    def run(self, case: Case) -> None:
        """Encode."""
        encode(case.folder / SET, pack=False)

    def finish(self, folder: Path) -> None:
        """Encode what is left."""
        _finish(folder / SET)

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
        record(folder / SET, 0)


class Commit(Encode):
    """Bringing encoded episodes into a dataset."""

    name = "commit"

    def prepare(self, folder: Path) -> None:
        """Encode, but do not commit."""
        super().prepare(folder)
        progress = folder / "progress"
        for episode in list_pending(folder / SET):
            run_job(EncodeJob(episode.path, CAMERA, SETTINGS, 1, progress, folder / "stop"))
