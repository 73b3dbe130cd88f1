"""The steps of a benchmark: what is measured, in which order, and about how long that takes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, ParamSpec

from lerotool.benchmarking import beside, codecs, strategies
from lerotool.benchmarking.bench import Bench, Peer, Site, wall_s
from lerotool.benchmarking.clips import Clip
from lerotool.benchmarking.codecs import Codec, measure_codec, measure_disk
from lerotool.benchmarking.effort import SCALES, Effort, Part, Rig, Scale
from lerotool.benchmarking.figures import Better, Failure, Figure, Found
from lerotool.benchmarking.merges import measure_merge, measure_operations
from lerotool.benchmarking.reading import BATCH, ReadJob, measure_reading, read_beside
from lerotool.benchmarking.rowwise import column_stats
from lerotool.benchmarking.strategies import Strategy, measure_session, measure_takes
from lerotool.execution import cores
from lerotool.recording.config import BatchMode

_P = ParamSpec("_P")
_MIDDLE_S = 5.0
_HEAVIER = 1.2
"""Of what the first measurement says about encoding: other codecs, spooling, and looking at the result."""
_SESSION_STARTS = 1.5
"""What a session takes besides, in starts."""
_READING_STARTS = 1.2
"""What making and reading a dataset takes besides, in starts."""
_WINDOW_S, _PIXELS = 0.013, 640 * 480
"""What a window of two pictures takes for each camera of so many pixels."""
_PACE_S, _PACE_ROWS, _PACE_MB = 1.0, 30, 8
_LOOPS, _LOOP_ROWS = 20, 5000
_LOOP_S = 0.007
"""What one loop takes on the two-core machine that the seconds below are from."""
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """What a machine does: one short measurement, by which the rest is planned."""

    frames_per_s: float
    start_s: float  # that a step takes before its first frame and after its last one
    slowness: float  # of plain Python and small files; 1 is an ordinary two-core machine
    disk_mb_s: float
    cores: int

    def encoding_s(self, frames: float, videos: int | None = None) -> float:
        """Return how long frames take to encode; those of fewer videos than cores leave cores idle."""
        idle = 1.0 if videos is None else max(1.0, self.cores / videos)
        return frames / self.frames_per_s * idle * _HEAVIER


def measure_pace(bench: Bench) -> Pace:
    """Encode a second of the rig's recording, write some megabytes, and do a loop in Python."""
    rig = bench.site.rig
    (written, *_) = measure_disk(bench.site.folder, _PACE_MB, 0.0)
    rows = [[float(n + joint) for joint in range(6)] for n in range(_LOOP_ROWS)]
    loop_s = wall_s(lambda: [column_stats(rows) for _ in range(_LOOPS)]) / _LOOPS
    seconds = min(_PACE_S, _PACE_ROWS / rig.fps)
    began = time.perf_counter()
    rate = bench.run("frames", measure_codec, codecs.DEFAULT, seconds)[0].typical
    elapsed_s = time.perf_counter() - began
    start_s = max(_LEAST_S, elapsed_s - codecs.frames_of(rig, seconds, cores()) / rate)
    return Pace(rate, start_s, loop_s / _LOOP_S, min(written.values), cores())


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

    @property
    def codecs(self) -> list[Codec]:
        """What it tries."""
        return codecs.codecs_to_try(self.effort) if Part.CODECS in self.parts else [codecs.DEFAULT]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is measured."""

    part: Part
    title: str
    expected_s: float
    work: Callable[[Bench], list[Figure] | list[Figure | Failure]]


def _elsewhere(
    unit: str, measure: Callable[Concatenate[Site, _P], list[Figure]], *args: _P.args, **kwargs: _P.kwargs
) -> Callable[[Bench], list[Figure]]:
    """Return the work of a step that is done in a process of its own."""
    return lambda bench: bench.run(unit, measure, *args, **kwargs)


def lay_out(request: Request, clips: tuple[Clip, ...], tried: Sequence[Codec], pace: Pace) -> Iterator[Step]:
    """Yield the steps of a request, in order."""
    scale, parts, peer = request.scale, request.parts, request.peer
    if Part.CODECS in parts:
        yield from _codec_steps(request, clips, tried, pace)
    if Part.RECORDING in parts:
        for _ in range(scale.rounds):
            yield from _recording_steps(request, pace)
    if Part.OPERATIONS in parts:
        rows, episodes = scale.operation_rows, scale.operation_episodes
        expected_s = pace.start_s + (1.0 + episodes / 100 + rows / 2e4) * pace.slowness
        work = _elsewhere("steps", measure_operations, rows, episodes)
        yield Step(Part.OPERATIONS, "single steps, lerotool's way and row by row", expected_s, work)
    jobs = [ReadJob(c, g, scale.read_s, scale.read_batches) for c in scale.read_codecs for g in scale.read_groups]
    if Part.READING in parts:
        for job in jobs:
            work = _elsewhere("batches", measure_reading, job)
            yield Step(Part.READING, f"reading: {job.name}", _reading_s(request, pace), work)
    if Part.MERGING in parts:
        yield from _merge_steps(request, pace)
    if peer is None:
        return
    if Part.LEROBOT in parts:
        yield from _peer_steps(request, peer)
    if Part.READING in parts:
        for job in jobs:
            expected_s = 15 + 4 * _reading_s(request, pace)
            read = partial(read_beside, peer=peer, job=job)
            yield Step(Part.LEROBOT, f"beside LeRobot: reading {job.name}", expected_s, read)


def _merge_steps(request: Request, pace: Pace) -> Iterator[Step]:
    for size in request.scale.merges:
        # The reference looks for each file among all of them.
        each_s = size.episodes * 0.007 + size.episodes**2 * 1.2e-5
        expected_s = pace.start_s + (1.3 + size.episodes * 0.004 + size.repeats * each_s) * pace.slowness
        work = _elsewhere("episodes", measure_merge, size)
        yield Step(Part.MERGING, f"merging: {size.name}", expected_s, work)


def _reading_s(request: Request, pace: Pace) -> float:
    """Return about how long it takes to make one dataset and to read it."""
    scale, rig = request.scale, request.rig
    pixels = rig.cameras * rig.width * rig.height / _PIXELS
    reading_s = (scale.read_batches + 1) * BATCH * _WINDOW_S * pixels * pace.slowness
    return _READING_STARTS * pace.start_s + pace.encoding_s(2 * scale.read_s * rig.frames_per_s) + reading_s


def _codec_steps(request: Request, clips: tuple[Clip, ...], tried: Sequence[Codec], pace: Pace) -> Iterator[Step]:
    scale, rig = request.scale, request.rig
    needed = sum(sum(map(len, clip.jpegs)) / len(clip.jpegs) for clip in clips) * rig.fps
    written_s = codecs.DISK_REPEATS * scale.disk_mb / pace.disk_mb_s
    yield Step(Part.CODECS, "disk", written_s, lambda bench: measure_disk(bench.site.folder, scale.disk_mb, needed))
    expected_s = pace.start_s + pace.encoding_s(codecs.frames_of(rig, scale.codec_s, pace.cores))
    for _ in range(scale.codec_rounds):
        for codec in tried:
            work = _elsewhere("frames", measure_codec, codec, scale.codec_s)
            yield Step(Part.CODECS, f"codec {codec.name}", expected_s, work)


def _recording_steps(request: Request, pace: Pace) -> Iterator[Step]:
    rig, take_s, lengths = request.rig, request.take_s, lengths_to_encode(request)
    expected_s = pace.start_s * (1 + len(lengths)) + pace.encoding_s(sum(lengths) * rig.frames_per_s, rig.cameras)
    yield Step(Part.RECORDING, "encoding one take", expected_s, _elsewhere("frames", measure_takes, lengths))
    for strategy in strategies.strategies(request.scale.batches):
        takes = request.takes(strategy)
        recording_s, starts = takes * take_s, 1
        encoding_s = pace.encoding_s(recording_s * rig.frames_per_s, rig.cameras)
        if strategy.mode is BatchMode.FOREGROUND:
            starts = -(-takes // strategy.batch)
        elif strategy.mode is BatchMode.BACKGROUND:
            # What a slow machine has not encoded beside the recording is waited for at the end.
            encoding_s = max(0.3 * encoding_s, encoding_s - recording_s / 2)
        expected_s = recording_s + (_SESSION_STARTS + starts) * pace.start_s + encoding_s
        work = partial(measure_session, strategy=strategy, takes=takes, take_s=take_s)
        yield Step(Part.RECORDING, f"recording: {strategy.name}", expected_s, work)


def lengths_to_encode(request: Request) -> tuple[float, ...]:
    """Return the lengths of the takes that are encoded one by one, ascending: between them lies what is estimated."""
    whole_s, short_s = request.longest_s, request.take_s
    if short_s >= whole_s:
        return tuple(sorted({min(1.0, whole_s), whole_s}))
    middle = {_MIDDLE_S} if request.effort is not Effort.QUICK and short_s < _MIDDLE_S < whole_s / 1.5 else set()
    return tuple(sorted({short_s, whole_s} | middle))


def _peer_steps(request: Request, peer: Peer) -> Iterator[Step]:
    takes, take_s = request.scale.peer_takes, request.peer_take_s
    for _ in range(request.scale.peer_rounds):
        for pair in beside.PAIRS:
            expected_s = (3 if pair.has_arrays else 2) * takes * take_s * 1.7 + 15
            work = partial(beside.record_beside, peer=peer, pair=pair, takes=takes, take_s=take_s)
            yield Step(Part.LEROBOT, f"beside LeRobot: {pair.name}", expected_s, work)
    for count in request.scale.peer_merges:
        merge = partial(beside.merge_beside, peer=peer, count=count)
        yield Step(Part.LEROBOT, f"beside LeRobot: merging {count} datasets", 20 + count * 0.7, merge)


def conclude(request: Request, found: Found) -> list[Figure]:
    """Return what follows from the figures by calculation."""
    if Part.RECORDING not in request.parts or request.take_s >= request.rig.take_s:
        return []
    chosen = strategies.strategies(request.scale.batches)
    figures = strategies.estimates(found, chosen, request.rig, request.take_s, request.longest_s)
    off = strategies.linearity(found, request.take_s, _MIDDLE_S, request.longest_s)
    if off is not None:
        case, name = strategies.case_of(_MIDDLE_S), "off the estimates' line"
        figures.append(Figure(strategies.ONE_TAKE, case, name, "%", (off * 100,), Better.NEITHER))
    return figures
