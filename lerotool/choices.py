"""What a user chooses among, under one name for the command line, the Python API and the verbs. Imports nothing."""

from __future__ import annotations

from enum import StrEnum


class Version(StrEnum):
    """The formats in which datasets are written."""

    V30 = "v3.0"
    V21 = "v2.1"


class FileMode(StrEnum):
    """What becomes of video files in a merge."""

    PACK = "pack"
    """Packets are copied into few files up to the size limit."""
    KEEP = "keep"
    """Files are copied whole."""
    LINK = "link"
    """Files are hard-linked or reflinked where the file system can, else copied whole."""


class Fill(StrEnum):
    """What becomes of a camera that some sources of a merge lack."""

    BLACK = "black"
    """Its pictures are black there."""
    DROP = "drop"
    """It is left out."""


class Units(StrEnum):
    """What the values of an SO arm's body joints mean (LeRobot's ``use_degrees``); a gripper is 0 to 100 in both."""

    DEGREES = "degrees"
    RANGE = "range"
    """Hundredths of the joint's calibrated range, -100 to 100: LeRobot's default before 0.4.4."""


class Priority(StrEnum):
    """How much a worker asks of the machine."""

    NORMAL = "normal"
    LOW = "low"
    """Gives way to everything that is not as low (nice 10; Windows: below normal)."""
    IDLE = "idle"
    """Runs when nobody else wants the core (Linux: SCHED_IDLE; elsewhere nice 19)."""


class Depth(StrEnum):
    """How closely `check` looks at a dataset."""

    FAST = "fast"
    """Metadata, all numbers in the rows, all videos without decoding them, and some decoded pictures."""
    DEEP = "deep"
    """The same, and every picture decoded."""


class Export(StrEnum):
    """Whose training code statistics are exported for."""

    OPENPI = "openpi"
    """``norm_stats.json``."""
    GR00T = "gr00t"
    """``meta/stats.json`` of a v2.x dataset."""


class Frames(StrEnum):
    """Which frames and pixels of a camera statistics are taken from."""

    LEROBOT = "lerobot"
    """As LeRobot does: about n^0.75 of n, at least 100, and of large pictures every f-th row and column."""
    ALL = "all"
    """Every frame, every pixel."""
    COUNT = "count"
    """Some of each episode, evenly spread, every pixel."""
