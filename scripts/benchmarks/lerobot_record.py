"""LeRobot's own `lerobot-record` beside `lerotool record`, by itself and with LeRobot driving the robot.

    .venv/bin/python scripts/benchmarks/lerobot_record.py --lerobot PYTHON [--episodes N] [--seconds S] [--mode MODE]

The same emulated hardware for all: two SO-101 buses with the time that bytes take and 1 ms of USB, two network cameras
640x480 at 30/s. LeRobot reads them with its OpenCV camera (`lerobot_camera_stream.py`). Each recorder runs without an
encoder beside a take (LeRobot encodes after it, lerotool by `encode --pending` in the end), with one (LeRobot:
streaming; lerotool: `--batch 1`), and while answers of the buses are held back now and then; there LeRobot also records
with buses that forget late answers, as they do below `lerotool record --lerobot`, to part what waiting for
the right answer costs from what the second process costs.

The leader's wrist turns at a constant speed, so that each action tells when it was read. A row is off its timestamp by
how much later or earlier it was observed, counted from the episode's first row. An old position is an action that was
read before its row was observed and that is not marked. Before any figure is printed, the real LeRobot loads every
dataset with the same features, as many episodes, and every action must be of its own row or older.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from arms import CAMERAS, NAME, Hardware, rig
from lerobot_scripts import load
from numpy.typing import NDArray
from record_and_encode import FPS, HEIGHT, WIDTH, Cost, lerotool, run_measured
from stale_positions import STALLS_S, STEPS_PER_S, TOLERANCE_S

from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.features import ACTION

WRIST_ROLL = JOINT_NAMES.index("wrist_roll")
TURN = 4096
STEP = 360 / 4095
SHORT_S = 1.0
TRIES = 10
STALLED = 0.05
"""Share of answers that are held back."""
PLUGIN = "lerobot_camera_stream"
MODES = ("no encoder beside", "encoder beside", "bus stalls")
FORGETFUL = "lerobot-record, forgetting"


@dataclass(frozen=True, slots=True)
class Run:
    """What a recorder was asked for and where it puts things.

    Attributes:
        root: the dataset.
        log: where LeRobot's plug-in writes when it observed.
    """

    root: Path
    log: Path
    episodes: int
    seconds: float
    has_encoder: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """Rows of a dataset, one value per row in order.

    Attributes:
        observed_s: when it was observed, on the monotonic clock.
        due_s: the timestamp that the dataset has for it, from the episode's first row.
        first_s: when its episode's first row was observed.
        wrist: the leader's wrist in its action, in steps.
        is_marked: whether the dataset says that it was not fresh.
    """

    observed_s: NDArray[np.float64]
    due_s: NDArray[np.float64]
    first_s: NDArray[np.float64]
    wrist: NDArray[np.float64]
    is_marked: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one recorder in one mode.

    Attributes:
        cpu_ms: per picture, until all is encoded; without what starting costs.
        off_p50_ms: how far rows are off their timestamps, median.
        off_p99_ms: the same, of the worst in a hundred.
        missing: rows fewer than the takes' seconds hold.
        old: positions read before their row that are not marked.
        marked: rows that are marked.
        died: sessions that ended in a take with an error before one that did not.
    """

    recorder: str
    mode: str
    rows: int
    cpu_ms: float
    off_p50_ms: float
    off_p99_ms: float
    missing: int
    old: int
    marked: int
    died: int


class Recorders:
    """The three, on one set of emulated hardware.

    Args:
        lerobot: an interpreter that has LeRobot.
    """

    def __init__(self, lerobot: Path, hardware: Hardware, work: Path) -> None:
        self._lerobot = lerobot
        self._hardware = hardware
        self._plugin = work / "plugin"
        self._described = work / "described.toml"
        self._write_plugin()
        self._described.write_text(
            f'type = "lerobot"\npython = {json.dumps(str(lerobot))}\noptions = {json.dumps(self._options())}\n'
            "start_speed = 0.0\n"
            + "".join(
                f"\n[cameras.{name}]\nsource = {json.dumps(camera.url)}\n" for name, camera in hardware.cameras.items()
            )
        )

    def _write_plugin(self) -> None:
        about = self._plugin / f"{PLUGIN}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 1.0\n")
        shutil.copy(Path(__file__).with_name(f"{PLUGIN}.py"), self._plugin)

    def _options(self) -> list[str]:
        parts = (("robot", "follower", self._hardware.follower), ("teleop", "leader", self._hardware.leader))
        return [
            option
            for part, role, bus in parts
            for option in (f"--{part}.type=so101_{role}", f"--{part}.port={bus.port}", f"--{part}.id={NAME}")
        ]

    def of(self, mode: str) -> dict[str, Callable[[Run], Cost]]:
        """Return the recorders of a mode by name."""
        forgetful = {FORGETFUL: lambda run: self._record_with_lerobot(run, LEROTOOL_BENCHMARK_FORGET="1")}
        return {
            "lerobot-record": self._record_with_lerobot,
            **(forgetful if mode == MODES[2] else {}),
            "lerotool record": lambda run: self._record(run, NAME),
            "lerotool record --lerobot": lambda run: self._record(run, self._described),
        }

    def _record_with_lerobot(self, run: Run, **more: str) -> Cost:
        size = f"index_or_path: 0, width: {WIDTH}, height: {HEIGHT}, fps: {FPS}"
        cameras = ", ".join(
            f"{name}: {{type: stream, url: '{camera.url}', {size}}}" for name, camera in self._hardware.cameras.items()
        )
        takes = (f"--dataset.num_episodes={run.episodes}", f"--dataset.episode_time_s={run.seconds}")
        what = ("--dataset.repo_id=benchmark/record", f"--dataset.root={run.root}", "--dataset.single_task=benchmark")
        how = (f"--dataset.streaming_encoding={str(run.has_encoder).lower()}", "--dataset.reset_time_s=0")
        quiet = ("--dataset.push_to_hub=false", "--play_sounds=false")
        options = (*self._options(), f"--robot.cameras={{{cameras}}}", *what, *takes, *how, *quiet)
        environment = {"PYTHONPATH": str(self._plugin), "LEROTOOL_BENCHMARK_LOG": str(run.log), **more}
        return run_measured([self._lerobot, "-m", "lerobot.scripts.lerobot_record", *options], environment)

    def _record(self, run: Run, robot: object) -> Cost:
        takes = ("--episodes", run.episodes, "--episode-time", run.seconds, "--reset-time", 0)
        what = ("--robot", robot, "--root", run.root, "--task", "benchmark", "--fps", FPS, "--min-episode-time", 0)
        recorded = lerotool("record", *what, *takes, "--batch", int(run.has_encoder), "--json")
        if run.has_encoder:
            return recorded
        encoded = lerotool("encode", "--pending", run.root, "--json")
        return Cost(recorded.wall_s + encoded.wall_s, recorded.cpu_s + encoded.cpu_s, recorded.stdout)


def read(run: Run) -> Recorded:
    """Return the rows that were recorded, with their times."""
    dataset = Dataset(run.root)
    parts = []
    logged = np.array(json.loads(run.log.read_text())) if run.log.exists() else None
    for episode in dataset.episodes:
        span = slice(episode.dataset_from, episode.dataset_to)
        actions = dataset.numpy(ACTION, span.start, span.stop)[:, WRIST_ROLL].astype(np.float64)
        rows = len(actions)
        if logged is not None:
            if len(logged) != dataset.num_frames:
                sys.exit(f"error: LeRobot observed {len(logged)} times for {dataset.num_frames} rows; no figures")
            observed_ns, is_marked = logged[span], np.zeros(rows, bool)
        else:
            timing = dataset.timing(episode.index)
            if timing is None:
                sys.exit(f"error: {run.root} has no measured times; no figures")
            observed_ns = timing["observed_ns"].to_numpy()
            is_marked = (timing["stale_action"].to_numpy() >> WRIST_ROLL & 1).astype(bool)
        observed_s = observed_ns / 1e9
        first_s = np.full(rows, observed_s[0])
        parts.append((observed_s, np.arange(rows) / FPS, first_s, actions / STEP + 4095 / 2, is_marked))
    return Recorded(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def check(name: str, run: Run, recorded: Recorded, origin_s: float, lerobot: Path) -> NDArray[np.float64]:
    """Return by how many seconds each action is older than its row's observation; negative is fresh.

    Raises:
        SystemExit: the dataset is not what all recorders should make.
    """
    dataset = Dataset(run.root)
    joints = [f"{joint}.pos" for joint in JOINT_NAMES]
    features = {key: (feature.dtype, tuple(feature.shape)) for key, feature in dataset.features.items()}
    expected: dict[str, Any] = {
        **dict.fromkeys(("action", "observation.state"), ("float32", (6,))),
        **{f"observation.images.{camera}": ("video", (HEIGHT, WIDTH, 3)) for camera in CAMERAS},
    }
    if {key: features.get(key) for key in expected} != expected or dataset.features[ACTION].names != joints:
        sys.exit(f"error: {name} recorded {features}; no figures")
    found = load(lerobot, run.root)
    if found is None or (found["episodes"], found["frames"]) != (run.episodes, len(recorded.wrist)):
        sys.exit(f"error: LeRobot finds {found} in what {name} recorded; no figures")
    older = ((recorded.observed_s - origin_s) * STEPS_PER_S - recorded.wrist + TURN / 2) % TURN - TURN / 2
    older_s: NDArray[np.float64] = older / STEPS_PER_S
    if np.median(np.abs(older_s)) > 0.5:
        sys.exit(f"error: the actions of {name} are not the leader's; no figures")
    return older_s


@contextmanager
def stalling(hardware: Hardware, run: Run) -> Iterator[None]:
    """Hold answers of both buses back now and then, while takes are recorded."""
    ended = threading.Event()
    draw = random.Random(1)

    def hold_back() -> None:
        while not ended.wait(0.25):
            if has_begun(run):
                for bus in (hardware.leader, hardware.follower):
                    bus.faults(stall=STALLED, stall_s=draw.uniform(*STALLS_S))

    thread = threading.Thread(target=hold_back)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for bus in (hardware.leader, hardware.follower):
            bus.faults(stall=0.0)


def has_begun(run: Run) -> bool:
    """Whether a row was observed."""
    return run.log.with_suffix(".started").exists() or any(run.root.glob(".lerotool/pending/*/rows.log"))


def persist(record: Callable[[Run], Cost], run: Run) -> tuple[Cost, int]:
    """Record until it succeeds; returns its cost, and how often it died in a take before.

    At the start LeRobot asks each servo once, and a busy machine may be too late; that does not count.

    Raises:
        SystemExit: it never succeeded.
    """
    died = 0
    for left in reversed(range(TRIES)):
        try:
            return record(run), died
        except SystemExit:
            died += has_begun(run)
            if not left:
                raise
            shutil.rmtree(run.root, ignore_errors=True)
            run.log.with_suffix(".started").unlink(missing_ok=True)
    raise AssertionError


def measure(recorders: Recorders, hardware: Hardware, work: Path, options: argparse.Namespace) -> Iterator[Figures]:
    """Yield the figures of each recorder in each mode."""
    origin_s = time.monotonic()
    hardware.leader.servo(WRIST_ROLL + 1).ramp(origin=origin_s, rate=STEPS_PER_S)
    for mode in options.mode:
        has_encoder, has_stalls = mode == MODES[1], mode == MODES[2]
        for name, record in recorders.of(mode).items():
            runs = []
            for kind, episodes, seconds in (("short", 1, SHORT_S), ("long", options.episodes, options.seconds)):
                folder = work / f"{mode} {name} {kind}".replace(" ", "_")
                run = Run(folder, folder.with_suffix(".json"), episodes, seconds, has_encoder)
                with stalling(hardware, run) if has_stalls else nullcontext():
                    runs.append((run, *persist(record, run)))
            (short, start, _), (run, cost, died) = runs
            recorded = read(run)
            older_s = check(name, run, recorded, origin_s, options.lerobot)
            off_ms = np.abs(recorded.observed_s - recorded.first_s - recorded.due_s) * 1e3
            pictures = len(CAMERAS) * (len(recorded.wrist) - Dataset(short.root).num_frames)
            yield Figures(
                recorder=name,
                mode=mode,
                rows=len(recorded.wrist),
                cpu_ms=(cost.cpu_s - start.cpu_s) * 1e3 / pictures,
                off_p50_ms=float(np.percentile(off_ms, 50)),
                off_p99_ms=float(np.percentile(off_ms, 99)),
                missing=round(run.episodes * run.seconds * FPS) - len(recorded.wrist),
                old=int(((older_s > TOLERANCE_S) & ~recorded.is_marked).sum()),
                marked=int(recorded.is_marked.sum()),
                died=died,
            )
            for each, *_ in runs:
                shutil.rmtree(each.root)


def show(results: list[Figures]) -> None:
    """Print the figures as a table."""
    heads = ("CPU/frame", "off p50", "off p99", "missing", "old", "marked", "died")
    for mode in dict.fromkeys(each.mode for each in results):
        print(f"{mode:<28}" + "".join(f"{head:>12}" for head in heads))
        for f in (each for each in results if each.mode == mode):
            times = f"{f.cpu_ms:9.1f} ms{f.off_p50_ms:9.1f} ms{f.off_p99_ms:9.1f} ms"
            counts = f"{f.missing:>5} of {f.rows + f.missing:<4}{f.old:>9}{f.marked:>12}{f.died:>12}"
            print(f"  {f.recorder:<26}{times}{counts}")


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(description="lerobot-record beside lerotool record.")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", required=True, help="has the real LeRobot 0.6.1")
    parser.add_argument("--episodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="per episode")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=MODES, help="run these only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder, rig() as hardware:
        recorders = Recorders(options.lerobot, hardware, Path(folder))
        results = list(measure(recorders, hardware, Path(folder), options))
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {options.episodes} episodes of "
        f"{options.seconds:g} s, two arms, {len(CAMERAS)} cameras {WIDTH}x{HEIGHT} at {FPS}/s"
    )
    show(results)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
