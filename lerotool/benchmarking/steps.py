"""The steps of a benchmark: what is measured, in which order, and about how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lerotool.benchmarking import batches, beside, codecs, disk, strategies
from lerotool.benchmarking.batches import BatchJob, measure_batches
from lerotool.benchmarking.bench import Bench
from lerotool.benchmarking.clips import Clip
from lerotool.benchmarking.codecs import Codec, CodecJob, codecs_to_try, frames_of, measure_codec
from lerotool.benchmarking.effort import SCALES, Effort, MergeSize, Part, Rig, Scale
from lerotool.benchmarking.figures import Failure, Figure, Found
from lerotool.benchmarking.merges import MergeJob, measure_merge
from lerotool.benchmarking.operations import OperationsJob, measure_operations
from lerotool.benchmarking.pace import Pace
from lerotool.benchmarking.peers import Peer
from lerotool.benchmarking.reading import BATCH, ReadJob, Video, measure_reading, read_beside
from lerotool.benchmarking.sessions import SessionJob, run_session
from lerotool.benchmarking.strategies import Strategy
from lerotool.recording.config import BatchMode

_MIDDLE_S = 5.0
_HEAVIER = 1.2
"""Of what the first measurement says about encoding: other codecs, spooling, and looking at the result."""
_SESSION_STARTS = 1.5
"""What a session takes besides, in starts."""
_READING_STARTS = 1.2
"""What making and reading a dataset takes besides, in starts."""
_WINDOW_S, _PIXELS = 0.013, 640 * 480
"""What a window of two pictures takes for each camera of so many pixels."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be measured."""

    effort: Effort
    rig: Rig
    parts: frozenset[Part]
    peer: Peer | None = None  # LeRobot, if it is there
    planned: Scale | None = None  # sizes for this machine; None for those of the effort

    @property
    def scale(self) -> Scale:
        """The sizes."""
        return self.planned or SCALES[self.effort]

    @property
    def take_s(self) -> float:
        """How long the takes of sessions are."""
        return min(self.scale.take_s or self.rig.take_s, self.rig.take_s)

    @property
    def longest_s(self) -> float:
        """How long the longest take is that is encoded by itself: a whole one, unless that takes minutes."""
        return min(max(self.scale.longest_s or self.rig.take_s, self.take_s), self.rig.take_s)

    @property
    def peer_take_s(self) -> float:
        """How long the takes beside LeRobot are."""
        return min(self.scale.peer_take_s or self.rig.take_s, self.rig.take_s)

    def takes(self, strategy: Strategy) -> int:
        """Return how many takes a session has: as many as fill a batch, and one for which that batch is waited."""
        return max(self.scale.takes, strategy.batch) + 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step has found."""

    figures: list[Figure] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is measured."""

    part: Part
    title: str
    expected_s: float
    work: Callable[[Bench], Outcome]


def lay_out(request: Request, clips: tuple[Clip, ...], tried: list[Codec], pace: Pace) -> list[Step]:
    """Return the steps of a request, in order."""
    steps: list[Step] = []
    parts = request.parts
    if Part.CODECS in parts:
        steps += _codec_steps(request, clips, tried, pace)
    if Part.RECORDING in parts:
        steps += _recording_steps(request, clips, pace)
    if Part.OPERATIONS in parts:
        rows, episodes = request.scale.operation_rows, request.scale.operation_episodes
        steps.append(
            Step(
                Part.OPERATIONS,
                "single steps, lerotool's way and row by row",
                pace.start_s + (1.0 + episodes / 100 + rows / 2e4) * pace.slowness,
                lambda bench: Outcome(
                    bench.run("steps", measure_operations, OperationsJob(bench.folder, rows, episodes, bench.signs))
                ),
            )
        )
    if Part.READING in parts:
        steps += _reading_steps(request, clips, pace)
    if Part.MERGING in parts:
        steps += [_merge_step(size, pace) for size in request.scale.merges]
    if Part.LEROBOT in parts and request.peer is not None:
        steps += _peer_steps(request, request.peer, clips)
    if Part.READING in parts and request.peer is not None:
        steps += _peer_reading_steps(request, request.peer, clips, pace)
    return steps


def _videos(request: Request) -> list[Video]:
    scale = request.scale
    return [Video(codec, group) for codec in scale.read_codecs for group in scale.read_groups]


def _read_job(request: Request, clips: tuple[Clip, ...], video: Video, bench: Bench) -> ReadJob:
    scale = request.scale
    return ReadJob(bench.folder / "set", request.rig, clips, video, scale.read_s, scale.read_batches, bench.signs)


def _reading_s(request: Request, pace: Pace) -> float:
    """Return about how long it takes to make one dataset and to read it."""
    scale, rig = request.scale, request.rig
    pixels = rig.cameras * rig.width * rig.height / _PIXELS
    reading_s = (scale.read_batches + 1) * BATCH * _WINDOW_S * pixels * pace.slowness
    return _READING_STARTS * pace.start_s + pace.encoding_s(2 * scale.read_s * rig.frames_per_s) * _HEAVIER + reading_s


def _reading_steps(request: Request, clips: tuple[Clip, ...], pace: Pace) -> Iterator[Step]:
    def work(video: Video) -> Callable[[Bench], Outcome]:
        return lambda bench: Outcome(bench.run("batches", measure_reading, _read_job(request, clips, video, bench)))

    for video in _videos(request):
        yield Step(Part.READING, f"reading: {video.name}", _reading_s(request, pace), work(video))


def _peer_reading_steps(request: Request, peer: Peer, clips: tuple[Clip, ...], pace: Pace) -> Iterator[Step]:
    def work(video: Video) -> Callable[[Bench], Outcome]:
        return lambda bench: Outcome(*read_beside(bench, peer, _read_job(request, clips, video, bench)))

    for video in _videos(request):
        expected_s = 15 + 4 * _reading_s(request, pace)
        yield Step(Part.LEROBOT, f"beside LeRobot: reading {video.name}", expected_s, work(video))


def _codec_steps(request: Request, clips: tuple[Clip, ...], tried: list[Codec], pace: Pace) -> Iterator[Step]:
    scale, rig = request.scale, request.rig
    needed = sum(sum(map(len, clip.jpegs)) / len(clip.jpegs) for clip in clips) * rig.fps
    yield Step(
        Part.CODECS,
        "disk",
        disk.REPEATS * scale.disk_mb / pace.disk_mb_s,
        lambda bench: Outcome(disk.measure_disk(bench.folder, scale.disk_mb, needed)),
    )

    def work(codec: Codec) -> Callable[[Bench], Outcome]:
        return lambda bench: Outcome(
            bench.run(
                "frames", measure_codec, CodecJob(bench.folder / "set", rig, clips, codec, scale.codec_s, bench.signs)
            )
        )

    expected_s = pace.start_s + pace.encoding_s(frames_of(rig, scale.codec_s, pace.cores)) * _HEAVIER
    for _ in range(scale.codec_rounds):
        for codec in tried:
            yield Step(Part.CODECS, f"codec {codec.name}", expected_s, work(codec))


def _recording_steps(request: Request, clips: tuple[Clip, ...], pace: Pace) -> Iterator[Step]:
    scale, rig = request.scale, request.rig
    lengths = lengths_to_encode(request)
    for _ in range(scale.rounds):
        frames = (length * rig.frames_per_s for length in lengths)
        yield Step(
            Part.RECORDING,
            "encoding one take",
            pace.start_s + sum(pace.start_s + pace.encoding_s(count, rig.cameras) * _HEAVIER for count in frames),
            lambda bench: Outcome(
                bench.run("frames", measure_batches, BatchJob(bench.folder, rig, clips, lengths, bench.signs))
            ),
        )
        for strategy in strategies.strategies(scale.batches):
            yield _session_step(request, clips, strategy, pace)


def lengths_to_encode(request: Request) -> tuple[float, ...]:
    """Return the lengths of the takes that are encoded one by one, ascending: between them lies what is estimated."""
    whole_s, short_s = request.longest_s, request.take_s
    if short_s >= whole_s:
        return tuple(sorted({min(1.0, whole_s), whole_s}))
    middle = {_MIDDLE_S} if request.effort is not Effort.QUICK and short_s < _MIDDLE_S < whole_s / 1.5 else set()
    return tuple(sorted({short_s, whole_s} | middle))


def _session_step(request: Request, clips: tuple[Clip, ...], strategy: Strategy, pace: Pace) -> Step:
    rig, take_s, takes = request.rig, request.take_s, request.takes(strategy)

    def work(bench: Bench) -> Outcome:
        films = tuple(clip.write(bench.folder) for clip in clips)
        root, count = bench.folder / "set", len(clips[0].jpegs)
        job = SessionJob(root, rig, films, count, takes, take_s, strategy.batch, strategy.mode, bench.signs)
        return Outcome(strategies.figures_of(strategy, bench.run("takes", run_session, job), rig, take_s))

    recording_s, starts = takes * take_s, 1
    encoding_s = pace.encoding_s(recording_s * rig.frames_per_s, rig.cameras) * _HEAVIER
    if strategy.mode is BatchMode.FOREGROUND:
        starts = -(-takes // strategy.batch)
    elif strategy.mode is BatchMode.BACKGROUND:
        # What a slow machine has not encoded beside the recording is waited for at the end.
        encoding_s = max(0.3 * encoding_s, encoding_s - recording_s / 2)
    expected_s = recording_s + (_SESSION_STARTS + starts) * pace.start_s + encoding_s
    return Step(Part.RECORDING, f"recording: {strategy.name}", expected_s, work)


def _merge_step(size: MergeSize, pace: Pace) -> Step:
    def work(bench: Bench) -> Outcome:
        return Outcome(bench.run("episodes", measure_merge, MergeJob(bench.folder, size, bench.signs)))

    # The reference looks for each file among all of them.
    each_s = size.episodes * 0.007 + size.episodes**2 * 1.2e-5
    expected_s = pace.start_s + (1.3 + size.episodes * 0.004 + size.repeats * each_s) * pace.slowness
    return Step(Part.MERGING, f"merging: {size.name}", expected_s, work)


def _peer_steps(request: Request, peer: Peer, clips: tuple[Clip, ...]) -> Iterator[Step]:
    scale, rig, take_s = request.scale, request.rig, request.peer_take_s

    def record(pair: beside.Pair) -> Callable[[Bench], Outcome]:
        def work(bench: Bench) -> Outcome:
            recording = beside.Recording(bench, peer, rig, clips, take_s, scale.peer_takes)
            return Outcome(recording.round(pair), recording.failures)

        return work

    for _ in range(scale.peer_rounds):
        for pair in beside.PAIRS:
            ways = 3 if pair.has_arrays else 2
            expected_s = ways * scale.peer_takes * take_s * 1.7 + 15
            yield Step(Part.LEROBOT, f"beside LeRobot: {pair.name}", expected_s, record(pair))

    def merge(count: int) -> Callable[[Bench], Outcome]:
        def work(bench: Bench) -> Outcome:
            source = bench.folder / "source"
            bench.run("episodes", beside.make_source, beside.SourceJob(source, rig, clips))
            return Outcome(*beside.merge_beside(bench, peer, source, count))

        return work

    for count in scale.peer_merges:
        yield Step(Part.LEROBOT, f"beside LeRobot: merging {count} datasets", 20 + count * 0.7, merge(count))


def conclude(request: Request, found: Found) -> list[Figure]:
    """Return what follows from the figures by calculation."""
    if Part.RECORDING not in request.parts or request.take_s >= request.rig.take_s:
        return []
    chosen = strategies.strategies(request.scale.batches)
    figures = strategies.estimates(found, chosen, request.rig, request.take_s, request.longest_s)
    off = strategies.linearity(found, request.take_s, _MIDDLE_S, request.longest_s)
    if off is not None:
        figures.append(batches.linearity_figure(_MIDDLE_S, off))
    return figures


def codecs_of(request: Request) -> list[Codec]:
    """Return the codecs that a request tries."""
    return codecs_to_try(request.effort) if Part.CODECS in request.parts else [codecs.DEFAULT]
