"""The steps of a benchmark: what is measured, in which order, and about how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lerotool.benchmarking import batches, beside, codecs, disk, strategies
from lerotool.benchmarking.batches import BatchJob, measure_batches
from lerotool.benchmarking.bench import Bench
from lerotool.benchmarking.codecs import Codec, CodecJob, codecs_to_try, measure_codec
from lerotool.benchmarking.effort import SCALES, Effort, MergeSize, Part, Rig, Scale
from lerotool.benchmarking.figures import Failure, Figure, Found
from lerotool.benchmarking.merges import MergeJob, measure_merge
from lerotool.benchmarking.operations import OperationsJob, measure_operations
from lerotool.benchmarking.peers import Peer
from lerotool.benchmarking.pictures import Clip
from lerotool.benchmarking.sessions import SessionJob, run_session
from lerotool.benchmarking.strategies import Strategy
from lerotool.recording.config import BatchMode

_ENCODED_PER_S = 180.0
"""Frames of 640x480 that an ordinary two-core machine encodes in a second; only for the time that is left."""
_START_S = 1.2
_MIDDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be measured.

    Attributes:
        effort: how much is done.
        rig: the cameras and the take that a person has in mind.
        parts: which parts.
        peer: LeRobot, if it is there.
    """

    effort: Effort
    rig: Rig
    parts: frozenset[Part]
    peer: Peer | None = None

    @property
    def scale(self) -> Scale:
        """The sizes."""
        return SCALES[self.effort]

    @property
    def take_s(self) -> float:
        """How long the takes of sessions are."""
        return min(self.scale.take_s or self.rig.take_s, self.rig.take_s)

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
    """One thing that is measured.

    Attributes:
        title: what it is, for people.
        expected_s: about how long it takes.
        work: measures it.
    """

    title: str
    expected_s: float
    work: Callable[[Bench], Outcome]


def lay_out(request: Request, clips: tuple[Clip, ...], tried: list[Codec]) -> list[Step]:
    """Return the steps of a request, in order.

    Args:
        request: what is to be measured.
        clips: what the cameras show.
        tried: codecs.
    """
    steps: list[Step] = []
    parts = request.parts
    if Part.CODECS in parts:
        steps += _codec_steps(request, clips, tried)
    if Part.RECORDING in parts:
        steps += _recording_steps(request, clips)
    if Part.OPERATIONS in parts:
        rows = request.scale.operation_rows
        steps.append(
            Step(
                "single steps, lerotool's way and row by row",
                6.0 + rows / 2e4,
                lambda bench: Outcome(
                    bench.run("steps", measure_operations, OperationsJob(bench.folder, rows, bench.signs))
                ),
            )
        )
    if Part.MERGING in parts:
        steps += [_merge_step(size) for size in request.scale.merges]
    if Part.LEROBOT in parts and request.peer is not None:
        steps += _peer_steps(request, request.peer, clips)
    return steps


def _frames_s(frames: float, rig: Rig) -> float:
    return frames * rig.width * rig.height / (640 * 480) / _ENCODED_PER_S


def _codec_steps(request: Request, clips: tuple[Clip, ...], tried: list[Codec]) -> Iterator[Step]:
    scale, rig = request.scale, request.rig
    needed = sum(sum(map(len, clip.jpegs)) / len(clip.jpegs) for clip in clips) * rig.fps
    yield Step(
        "disk",
        scale.disk_mb / 100,
        lambda bench: Outcome(disk.measure_disk(bench.folder, scale.disk_mb, needed)),
    )

    def work(codec: Codec) -> Callable[[Bench], Outcome]:
        return lambda bench: Outcome(
            bench.run(
                "frames",
                measure_codec,
                CodecJob(bench.folder / "set", rig, clips, codec, scale.codec_s, bench.signs),
            )
        )

    for _ in range(scale.codec_rounds):
        for codec in tried:
            expected_s = _START_S + _frames_s(scale.codec_s * rig.frames_per_s, rig)
            yield Step(f"codec {codec.name}", expected_s, work(codec))


def _recording_steps(request: Request, clips: tuple[Clip, ...]) -> Iterator[Step]:
    scale, rig = request.scale, request.rig
    lengths = lengths_to_encode(request)
    for _ in range(scale.rounds):
        yield Step(
            "encoding one take",
            sum(_START_S + _frames_s(length * rig.frames_per_s, rig) * 1.5 for length in lengths),
            lambda bench: Outcome(
                bench.run("frames", measure_batches, BatchJob(bench.folder, rig, clips, lengths, bench.signs))
            ),
        )
        for strategy in strategies.strategies(scale.batches):
            yield _session_step(request, clips, strategy)


def lengths_to_encode(request: Request) -> tuple[float, ...]:
    """Return the lengths of the takes that are encoded one by one, ascending: between them lies what is estimated."""
    whole_s, short_s = request.rig.take_s, request.take_s
    if short_s >= whole_s:
        return tuple(sorted({min(1.0, whole_s), whole_s}))
    middle = {_MIDDLE_S} if request.effort is not Effort.QUICK and short_s < _MIDDLE_S < whole_s else set()
    return tuple(sorted({short_s, whole_s} | middle))


def _session_step(request: Request, clips: tuple[Clip, ...], strategy: Strategy) -> Step:
    rig, take_s, takes = request.rig, request.take_s, request.takes(strategy)

    def work(bench: Bench) -> Outcome:
        films = tuple(clip.write(bench.folder) for clip in clips)
        root, count = bench.folder / "set", len(clips[0].jpegs)
        job = SessionJob(root, rig, films, count, takes, take_s, strategy.batch, strategy.mode, bench.signs)
        return Outcome(strategies.figures_of(strategy, bench.run("takes", run_session, job), rig, take_s))

    starts = takes // strategy.batch if strategy.mode is BatchMode.FOREGROUND else 1
    encoding_s = _frames_s(takes * take_s * rig.frames_per_s, rig)
    beside_s = encoding_s * 0.3 if strategy.mode is BatchMode.BACKGROUND else encoding_s
    return Step(f"recording: {strategy.name}", takes * take_s + 2.0 + starts * _START_S + beside_s, work)


def _merge_step(size: MergeSize) -> Step:
    def work(bench: Bench) -> Outcome:
        return Outcome(bench.run("episodes", measure_merge, MergeJob(bench.folder, size, bench.signs)))

    return Step(f"merging: {size.name}", 2.5 + size.episodes * (0.004 + 0.01 * size.repeats), work)


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
            yield Step(f"beside LeRobot: {pair.name}", expected_s, record(pair))

    def merge(count: int) -> Callable[[Bench], Outcome]:
        def work(bench: Bench) -> Outcome:
            source = bench.folder / "source"
            bench.run("episodes", beside.make_source, beside.SourceJob(source, rig, clips))
            return Outcome(*beside.merge_beside(bench, peer, source, count))

        return work

    for count in scale.peer_merges:
        yield Step(f"beside LeRobot: merging {count} datasets", 20 + count * 0.7, merge(count))


def conclude(request: Request, found: Found) -> list[Figure]:
    """Return what follows from the figures by calculation."""
    if Part.RECORDING not in request.parts or request.take_s >= request.rig.take_s:
        return []
    chosen = strategies.strategies(request.scale.batches)
    figures = strategies.estimates(found, chosen, request.rig, request.take_s)
    off = strategies.linearity(found, request.rig, request.take_s, _MIDDLE_S)
    if off is not None:
        figures.append(batches.linearity_figure(_MIDDLE_S, off))
    return figures


def codecs_of(request: Request) -> list[Codec]:
    """Return the codecs that a request tries."""
    return codecs_to_try(request.effort) if Part.CODECS in request.parts else [codecs.DEFAULT]
