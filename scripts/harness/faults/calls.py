"""The calls that a process has made, as the shim notes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

_FIELDS = 6
WRITES = frozenset(["write", "pwrite", "writev", "pwritev", "sendfile", "copy_file_range"])
"""Names of the calls that can be cut in the middle."""
_SYNCS = frozenset(["sync", "syncdir"])
BEGUN = "begun"
"""The mark before the operation itself."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changes files.

    Attributes:
        number: its place among the calls, from 0; -1 for marks.
        name: ``open``, ``write``, ``sync``, ``syncdir``, ``rename`` and so on, or ``mark``.
        error: what it failed with, 0 if it did not; ``EINTR`` where the process was killed before it.
        path: the file or folder.
        other: the second one, where there are two.
        note: of ``open`` whether the file is ``new``, ``old`` or ``cut``; of writes the size; of marks the text.
    """

    number: int
    name: str
    error: int
    path: str
    other: str
    note: str


def read_calls(path: Path) -> list[Call]:
    """Return the calls in a log, in order; a line that the end of the process has torn is left out."""
    if not path.exists():
        return []
    calls = []
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        fields = line.split("\t")
        if len(fields) == _FIELDS:
            number, name, error, first, second, note = fields
            calls.append(Call(int(number), name, int(error), first, second, note))
    return calls


def promises(calls: Sequence[Call]) -> list[str]:
    """Return what the operation had marked as done."""
    return [call.note for call in calls if call.name == "mark" and call.note != BEGUN]


def kill_moments(calls: Sequence[Call]) -> list[int]:
    """Return the numbers of the calls before which a kill may leave what it leaves before no other call.

    All are such but for two kinds, and those only where no mark stands beside them. Writes to one file that follow
    each other change no name, lock or process: the first finds the file as it was, the others find it begun, and one in
    the middle stands for these; what comes next finds it whole. A flush changes nothing that a killed process leaves:
    the kill before the next call finds the same. Locks and processes change between calls, so whoever makes the log
    must mark where they do.
    """
    chosen = set[int]()
    for is_write, run in groupby(calls, key=lambda call: call.name in WRITES and call.path):
        inner = [call.number for call in run]
        chosen |= {inner[0], inner[len(inner) // 2]} if is_write else {*inner}
    for before, call, after in zip(calls, calls[1:], calls[2:], strict=False):
        if call.name in _SYNCS and before.number >= 0 and after.number >= 0:
            chosen.discard(call.number)
    return sorted(number for number in chosen if number >= 0)
