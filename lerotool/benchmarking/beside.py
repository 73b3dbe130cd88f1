"""lerotool beside the real LeRobot: the same pictures, rows and settings, in turn, in one run.

LeRobot gets RGB arrays, as its camera threads deliver them. lerotool gets the same pictures twice: as arrays through
its Python API, and as the packets of cameras through a recording session. All takes are paced in real time.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Bench, wall_s
from lerotool.benchmarking.clips import Clip, Picture, mean_psnr, spool_episode, stream_format
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Better, Failure, Figure
from lerotool.benchmarking.peers import Peer, PeerError
from lerotool.benchmarking.sessions import ArraysJob, SessionJob, record_arrays, run_session
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError, DatasetError, MediaError
from lerotool.media.decode import PacketDecoder
from lerotool.media.format import EncoderSettings
from lerotool.merging.options import MergeOptions, MergeRequest, SourceArgument
from lerotool.merging.run import merge_datasets
from lerotool.recording.config import BatchMode

WAIT, END, CPU, LIKENESS, MISSING = "wait per take", "wait at the end", "CPU per frame", "PSNR", "frames missing"
SHORTER, SHARE = "LeRobot's wait by lerotool's", "lerotool's CPU by LeRobot's"
MERGE_GROUP, MERGE_RATIO = "merging, beside LeRobot", "times faster"
_LIKE_DB = 0.5
_SOURCE_EPISODES = 4
_SOURCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A way of LeRobot and the ways of lerotool that take its place."""

    mode: str
    name: str
    batch: int
    session: BatchMode
    has_arrays: bool


PAIRS = (
    Pair("immediate", "immediate", 1, BatchMode.FOREGROUND, has_arrays=True),
    Pair("batch2", "batch of 2", 2, BatchMode.FOREGROUND, has_arrays=False),
    Pair("streaming", "streaming", 1, BatchMode.BACKGROUND, has_arrays=False),
)


def group_of(take_s: float) -> str:
    """Return what figures of takes of a length are filed under."""
    return f"beside LeRobot, {take_s:g}-s takes"


@dataclass(frozen=True, slots=True)
class Cost:
    """What recording cost, whoever did it."""

    wait_s: float
    end_s: float  # after the last one, or after it was saved, until the dataset was complete
    cpu_ms: float
    likeness: float  # to the camera's pictures, dB
    missing: int  # frames that are not there


@dataclass(slots=True)
class Recording:
    """Everybody records the same takes."""

    bench: Bench
    peer: Peer
    rig: Rig
    clips: tuple[Clip, ...]
    take_s: float
    takes: int
    failures: list[Failure] = field(default_factory=list)

    @property
    def _rows(self) -> int:
        return round(self.take_s * self.rig.fps)

    @property
    def _frames(self) -> int:
        return self._rows * self.takes * self.rig.cameras

    @property
    def group(self) -> str:
        """What figures are filed under."""
        return group_of(self.take_s)

    def round(self, pair: Pair) -> list[Figure]:
        """Let LeRobot and lerotool record once each."""
        pictures = self._write_pictures()
        figures = []
        theirs = self._try_peer(pair, pictures)
        if theirs is not None:
            figures += self._figures(f"{self.peer}, {pair.name}", theirs)
        flags = f"--batch {pair.batch}" + (" --foreground" if pair.session is BatchMode.FOREGROUND else "")
        ways: list[tuple[str, Cost]] = [(f"lerotool record {flags}", self._session(pair))]
        if pair.has_arrays:
            ways.append((f"lerotool.DatasetWriter(batch={pair.batch})", self._arrays(pair, pictures)))
        for name, ours in ways:
            figures += self._figures(name, ours)
            if theirs is not None:
                figures += self._ratios(name, ours, pair, theirs)
        return figures

    def _figures(self, case: str, cost: Cost) -> list[Figure]:
        better = Better.NEITHER if case.startswith(str(self.peer)) else Better.LESS
        return [
            Figure(self.group, case, WAIT, "s", (cost.wait_s,), better),
            Figure(self.group, case, END, "s", (cost.end_s,), better),
            Figure(self.group, case, CPU, "ms/frame", (cost.cpu_ms,), better),
            Figure(self.group, case, LIKENESS, "dB", (cost.likeness,), Better.NEITHER),
            Figure(self.group, case, MISSING, "", (float(cost.missing),), Better.NEITHER),
        ]

    def _ratios(self, name: str, ours: Cost, pair: Pair, theirs: Cost) -> Iterator[Figure]:
        if abs(ours.likeness - theirs.likeness) > _LIKE_DB:
            raise CorruptDatasetError(
                f"{name}: pictures differ from those of {self.peer}, {pair.name}, by "
                f"{ours.likeness - theirs.likeness:+.2f} dB; the work is not the same, so no ratios are given"
            )
        yield Figure(self.group, name, SHORTER, "x", (theirs.wait_s / max(ours.wait_s, 1e-3),), Better.MORE)
        yield Figure(self.group, name, SHARE, "x", (ours.cpu_ms / theirs.cpu_ms,))

    def _write_pictures(self) -> Path:
        folder = self.bench.folder / "pictures"
        if not folder.exists():
            folder.mkdir()
            decoder = PacketDecoder(stream_format(self.rig))
            for clip in self.clips:
                frames = [decoder.decode(jpeg).to_ndarray(format="rgb24") for jpeg in clip.jpegs]
                np.save(folder / f"{clip.name}.npy", np.stack(frames))
        return folder

    def _try_peer(self, pair: Pair, pictures: Path) -> Cost | None:
        root = self.bench.folder / "lerobot"
        arguments: list[object] = [pair.mode, self.takes, self._rows, self.rig.fps, pictures, root, None]
        expected_s = self.takes * self.take_s
        try:
            found = self.peer.run(
                "record.py",
                self.bench.folder,
                arguments,
                lambda seconds: self.bench.advance(min(seconds, expected_s), expected_s, "s"),
            )
            likeness, missing = self._look(root, pictures)
        except (PeerError, DatasetError, MediaError) as error:
            self.failures.append(Failure(self.group, f"{self.peer}, {pair.name}", str(error)))
            return None
        finally:
            shutil.rmtree(root, ignore_errors=True)
        wait_s = max(0.0, sum(found["waits_s"]) / self.takes)
        return Cost(wait_s, found["end_s"], found["cpu_s"] * 1e3 / self._frames, likeness, missing)

    def _session(self, pair: Pair) -> Cost:
        root, bench = self.bench.folder / "session", self.bench
        films = tuple(clip.write(bench.folder) for clip in self.clips)
        count = len(self.clips[0].jpegs)
        job = SessionJob(root, self.rig, films, count, self.takes, self.take_s, pair.batch, pair.session, bench.signs)
        cost = bench.run("takes", run_session, job)
        likeness, missing = self._look(root, self._write_pictures())
        shutil.rmtree(root)
        wait_s = sum(cost.waits_s) / max(1, len(cost.waits_s))
        return Cost(wait_s, cost.end_s, cost.cpu_s * 1e3 / cost.frames, likeness, missing)

    def _arrays(self, pair: Pair, pictures: Path) -> Cost:
        root, bench = self.bench.folder / "arrays", self.bench
        job = ArraysJob(root, pictures, self.rig.fps, self.takes, self._rows, pair.batch, bench.signs)
        cost = bench.run("takes", record_arrays, job)
        likeness, missing = self._look(root, pictures)
        shutil.rmtree(root)
        wait_s = max(0.0, sum(cost.waits_s) / self.takes)
        return Cost(wait_s, cost.end_s, cost.cpu_s * 1e3 / self._frames, likeness, missing)

    def _look(self, root: Path, pictures: Path) -> tuple[float, int]:
        """Return how like the frames of the first take are to the sources, and how many are missing in all."""
        dataset = Dataset.open(root)
        missing = max(0, self._rows * self.takes - dataset.num_frames) * self.rig.cameras
        likeness = []
        for camera in dataset.cameras:
            sources: Picture = np.load(pictures / f"{camera.rpartition('.')[2]}.npy", mmap_mode="r")
            likeness.append(mean_psnr(dataset.frames(0, camera), sources))
            for episode in dataset.episodes:
                decoded = 0
                with contextlib.suppress(MediaError):  # fewer frames than rows: that is what is counted
                    for _ in dataset.frames(episode.index, camera):
                        decoded += 1
                missing += episode.length - decoded
        return float(np.mean(likeness)), missing


@dataclass(frozen=True, slots=True)
class SourceJob:
    """A v3.0 dataset to merge copies of: ``rig`` and ``clips`` as elsewhere, ``root`` is where it is made."""

    root: Path
    rig: Rig
    clips: tuple[Clip, ...]


def make_source(job: SourceJob) -> None:
    """Make a v3.0 dataset with real videos."""
    for sequence in range(_SOURCE_EPISODES):
        spool_episode(job.root, job.rig, job.clips, sequence, round(_SOURCE_S * job.rig.fps), EncoderSettings())
    encode_pending(job.root, EncodeOptions())


def merge_copies(sources: list[Path], target: Path) -> float:
    """Merge datasets with lerotool, as it does without any option, and return the seconds that it took."""
    arguments = tuple(SourceArgument.parse(str(source)) for source in sources)
    return wall_s(lambda: merge_datasets(MergeRequest(arguments, target, MergeOptions())))


def merge_beside(bench: Bench, peer: Peer, source: Path, count: int) -> tuple[list[Figure], list[Failure]]:
    """Merge copies of a dataset with LeRobot and with lerotool."""
    sources = []
    for number in range(count):
        sources.append(bench.folder / f"copy{number}")
        shutil.copytree(source, sources[-1])
    case = f"{count} datasets"
    copy_s = wall_s(lambda: [shutil.copytree(s, bench.folder / "plain" / s.name) for s in sources])
    ours, theirs = bench.folder / "ours", bench.folder / "theirs"
    ours_s = bench.run("datasets", merge_copies, sources, ours)
    figures = [
        Figure(MERGE_GROUP, case, "lerotool", "s", (ours_s,)),
        Figure(MERGE_GROUP, case, "plain copy", "s", (copy_s,), Better.NEITHER),
    ]
    try:
        found = peer.run("merge.py", bench.folder, [None, theirs, *sources], lambda s: bench.advance(s, 2 * s + 1, "s"))
        _check_rows(ours, theirs)
    except (PeerError, DatasetError) as error:
        return figures, [Failure(MERGE_GROUP, f"{peer}, {case}", str(error))]
    figures += [
        Figure(MERGE_GROUP, case, str(peer), "s", (found["wall_s"],), Better.NEITHER),
        Figure(MERGE_GROUP, case, MERGE_RATIO, "x", (found["wall_s"] / ours_s,), Better.MORE),
    ]
    return figures, []


def _check_rows(ours: Path, theirs: Path) -> None:
    one, other = Dataset.open(ours), Dataset.open(theirs)
    for name, feature in one.features.items():
        if not feature.is_camera and not np.array_equal(one.numpy(name), other.numpy(name)):
            raise CorruptDatasetError(f"{theirs}: column {name!r} is not the one that lerotool has merged")
