"""Operations on datasets that are damaged, or that LeRobot has left unfinished."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.faults.operation import Case, Expected, Outcome, State
from harness.faults.recording_operations import SET, encode
from harness.faults.recordings import CAMERA, HEIGHT, ROWS, WIDTH, first_picture, read_dataset, read_pending
from harness.faults.rewriting_operations import EditDelete, EditUndo, OnSmallFiles
from lerotool import repair
from lerotool.dataset.info import INFO, load_info
from lerotool.dataset.layout import STATS
from lerotool.devices.cameras.simulated import numbered_picture
from lerotool.errors import LerotoolError
from lerotool.media.encode import encode_png
from lerotool.mending.rescue_plan import plan_rescue
from lerotool.workspace import Workspace

_UNFINISHED = "a change that waits to be finished"


def _look(root: Path) -> State:
    """Return what is in a dataset; if it cannot be read, what a rescue finds, or else the rows as they are."""
    try:
        return read_dataset(root)
    except (LerotoolError, AssertionError):
        if Workspace(root).journal.exists():
            return _UNFINISHED
        if (plan := plan_rescue(root)) is not None:
            return [[f.episode, f.fate.value, f.rows, f.usable] for f in plan.findings]
        return [pq.ParquetFile(path).read().to_pylist() for path in _tables(root)]


def _tables(root: Path) -> list[Path]:
    return sorted(root.glob("data/*/*.parquet"))


class CheckRepair(EditDelete):
    """Rows with wrong numbers, and a document with wrong totals, are put right."""

    name = "check --repair"

    def prepare(self, folder: Path) -> None:
        """Make a dataset and damage it."""
        super().prepare(folder)
        root = folder / SET
        for path in _tables(root)[1:]:
            table = pq.ParquetFile(path).read()
            place = table.column_names.index("index")
            wrong = pa.array(table["index"].to_numpy() + np.int64(50))
            pq.write_table(table.set_column(place, table.schema.field("index"), wrong), path)
        document = json.loads((root / INFO).read_text())
        (root / INFO).write_text(json.dumps({**document, "total_frames": 1}, indent=4))

    def run(self, case: Case) -> None:
        """Repair it."""
        repair(case.folder / SET)

    def look(self, folder: Path) -> State:
        """Return everything, statistics included."""
        return [_look(folder / SET), json.loads((folder / SET / STATS).read_text())]

    def is_as_before(self, root: Path) -> bool:
        """Return whether a dataset is damaged as before."""
        return load_info(root).total_frames == 1

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """A change that waits counts as the old state; the next process that writes finishes it."""
        if found[0] == _UNFINISHED and not has_returned:
            return Outcome.OLD
        return super().judge(found, expected, marks, has_returned=has_returned)


class CheckUndo(EditUndo, CheckRepair):
    """A repair is taken back."""

    name = "check --undo"


class EncodeLeft(OnSmallFiles):
    """A recording of LeRobot's that was killed: its tables are open, and the last episode's pictures are files."""

    name = "encode, left by LeRobot"
    harmless = (*EditDelete.harmless, ".lerotool/encoding")

    def prepare(self, folder: Path) -> None:
        """Make a dataset, and take from it what LeRobot writes last."""
        super().prepare(folder)
        root = folder / SET
        for path in (*_tables(root), *root.glob("meta/episodes/*/*.parquet")):
            _tear_off_footer(path)
        sequence = max(self.added)
        max(root.glob(f"videos/{CAMERA}/*/*.mp4")).unlink()
        pictures = root / "images" / CAMERA / f"episode-{sequence:06d}"
        pictures.mkdir(parents=True)
        for row in range(ROWS):
            picture = numbered_picture(first_picture(sequence) + row, WIDTH, HEIGHT)
            (pictures / f"frame-{row:06d}.png").write_bytes(encode_png(picture))
        _age(root)

    def run(self, case: Case) -> None:
        """Encode what is left."""
        encode(case.folder / SET, pack=False, rescue=True)

    def look(self, folder: Path) -> State:
        """Return what is in the dataset, and what waits."""
        return [_look(folder / SET), read_pending(folder / SET)]

    def finish(self, folder: Path) -> None:
        """Encode an hour later."""
        _age(folder / SET)
        self.run(Case(folder))
        # LeRobot itself leaves empty folders of pictures.
        for empty in (folder / SET / "images" / CAMERA, folder / SET / "images"):
            with suppress(OSError):
                empty.rmdir()

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """Episodes that stay come back first; the last one waits for its video then."""
        outcome = super().judge(found, expected, marks, has_returned=has_returned)
        if outcome is not Outcome.BROKEN or has_returned:
            return outcome
        dataset, waiting = found
        if dataset in (_UNFINISHED, expected.old[0]):
            return Outcome.OLD
        is_between = dataset == expected.new[0][: len(self.added)] and len(waiting) == 1
        return Outcome.PART if is_between else Outcome.BROKEN


def _tear_off_footer(path: Path) -> None:
    """Leave a parquet file as if it had not been closed."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[-8:-4])
    path.write_bytes(data[: -8 - length])


def _age(root: Path) -> None:
    """Make all files as if nobody had touched them for an hour."""
    then = time.time() - 3600
    for path in root.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)
