"""What the figures mean for this machine, in words a person can act on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lerotool.benchmarking import codecs, reading, strategies
from lerotool.benchmarking.codecs import Codec
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Found
from lerotool.benchmarking.strategies import ONE_TAKE, TAKE_WAIT, case_of
from lerotool.execution import cores

_SPARE = 1.25
"""Encoding keeps up with recording when it has this much in reserve."""
_START_SHARE = 0.1
"""A batch is large enough when starting the encoder is at most this part of its work."""
_MOST_BATCH = 10
_BUSY = 0.5
"""Load by cores from which on figures suffer."""
_SESSION = 50
_FASTER = 1.1
"""Reading that is faster by less is not faster."""


def advise(
    found: Found, rig: Rig, take_s: float, longest_s: float, tried: Sequence[Codec], load: float | None
) -> tuple[str, ...]:
    """Return what follows from the figures."""
    lines: list[str] = []
    if load is not None and load > _BUSY * cores():
        lines.append(f"the machine was busy with other things (load {load:.1f}): measure again when it is quiet")
    lines += _on_codecs(found, rig, tried)
    if _rate(found, codecs.DEFAULT):
        keeps_up = _best_codec(found, rig, tried) is not None
    else:
        keeps_up = _is_enough(_rate_of_takes(found, rig, longest_s), rig)
    lines += _on_batches(found, rig, take_s, longest_s, keeps_up=keeps_up)
    lines += _on_disk(found, rig)
    lines += _on_reading(found)
    return tuple(lines)


def _best_codec(found: Found, rig: Rig, tried: Sequence[Codec]) -> Codec | None:
    """Return the codec that keeps up beside a recording: the default if it does, else the one of the smallest files."""
    fit = [codec for codec in tried if _is_enough(_rate(found, codec), rig)]
    if not fit or codecs.DEFAULT in fit:
        return codecs.DEFAULT if fit else None
    return min(fit, key=lambda codec: found.typical(codecs.GROUP, codec.name, codecs.SIZE) or math.inf)


def _is_enough(rate: float, rig: Rig) -> bool:
    """Whether frames a second on all cores are enough beside a recording, which takes one of them."""
    return rate * max(1, cores() - 1) / cores() >= rig.frames_per_s * _SPARE


def _rate_of_takes(found: Found, rig: Rig, longest_s: float) -> float:
    """Return the frames a second that encoding the longest take by itself came to."""
    wait_s = found.typical(ONE_TAKE, case_of(longest_s), TAKE_WAIT)
    return longest_s * rig.frames_per_s / wait_s if wait_s else 0.0


def _rate(found: Found, codec: Codec) -> float:
    return found.typical(codecs.GROUP, codec.name, codecs.RATE) or 0.0


def _on_codecs(found: Found, rig: Rig, tried: Sequence[Codec]) -> Iterator[str]:
    own = _rate(found, codecs.DEFAULT)
    if not own:
        return
    times = own / rig.frames_per_s
    text = f"{codecs.DEFAULT.name} encodes {own:.0f} frames/s on all cores, {times:.1f} times real time for {rig}"
    best = _best_codec(found, rig, tried)
    if best is None:
        yield (
            f"{text}; no codec keeps up beside a recording: record with --batch 0 and encode afterwards, here or on "
            "another machine, with lerotool encode --pending"
        )
    elif best == codecs.DEFAULT:
        yield f"{text}; it keeps up beside a recording too: stay with it"
    else:
        yield f"{text}, too little beside a recording: use {best.flags}, which keeps up"


def _on_batches(found: Found, rig: Rig, take_s: float, longest_s: float, *, keeps_up: bool) -> Iterator[str]:
    way = strategies.BACKGROUND if keeps_up else strategies.PENDING
    immediate, waited = (_wait(found, rig, take_s, name) for name in (strategies.IMMEDIATE.name, way.name))
    if waited is None:
        return
    if keeps_up:
        batch = _batch(found, rig, longest_s)
        text = f"record with --batch {batch}: videos are encoded in the background and you wait {waited:.2f} s a take"
    else:
        text = f"with all takes pending you wait {waited:.2f} s a take"
    if immediate is not None and immediate > waited:
        saved_min = (immediate - waited) * _SESSION / 60
        text += f"; encoding each at once makes it {immediate:.1f} s, {saved_min:.0f} minutes more in {_SESSION} takes"
    yield text


def _wait(found: Found, rig: Rig, take_s: float, name: str) -> float | None:
    """Return the wait per take with the rig's takes, or else with those that were recorded."""
    groups = [strategies.group_of(seconds) for seconds in (rig.take_s, take_s)]
    return next((w for group in groups if (w := found.typical(group, name, strategies.WAIT)) is not None), None)


def _batch(found: Found, rig: Rig, longest_s: float) -> int:
    """Return the smallest batch whose encoding is not mostly starting up."""
    lengths = [case for case in found.cases(ONE_TAKE) if found.get(ONE_TAKE, case, TAKE_WAIT)]
    longest = found.typical(ONE_TAKE, case_of(longest_s), TAKE_WAIT)
    short = found.typical(ONE_TAKE, lengths[0], TAKE_WAIT) if lengths else None
    if longest is None or short is None or longest <= short:
        return _MOST_BATCH
    whole = longest * rig.take_s / longest_s
    return min(_MOST_BATCH, max(1, math.ceil(short / _START_SHARE / whole)))


def _on_disk(found: Found, rig: Rig) -> Iterator[str]:
    rate = found.typical(codecs.DISK, codecs.THIS_DISK, codecs.WRITE)
    needed = found.typical(codecs.DISK, codecs.THIS_DISK, codecs.NEEDED)
    if rate is None or needed is None:
        return
    verdict = "it keeps up easily" if rate > 10 * needed else "it keeps up" if rate > 2 * needed else "it is too slow"
    yield f"the disk writes {rate:.0f} MB/s, recording {rig} needs {needed:.1f} MB/s: {verdict}"


def _on_reading(found: Found) -> Iterator[str]:
    """Yield what a shorter group of pictures costs and gives, for each codec."""
    for short, long in pairwise(found.cases(reading.GROUP)):
        (fast, large), (slow, small) = _read(found, short), _read(found, long)
        (codec, _, _), (other, _, group) = short.rpartition(" g "), long.rpartition(" g ")
        if codec == other and all((fast, large, slow, small)):
            more = "more" if large >= small else "less"
            is_faster = fast > _FASTER * slow
            times = f"{fast / slow:.1f} times as many" if is_faster else "no more"
            verdict = "" if is_faster else f": g {group} is enough"
            yield (
                f"for training, {short} takes {abs(large / small - 1):.0%} {more} disk than g {group} and reads "
                f"{times} random windows here ({fast:.0f} and {slow:.0f} a second of a core){verdict}"
            )


def _read(found: Found, case: str) -> tuple[float, float]:
    """Return windows a second and kB of a frame."""
    rate, size = (found.typical(reading.GROUP, case, name) for name in (reading.RATE, reading.SIZE))
    return rate or 0.0, size or 0.0
