"""Packing: the small files that every committed batch leaves become few large ones, each in one commit.

Files of one kind are looked at from the newest to the oldest. An older file joins the pack while it is not larger
than all that follows it in the pack together (or than 16 MB), and the pack stays below LeRobot's limit for such a
file (and 900 s for a video, because LeRobot compares times in float32, which fails beyond 1024 s). Where a file does
not join, the next pack begins with it. So the sizes of what stays behind at least double from one file to the next
older one: there are few, and each byte is copied about log2(limit / size of a batch) times at most however many
sessions there are.

Packets are copied on exact ticks and row groups as they are; nothing is encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.numbering import FileNumber

LONGEST_VIDEO_S = 900.0
SMALL_BYTES = 16 * 1024**2
"""Up to this size a file joins whatever follows it: to copy it costs less than 0.1 s."""
MB = 1024**2


@dataclass(frozen=True, slots=True)
class PackReport:
    """What `DatasetAppender.finalize` has done."""

    packed: int = 0  # files that went into larger ones
    made: int = 0  # the larger ones
    notes: tuple[str, ...] = ()  # what could not be done and why; the dataset is sound all the same

    def __add__(self, other: PackReport) -> PackReport:
        return PackReport(self.packed + other.packed, self.made + other.made, self.notes + other.notes)


@dataclass(frozen=True, slots=True)
class Pack:
    """Files that become one: places in the list of files, ascending; a pack of one file changes nothing."""

    members: range

    @property
    def is_change(self) -> bool:
        """Whether there is anything to join."""
        return len(self.members) > 1


@dataclass(frozen=True, slots=True)
class NumberedFile:
    """A file of a dataset with its number and size."""

    path: Path
    number: FileNumber
    size_bytes: int


def plan_packs(sizes: Sequence[int], limit: float, joins: Callable[[int, range], bool]) -> list[Pack]:
    """Divide files into packs.

    `sizes`: in bytes, oldest first. `limit`: that a pack of several files stays below, in bytes. Returns packs that
    cover all files, oldest first.
    """
    packs: list[Pack] = []
    stop = start = len(sizes)
    total = 0
    for place in reversed(range(len(sizes))):
        fits = sizes[place] <= max(total, SMALL_BYTES) and total + sizes[place] < limit
        if start < stop and not (fits and joins(place, range(start, stop))):
            packs.append(Pack(range(start, stop)))
            stop, total = start, 0
        start = place
        total += sizes[place]
    if start < stop:
        packs.append(Pack(range(start, stop)))
    return packs[::-1]


def pack_numbers(files: Sequence[NumberedFile], packs: Sequence[Pack], chunks_size: int) -> list[FileNumber]:
    """Return the numbers of the packs: unchanged up to the first change, without gaps from there."""
    numbers: list[FileNumber] = []
    has_changed = False
    for pack in packs:
        own = files[pack.members.start].number
        numbers.append(numbers[-1].following(chunks_size) if has_changed and numbers else own)
        has_changed = has_changed or pack.is_change
    return numbers
