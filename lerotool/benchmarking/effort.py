"""How much a benchmark does, and with which rig."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from lerotool.errors import UsageError

_SIDES = range(64, 4097)
_NAMES = ("front", "wrist", "top", "side", "left", "right", "back", "below")


class Effort(StrEnum):
    """How much is done."""

    QUICK = "quick"
    """About a minute."""
    NORMAL = "normal"
    """Less than three minutes, on slower machines with less."""
    FULL = "full"
    """For figures worth publishing: whole takes, several rounds."""


class Part(StrEnum):
    """What is measured; parts can be chosen."""

    RECORDING = "recording"
    CODECS = "codecs"
    MERGING = "merging"
    OPERATIONS = "operations"
    READING = "reading"
    LEROBOT = "lerobot"


@dataclass(frozen=True, slots=True)
class Rig:
    """The cameras, and the take that a person has in mind."""

    cameras: int = 2
    width: int = 640  # pixels, even
    height: int = 480  # pixels, even
    fps: int = 30  # rows and pictures a second
    take_s: float = 15.0

    def __post_init__(self) -> None:
        if self.width not in _SIDES or self.height not in _SIDES or self.width % 2 or self.height % 2:
            raise UsageError(
                f"pictures of {self.width}x{self.height}: expected even numbers from {_SIDES.start} to "
                f"{_SIDES.stop - 1}",
                hint="for example --size 640x480",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the cameras."""
        return _NAMES[: self.cameras]

    @property
    def frames_per_s(self) -> int:
        """Pictures a second of all cameras."""
        return self.cameras * self.fps

    def __str__(self) -> str:
        return f"{self.cameras} x {self.width}x{self.height} at {self.fps}/s"


MOST_CAMERAS = len(_NAMES)
_LEAST_TAKE_S = 0.5
_LARGEST_BATCH = 4.5
"""Of a run that does next to nothing; with a larger share of the work batches are larger."""
_FEWEST_EPISODES = 100


@dataclass(frozen=True, slots=True)
class MergeSize:
    """Two v2.1 sources of a merge."""

    name: str
    episodes: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes of one run."""

    takes: int  # of a session at least, but for the last one, after which nobody waits for the next
    take_s: float | None  # how long they are; None is as long as the rig's
    codec_s: float  # seconds of recording that each codec encodes; its start weighs more the shorter they are
    disk_mb: int  # that are written to find the speed of the disk
    merges: tuple[MergeSize, ...]  # sizes of merges
    operation_rows: int  # rows that single operations work on
    read_s: float  # seconds of each of two episodes that are read
    read_batches: int  # of 16 random windows
    peer_merges: tuple[int, ...]  # numbers of datasets that both merge
    batches: tuple[int, ...] = (5, 10)  # sizes of the batches that are waited for
    longest_s: float | None = None  # of the takes that are encoded by themselves; None is as long as the rig's
    rounds: int = 1  # how often each strategy is gone through
    codec_rounds: int = 1  # how often each codec encodes
    operation_episodes: int = 500  # episodes that single operations work on
    read_codecs: tuple[str, ...] = ("libsvtav1", "h264")  # of videos that are read
    read_groups: tuple[int, ...] = (2, 10)  # their lengths of a group of pictures, ascending
    peer_takes: int = 3  # takes that go through LeRobot too
    peer_take_s: float | None = None  # how long they are; None is as long as the rig's
    peer_rounds: int = 1  # how often both take turns


SCALES = {
    Effort.QUICK: Scale(
        batches=(5,),
        takes=5,
        take_s=1.0,
        codec_s=3.0,
        disk_mb=64,
        merges=(MergeSize("small", 20, 2), MergeSize("medium", 100, 1)),
        operation_rows=20_000,
        read_codecs=("libsvtav1",),
        read_s=1.0,
        read_batches=3,
        peer_take_s=5.0,
        peer_merges=(5,),
    ),
    Effort.NORMAL: Scale(
        takes=5,
        take_s=1.5,
        longest_s=60.0,
        codec_s=6.0,
        disk_mb=128,
        merges=(MergeSize("small", 50, 3), MergeSize("medium", 300, 1), MergeSize("large", 1000, 1)),
        operation_rows=50_000,
        read_s=2.0,
        read_batches=4,
        peer_merges=(5, 20),
    ),
    Effort.FULL: Scale(
        takes=10,
        take_s=None,
        rounds=2,
        codec_s=10.0,
        codec_rounds=3,
        disk_mb=512,
        merges=(MergeSize("small", 100, 5), MergeSize("medium", 1000, 3), MergeSize("large", 3000, 2)),
        operation_rows=200_000,
        read_groups=(2, 10, 30),
        read_s=10.0,
        read_batches=20,
        peer_rounds=3,
        peer_merges=(5, 20, 60),
    ),
}


def smaller(scale: Scale, share: float) -> Scale:
    """Return the sizes of a run that does about this share of the work, from more than 0 to 1."""
    if share >= 1:
        return scale
    merges = (
        MergeSize(size.name, max(10, 2 * round(size.episodes * share / 2)), max(1, round(size.repeats * share)))
        for size in scale.merges
    )
    return replace(
        scale,
        batches=tuple(batch for batch in scale.batches if batch * (1 - share) < _LARGEST_BATCH),
        takes=max(2, round(scale.takes * share)),
        take_s=round(_LEAST_TAKE_S + share, 2),
        longest_s=scale.longest_s * share if scale.longest_s else None,
        codec_s=max(1.0, round(scale.codec_s * share, 1)),
        merges=tuple(merges) if share >= 0.5 else tuple(merges)[:2],
        operation_rows=round(scale.operation_rows * share),
        read_codecs=scale.read_codecs if share >= 0.5 else scale.read_codecs[:1],
        read_s=round(max(0.5, scale.read_s * share), 1),
        read_batches=max(1, round(scale.read_batches * share)),
        operation_episodes=max(_FEWEST_EPISODES, round(scale.operation_episodes * share)),
    )
