"""Carries out: built beside the target, verified, given its place in one rename. Sources are only read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lerotool.choices import Priority
from lerotool.errors import CorruptDatasetError
from lerotool.execution import JobRun, Place, ThisMachine, ignore_event, open_executor
from lerotool.execution.places import giving_back
from lerotool.moments import FeatureStats
from lerotool.rewriting.build import DatasetBuild
from lerotool.rewriting.data_job import run_data_job
from lerotool.rewriting.data_jobs import data_jobs, video_batches
from lerotool.rewriting.events import Advanced, Begun, Finishing, Listener
from lerotool.rewriting.metadata import BlockFile, write_metadata
from lerotool.rewriting.picture_statistics import MeasureJob, measure_jobs, run_measure_job
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.video_job import ClipJob, Encoded, VideoJob, run_clip_job, run_video_job
from lerotool.rewriting.video_plan import Clip, Method
from lerotool.storage import SPARE_BYTES, check_space, tree_bytes
from lerotool.workspace import Workspace

_MANY_ROWS = 3_000_000
_MANY_FILES = 300
_SPARE = 1.05
"""Tables and headers need some room beside what is copied."""
Measured = dict[str, dict[int, FeatureStats]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the bytes of the target's files, and the seconds that it took."""

    bytes: int
    wall_s: float


def build(work: Rewriting, target: Path, listen: Listener = ignore_event, place: Place | None = None) -> Written:
    """Build a new dataset; it appears complete and durable, in one step, or not at all.

    `place`: where the work runs; None is this machine, one job per core.
    """
    began = time.perf_counter()
    check_room(work, target)
    with DatasetBuild(target) as folder:
        write_dataset(work, folder.root, folder.scratch, listen, place)
        check_sources(work)
        listen(Finishing("verifying and flushing to the disk"))
        size = tree_bytes(folder.root) - tree_bytes(Workspace(folder.root).folder)
        folder.finish()
    return Written(size, time.perf_counter() - began)


def write_dataset(
    work: Rewriting, root: Path, scratch: Path, listen: Listener = ignore_event, place: Place | None = None
) -> None:
    """Write all files of a dataset into a folder, but those that stay where they are; `scratch` is another folder."""
    cameras = work.cameras.values()
    # Rows that stay where they are are read, videos that do are not.
    size = sum(file.bytes for file in work.data)
    size += sum(output.bytes for c in cameras for output in c.outputs if output.method is not Method.STAY)
    listen(Begun(work.episodes, size, sum(len(c.clips) for c in cameras), work.frames_to_encode))
    with _workers(work, place, scratch) as workers:
        jobs = _Jobs(work, root, scratch, workers, listen)
        jobs.make_scratch()
        stats = jobs.look_at_pictures()
        blocks = jobs.write_files()
    listen(Finishing("tables and statistics"))
    write_metadata(work, root, blocks, stats)


def check_room(work: Rewriting, target: Path) -> None:
    """Make sure that the disk has room for what is planned; else `OSError`."""
    check_space(target.absolute().parent, SPARE_BYTES + int(work.written_bytes * _SPARE), "the new dataset")


@contextmanager
def _workers(work: Rewriting, place: Place | None, shared: Path) -> Iterator[Executor]:
    """Give what runs the jobs.

    Copying and large parquet files leave the interpreter free, so threads do on this machine, and start at once;
    encoding, very many rows and very many small files go to processes.
    """
    place = place or ThisMachine(priority=Priority.NORMAL)
    is_heavy = work.frames > _MANY_ROWS or len(work.data) > _MANY_FILES or any(c.clips for c in work.cameras.values())
    if is_heavy or not isinstance(place, ThisMachine):
        with open_executor(place, shared) as executor:
            yield executor
        return
    threads = ThreadPoolExecutor(place.cores_to_share)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Write:
    """A submitted job that writes files: what is done with it, and the rows that it must write."""

    advance: Advanced
    rows: int | None = None


@dataclass(slots=True)
class _Jobs:
    """The jobs of one rewriting."""

    work: Rewriting
    root: Path
    scratch: Path
    workers: Executor
    listen: Listener

    @property
    def _clips(self) -> Path:
        return self.scratch / "clips"

    @property
    def _blocks(self) -> Path:
        return self.scratch / "blocks"

    def _clip_folder(self, camera: str) -> Path:
        return self._clips / str(list(self.work.cameras).index(camera))

    def make_scratch(self) -> None:
        """Make the folders in which jobs write."""
        _make_folders([self._blocks, *map(self._clip_folder, self.work.cameras)])

    def look_at_pictures(self) -> Measured:
        """Encode what must be encoded, measure pieces; return statistics of pictures by camera and episode."""
        found: Measured = {}
        with JobRun[tuple[str, Clip | MeasureJob], Encoded | FeatureStats](self.workers) as run:
            for name, camera in self.work.cameras.items():
                for clip in camera.clips:
                    run.submit((name, clip), run_clip_job, ClipJob(clip, self._clip_folder(name)))
            for job in measure_jobs(self.work):
                run.submit((job.camera, job), run_measure_job, job)
            for (name, piece), future in run.ended():
                result = future.result()
                stats = result.stats if isinstance(result, Encoded) else result
                if stats is not None and piece.episode is not None:
                    found.setdefault(name, {})[piece.episode] = stats
                if isinstance(piece, Clip):
                    self.listen(Advanced(clips=1, frames_encoded=piece.length))
        return found

    def write_files(self) -> list[BlockFile]:
        """Write all data and video files; return what is known of the episodes, in order."""
        blocks: list[BlockFile] = []
        with JobRun[_Write, int](self.workers) as run:
            for job, file in data_jobs(self.work, self.root, self._blocks):
                _make_folders(path.parent for path in job.files or ())
                blocks.append(BlockFile(job.block, file, job.first_episode, job.episodes))
                rows = int(self.work.lengths[job.first_episode : job.first_episode + job.episodes].sum())
                run.submit(_Write(Advanced(episodes=job.episodes, bytes=job.bytes), rows), run_data_job, job)
            for video in self._video_jobs():
                run.submit(_Write(Advanced(bytes=video.bytes)), run_video_job, video)
            for write, future in giving_back(run.ended()):
                written = future.result()
                if write.rows is not None and written != write.rows:
                    raise CorruptDatasetError(f"{written} rows have been written, the plan says {write.rows}")
                self.listen(write.advance)
        return blocks

    def _video_jobs(self) -> Iterator[VideoJob]:
        for name, camera in self.work.cameras.items():
            outputs = [output for output in camera.outputs if output.method is not Method.STAY]
            targets = [self.root / self.work.format.version.video_file(name, o.number) for o in outputs]
            _make_folders(path.parent for path in targets)
            pairs = list(zip(outputs, targets, strict=True))
            for numbers in video_batches(self.work, len(outputs)):
                chosen = tuple(pairs[number] for number in numbers)
                yield VideoJob(chosen, self._clip_folder(name), self.work.fps)


def _make_folders(folders: Iterable[Path]) -> None:
    """Make folders for jobs, which make none: one that goes on after the end must find no place to write at."""
    for folder in set(folders):
        folder.mkdir(parents=True, exist_ok=True)


def check_sources(work: Rewriting) -> None:
    """Make sure that no source has changed since it was planned; else `CorruptDatasetError`."""
    found = {c.source.dataset.root: c.source.dataset for c in work.contributions}
    prints = {root: dataset.fingerprint() for root, dataset in found.items()}
    changed = [c.source.label for c in work.contributions if prints[c.source.dataset.root] != c.fingerprint]
    if changed:
        raise CorruptDatasetError(
            f"{', '.join(dict.fromkeys(changed))}: files have changed while they were read",
            hint="wait until nobody writes there, and run the command again",
        )
