"""What measures is run for real, on small things: its figures are there, and agree with looking another way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerotool.benchmarking import codecs, merges, reading, sessions, strategies
from lerotool.benchmarking.bench import Bench, Site
from lerotool.benchmarking.clips import make_clips
from lerotool.benchmarking.effort import Effort, MergeSize
from lerotool.benchmarking.figures import Figure, Found
from lerotool.benchmarking.sessions import SessionCost, run_session
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, MediaError
from lerotool.execution import StoppedError
from lerotool.features import Feature
from lerotool.media.format import EncoderSettings
from lerotool.recording.config import BatchMode
from tests.benchmarking.parts import TINY

pytestmark = pytest.mark.slow

TAKES, TAKE_S = 2, 0.5


def site(folder: Path) -> Site:
    return Site(folder, TINY, make_clips(TINY))


def record(folder: Path, batch: int, mode: BatchMode) -> SessionCost:
    return run_session(site(folder), batch, mode, TAKES, TAKE_S)


def test_a_session_that_encodes_each_take_waits_for_it(tmp_path: Path) -> None:
    began = time.perf_counter()
    cost = record(tmp_path, 1, BatchMode.FOREGROUND)
    elapsed = time.perf_counter() - began
    dataset = Dataset.open(tmp_path / "set")

    assert (dataset.num_episodes, len(cost.waits_s), len(cost.saves_s), len(cost.late_ms)) == (2, 1, 2, 2)
    assert cost.frames == dataset.num_frames * 2
    # What the operator's clock says adds up to the whole, and fits into what passed here.
    parts = sum(cost.waits_s) + cost.end_s + TAKES * TAKE_S
    assert parts == pytest.approx(cost.total_s, abs=0.05)
    assert cost.total_s < elapsed
    # An encoder was started and ran between the takes.
    assert cost.waits_s[0] > 3 * max(cost.saves_s)
    assert 0 < cost.recorder_cpu_s < cost.cpu_s
    videos = sum(path.stat().st_size for path in (tmp_path / "set/videos").rglob("*.mp4"))
    assert cost.peak_bytes > videos


def test_a_session_whose_takes_stay_pending_encodes_them_later(tmp_path: Path) -> None:
    cost = record(tmp_path, 0, BatchMode.LATER)
    assert Dataset.open(tmp_path / "set").num_episodes == TAKES
    assert cost.later_s > cost.waits_s[0]
    assert cost.total_s == pytest.approx(sum(cost.waits_s) + cost.end_s + cost.later_s + TAKES * TAKE_S, abs=0.05)


def test_a_frame_that_is_another_one_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, 0, BatchMode.LATER)
    real = sessions.number_of
    seen = iter(range(10**6))
    # From the fifth picture on each seems to be the one after it.
    monkeypatch.setattr(sessions, "number_of", lambda picture: real(picture) + (next(seen) >= 5))
    with pytest.raises(CorruptDatasetError, match="shows another picture"):
        sessions.check_session(tmp_path / "set", TAKES, len(make_clips(TINY)[0].jpegs))


def test_a_session_that_is_told_to_stop_stops(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    with pytest.raises(StoppedError):
        record(tmp_path, 1, BatchMode.FOREGROUND)


def test_strategies_are_told_by_their_figures(tmp_path: Path) -> None:
    cost = SessionCost((0.5, 1.5), 2.0, 0.0, 6.0, 3.0, 0.3, 300, 1, (1.0, 4.0, 2.0), (0.1, 0.2, 0.1), 5_000_000)
    found = Found()
    found.add(strategies.figures_of(strategies.IMMEDIATE, cost, TINY, 1.0))
    group = strategies.group_of(1.0)
    told = {name: found.typical(group, "immediate", name) for name in (strategies.WAIT, strategies.LONGEST)}
    assert told == {strategies.WAIT: 1.0, strategies.LONGEST: 1.5}
    assert found.typical(group, "immediate", strategies.CPU) == 10.0
    assert found.typical(group, "immediate", strategies.LATE) == 4.0
    assert found.typical(group, "immediate", strategies.LOST) == 1


def test_codecs_are_measured_and_leave_nothing(tmp_path: Path) -> None:
    codec = codecs.Codec(EncoderSettings(vcodec="h264", preset="ultrafast"), "--vcodec h264")
    found = Found()
    found.add(codecs.measure_codec(site(tmp_path), codec, 1.0))
    values = [found.typical(codecs.GROUP, "h264 ultrafast", n) for n in (codecs.RATE, codecs.CPU, codecs.SIZE)]
    assert all(value is not None and value > 0 for value in values)
    likeness = found.typical(codecs.GROUP, "h264 ultrafast", codecs.LIKENESS)
    assert likeness is not None
    assert 20 < likeness < 60
    assert not (tmp_path / "set").exists()


def test_a_codec_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    codec = codecs.Codec(EncoderSettings(vcodec="no_such_codec"))
    with pytest.raises((MediaError, codecs.IncompleteError), match="no_such_codec"):
        codecs.measure_codec(site(tmp_path), codec, 0.2)


def test_codecs_to_try_begin_with_the_default_and_grow_with_the_effort() -> None:
    quick, normal, full = (codecs.codecs_to_try(effort) for effort in Effort)
    assert quick[0] == codecs.DEFAULT
    assert len(quick) < len(normal) < len(full)
    assert all(codec.flags for codec in full[1:])


def test_longer_takes_take_longer_to_encode(tmp_path: Path) -> None:
    found = Found()
    found.add(strategies.measure_takes(site(tmp_path), (0.2, 0.4)))
    assert found.cases(strategies.ONE_TAKE) == ["a take of 0.2 s", "a take of 0.4 s"]
    assert all(figure.typical > 0 for figure in found)
    for number, rows in enumerate((6, 12)):
        assert Dataset.open(tmp_path / f"take{number}").num_frames == rows


def test_the_disk_is_measured_with_a_file_that_goes(tmp_path: Path) -> None:
    rate, needed = codecs.measure_disk(tmp_path, 2, 1.5e6)
    assert len(rate.values) == 3
    assert rate.typical > 0
    assert needed.typical == 1.5
    assert not list(tmp_path.iterdir())


def test_a_merge_is_measured_and_its_result_is_the_references(tmp_path: Path) -> None:
    found = Found()
    found.add(merges.measure_merge(site(tmp_path), MergeSize("small", 4, 2)))
    case = "small, 4 episodes"
    ratios = found.figures[merges.GROUP, case, merges.RATIO].values
    pairs = [found.figures[merges.GROUP, case, name].values for name in (merges.REFERENCE, merges.OURS)]
    assert ratios == tuple(a / b for a, b in zip(*pairs, strict=True))
    assert len(ratios) == 2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Feature]:
    """One video for all sets."""
    return merges.make_clip(tmp_path_factory.mktemp("clip"))


@pytest.mark.parametrize("what", ["rows", "videos", "statistics", "tasks"])
def test_merges_that_differ_give_no_figures(tmp_path: Path, clip: tuple[Path, Feature], what: str) -> None:
    for name in ("one", "other"):
        merges.make_set(tmp_path / name, 2, 6, *clip)
    other = tmp_path / "other"
    merges.check_equal(tmp_path / "one", other)
    if what == "rows":
        path = other / "data/chunk-000/episode_000001.parquet"
        table = pq.read_table(path)
        pq.write_table(table.set_column(1, table.schema.field(1), table["action"]), path)
    elif what == "videos":
        path = next(other.rglob("episode_000000.mp4"))
        path.write_bytes(path.read_bytes() + b"x")
    else:
        path = other / ("meta/episodes_stats.jsonl" if what == "statistics" else "meta/tasks.jsonl")
        words = ('"mean": [[[', '"mean": [[[1') if what == "statistics" else ("pick", "drop")
        path.write_text(path.read_text().replace(*words))
    with pytest.raises(CorruptDatasetError, match="differently"):
        merges.check_equal(tmp_path / "one", other)


def test_single_steps_agree_before_they_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merges, "_LEAST_S", 0.0)
    figures = merges.measure_operations(site(tmp_path), 50, 6)
    assert len({figure.case for figure in figures}) == 5
    assert all(len(figure.values) == 3 for figure in figures)


def test_a_step_with_another_result_gives_no_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merges.rowwise, "pad_column", lambda column, width: column.map(lambda _: np.ones(width)))
    with pytest.raises(CorruptDatasetError, match="padding 50 rows"):
        merges.measure_operations(site(tmp_path), 50, 6)


def test_a_bench_runs_jobs_elsewhere_and_hands_on_how_far_they_are(tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    bench = Bench(site(tmp_path), lambda *far: told.append(far))
    assert bench.run("things", _process) != os.getpid()
    figures = bench.run("frames", _two_steps)
    assert [figure.name for figure in figures] == ["x"]
    assert told[-1] == (2, 2, "frames")


def test_an_error_on_the_bench_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(CorruptDatasetError, match="wrong"):
        Bench(site(tmp_path), lambda *_: None).run("things", _fail)


def _process(where: Site) -> int:
    del where
    return os.getpid()


def _two_steps(where: Site) -> list[Figure]:
    where.progress(2).report(2)
    return [Figure("a", "b", "x", "s", (1.0,))]


def _fail(where: Site) -> None:
    del where
    raise CorruptDatasetError("wrong")


def test_reading_is_measured_and_leaves_nothing(tmp_path: Path) -> None:
    found = Found()
    found.add(reading.measure_reading(site(tmp_path), reading.ReadJob("h264", 10, 1.0, 2)))

    assert found.cases(reading.GROUP) == ["h264 g 10"]
    for name in (reading.RATE, reading.SIZE):
        assert (found.typical(reading.GROUP, "h264 g 10", name) or 0) > 0
    assert not (tmp_path / "set").exists()


def test_what_is_read_is_what_was_recorded(tmp_path: Path) -> None:
    job = reading.ReadJob("h264", 2, 1.0, 2)
    size = reading.make_videos(site(tmp_path), job)

    assert size * 2 * job.rows(TINY.fps) * TINY.cameras == sum(
        path.stat().st_size for path in (tmp_path / "set").rglob("*.mp4")
    )
    # Both episodes count their rows from 0, and a window stays in its own.
    states = np.minimum(np.add.outer(np.array(job.order(TINY.fps)[1:]).ravel() % 30, np.arange(16)), 29)
    _, total = reading.read_windows(site(tmp_path), job)
    assert total == states.sum()
