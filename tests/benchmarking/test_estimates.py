"""Longer takes are calculated from measured ones, and the advice says what follows."""

from __future__ import annotations

import pytest

from lerotool.benchmarking import advice, codecs, reading, strategies
from lerotool.benchmarking.codecs import Codec
from lerotool.benchmarking.effort import Effort, Part, Rig
from lerotool.benchmarking.figures import Basis, Better, Figure, Found
from lerotool.benchmarking.steps import Pace, Request, conclude, lay_out, lengths_to_encode
from lerotool.execution import cores
from lerotool.media.format import EncoderSettings

RIG = Rig(cameras=2, fps=30, take_s=11.0)
SHORT = strategies.group_of(1.0)
WHOLE = strategies.group_of(11.0)
PACE = Pace(frames_per_s=180.0, start_s=1.2, slowness=1.0, disk_mb_s=500.0, cores=2)
START_S, FRAME_S, FRAME_CPU_S, RECORD_MS = 0.5, 0.01, 0.006, 0.5


def line(takes: float) -> float:
    """Return the seconds that encoding takes of one second keeps a person waiting, on a machine that is a line."""
    return START_S + takes * RIG.frames_per_s * FRAME_S


def measured() -> Found:
    """Return what is found on such a machine with takes of 1 s."""
    found = Found()
    for length_s in (1.0, 5.0, 11.0):
        frames = length_s * RIG.frames_per_s
        case = strategies.case_of(length_s)
        found.add(
            [
                Figure(strategies.ONE_TAKE, case, strategies.TAKE_WAIT, "s", (START_S + frames * FRAME_S,)),
                Figure(strategies.ONE_TAKE, case, strategies.TAKE_CPU, "s", (0.4 + frames * FRAME_CPU_S,)),
            ]
        )
    for strategy in strategies.strategies((5,)):
        n = strategy.batch
        is_waited = strategy.mode is strategies.BatchMode.FOREGROUND
        values = {
            strategies.WAIT: line(n) / n if is_waited else 0.02 if n else 0.05,
            strategies.LONGEST: line(n) if is_waited else 0.03,
            strategies.CPU: FRAME_CPU_S * 1e3 + RECORD_MS + 2.0,
            strategies.RECORDER: RECORD_MS,
            strategies.DISK: 10.0,
        }
        found.add(Figure(SHORT, strategy.name, name, "s", (value,)) for name, value in values.items())
    return found


def test_estimates_are_right_on_a_machine_that_is_a_line() -> None:
    found = measured()
    figures = strategies.estimates(found, strategies.strategies((5,)), RIG, 1.0, 11.0)
    assert all(figure.basis is Basis.ESTIMATED and figure.group == WHOLE for figure in figures)
    found.add(figures)
    for name, batch in (("immediate", 1), ("batch 5", 5)):
        expected = START_S + batch * 11 * RIG.frames_per_s * FRAME_S
        assert found.typical(WHOLE, name, strategies.WAIT) == pytest.approx(expected / batch)
        assert found.typical(WHOLE, name, strategies.LONGEST) == pytest.approx(expected)
    assert found.typical(WHOLE, "background", strategies.WAIT) == 0.02
    # What starting up costs is spread over eleven times as many frames.
    cpu = found.typical(WHOLE, "immediate", strategies.CPU)
    assert cpu == pytest.approx(FRAME_CPU_S * 1e3 + RECORD_MS + 2.0 / 11)
    assert found.typical(WHOLE, "immediate", strategies.DISK) == 110.0


@pytest.mark.parametrize("effort", list(Effort))
@pytest.mark.parametrize("take_s", [0.5, 4.0, 15.0, 60.0])
def test_what_estimates_need_is_measured(effort: Effort, take_s: float) -> None:
    request = Request(effort, Rig(take_s=take_s), frozenset((Part.RECORDING,)))
    lengths = lengths_to_encode(request)
    found = Found()
    for length_s in lengths:
        for name in (strategies.TAKE_WAIT, strategies.TAKE_CPU):
            found.add([Figure(strategies.ONE_TAKE, strategies.case_of(length_s), name, "s", (length_s,))])
    for name in (strategies.WAIT, strategies.LONGEST, strategies.CPU, strategies.RECORDER, strategies.DISK):
        found.add([Figure(strategies.group_of(request.take_s), "immediate", name, "s", (1.0,))])
    is_estimated = any(figure.basis is Basis.ESTIMATED and figure.unit == "s" for figure in conclude(request, found))
    assert is_estimated == (request.take_s < take_s)
    assert (effort is Effort.FULL) <= (not is_estimated)
    titles = [step.title for step in lay_out(request, (), [], PACE)]
    assert titles[:2] == ["encoding one take", "recording: immediate"]
    assert request.takes(strategies.strategies((10,))[1]) == 11


def test_nothing_is_estimated_without_what_it_follows_from() -> None:
    assert strategies.estimates(Found(), strategies.strategies((5,)), RIG, 1.0, 11.0) == []
    assert strategies.estimates(measured(), strategies.strategies((5,)), RIG, 11.0, 11.0) == []


def test_a_take_of_middle_length_tells_whether_it_is_a_line() -> None:
    assert strategies.linearity(measured(), 1.0, 5.0, 11.0) == pytest.approx(0)
    bent = measured()
    case = strategies.case_of(5.0)
    bent.figures[strategies.ONE_TAKE, case, strategies.TAKE_WAIT] = Figure(
        strategies.ONE_TAKE, case, strategies.TAKE_WAIT, "s", (7.0,)
    )
    assert strategies.linearity(bent, 1.0, 5.0, 11.0) == pytest.approx(1.0)
    assert strategies.linearity(measured(), 1.0, 11.0, 11.0) is None


def _rates(found: Found, **rates: float) -> list[Codec]:
    tried = []
    for preset, rate in rates.items():
        codec = codecs.DEFAULT if preset == "default" else Codec(EncoderSettings(vcodec=preset), f"--vcodec {preset}")
        found.add(
            [
                Figure(codecs.GROUP, codec.name, codecs.RATE, "frames/s", (rate,), Better.MORE),
                Figure(codecs.GROUP, codec.name, codecs.SIZE, "kB", (1e3 / rate,)),
            ]
        )
        tried.append(codec)
    return tried


def _advice(load: float | None = 0.0, **rates: float) -> str:
    found = measured()
    tried = _rates(found, **rates)
    found.add(strategies.estimates(found, strategies.strategies((5,)), RIG, 1.0, 11.0))
    return "\n".join(advice.advise(found, RIG, 1.0, 11.0, tried, load))


def test_a_quick_machine_is_told_to_stay_with_the_defaults() -> None:
    told = _advice(default=10_000)
    assert "libsvtav1 12 encodes 10000 frames/s on all cores" in told
    assert "stay with it" in told
    assert "record with --batch" in told
    assert "you wait 0.02 s a take; encoding each at once makes it 7.1 s" in told
    assert "busy" not in told


def test_a_slow_machine_is_told_a_codec_that_keeps_up() -> None:
    told = _advice(default=30, h264=10_000, hevc=20_000)
    assert "use --vcodec hevc, which keeps up" in told


def test_a_machine_on_which_nothing_keeps_up_is_told_to_encode_later() -> None:
    told = _advice(default=30, h264=40)
    assert "record with --batch 0" in told
    assert "with all takes pending you wait 0.05 s a take" in told


def test_without_codecs_the_longest_take_tells_whether_encoding_keeps_up() -> None:
    assert "record with --batch" in _advice_on(line_of=1.0)
    assert "with all takes pending you wait" in _advice_on(line_of=10.0)


def _advice_on(line_of: float) -> str:
    """Return the advice where waiting for an encoder takes so many times as long, and no codec was measured."""
    found = measured()
    for (group, case, name), known in list(found.figures.items()):
        if group == strategies.ONE_TAKE and name == strategies.TAKE_WAIT:
            found.figures[group, case, name] = Figure(group, case, name, "s", (known.typical * line_of / 4,))
    return "\n".join(advice.advise(found, RIG, 1.0, 11.0, [], None))


@pytest.mark.parametrize("longest_s", [5.0, 11.0])
def test_the_estimates_need_no_whole_take(longest_s: float) -> None:
    figures = strategies.estimates(measured(), strategies.strategies((5,)), RIG, 1.0, longest_s)
    found = Found()
    found.add(figures)
    assert found.typical(WHOLE, "immediate", strategies.WAIT) == pytest.approx(line(11))


def test_a_busy_machine_is_told_to_be_measured_again() -> None:
    assert "busy with other things" in _advice(load=cores() + 1.0, default=10_000)
    assert "busy" not in _advice(load=None, default=10_000)


@pytest.mark.parametrize(("rate", "verdict"), [(1.0, "too slow"), (7.0, "it keeps up"), (500.0, "easily")])
def test_the_disk_is_judged_by_what_the_cameras_need(rate: float, verdict: str) -> None:
    found = Found()
    for name, value in ((codecs.WRITE, rate), (codecs.NEEDED, 2.4)):
        found.add([Figure(codecs.DISK, codecs.THIS_DISK, name, "MB/s", (value,))])
    (told,) = advice.advise(found, RIG, 1.0, 11.0, [], None)
    assert told.endswith(verdict) or verdict in told


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        (20.0, "3.0 times as many random windows here (60 and 20 a second of a core)"),
        (58.0, "no more random windows here (60 and 58 a second of a core): g 10 is enough"),
    ],
)
def test_what_a_shorter_group_of_pictures_costs_and_gives_is_said_for_each_codec(slow: float, said: str) -> None:
    found = Found()
    for case, rate, size in (("libsvtav1 g 2", 60.0, 6.0), ("libsvtav1 g 10", slow, 2.0), ("h264 g 2", 50.0, 4.0)):
        found.add([Figure(reading.GROUP, case, reading.RATE, reading.UNIT, (rate,), Better.MORE)])
        found.add([Figure(reading.GROUP, case, reading.SIZE, "kB", (size,))])

    (line,) = advice.advise(found, RIG, 1.0, 11.0, [], None)
    assert line == f"for training, libsvtav1 g 2 takes 200% more disk than g 10 and reads {said}"
