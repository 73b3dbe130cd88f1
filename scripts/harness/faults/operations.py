"""The operations of lerotool that are put to the test."""

from __future__ import annotations

from harness.faults.mending_operations import CheckRepair, CheckUndo, EncodeLeft
from harness.faults.operation import Operation
from harness.faults.recording_operations import Commit, Encode, EncodeNew, Record, Save
from harness.faults.rewriting_operations import (
    EditAdd,
    EditDelete,
    EditDrop,
    EditRename,
    EditRepack,
    EditSplit,
    EditTask,
    EditTrim,
    EditUndo,
    EncodeTarget,
    Merge,
    MergeKeep,
    MergeLink,
    MergeV21,
    Pack,
    Stats,
)

__all__ = ["OPERATIONS"]

OPERATIONS: tuple[type[Operation], ...] = (
    Record,
    Save,
    Encode,
    EncodeNew,
    Commit,
    EncodeLeft,
    CheckRepair,
    CheckUndo,
    Pack,
    Stats,
    EditDelete,
    EditTrim,
    EditTask,
    EditRename,
    EditDrop,
    EditAdd,
    EditRepack,
    EditSplit,
    EditUndo,
    EncodeTarget,
    Merge,
    MergeKeep,
    MergeLink,
    MergeV21,
)
