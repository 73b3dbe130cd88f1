"""What recording two servo arms and two cameras costs, and how punctual it is, on emulated hardware.

    .venv/bin/python scripts/benchmarks/arms.py [--rates 30 60 100] [--seconds S] [--episodes N]

Two emulated SO-101 buses with the time that bytes take at 1 Mbaud and 1 ms of USB, two network cameras 640x480 at 30/s,
each in a process of its own; the real servo SDK, serial ports and demuxers. Three runs per rate: a short one whose cost
is taken off (start-up), one that only records, and one that encodes each episode in the background. Before any figure
is printed, every row must name a picture that is there and no joint may be stale.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from record_and_encode import Cost, lerotool

from lerotool.devices.arms.calibration import JointCalibration, calibration_path, save_calibration
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.config import SoRobotConfig, save_robot
from lerotool.spool.pending import list_pending
from lerotool.testing.mjpeg_camera import EmulatedCamera
from lerotool.testing.servo_bus import EmulatedBus

NAME = "bench"
SHORT_S = 2.0
CAMERAS = ("front", "wrist")


@dataclass(frozen=True, slots=True)
class Result:
    """Of one rate.

    Attributes:
        rate: rows per second asked for.
        rows: recorded, without encoding.
        cpu_percent: of one core, of the recorder alone.
        p99_ms: lateness of ticks, without encoding; the worst episode.
        busy_p99_ms: the same with an encoder in the background.
        missed: ticks without a row, with and without encoding.
        stale: rows with a joint that was not fresh, likewise.
        pictures: that arrived, without encoding.
        save_ms: the longest that saving an episode took.
    """

    rate: int
    rows: int
    cpu_percent: float
    p99_ms: float
    busy_p99_ms: float
    missed: int
    stale: int
    pictures: int
    save_ms: float


@dataclass(frozen=True, slots=True)
class Hardware:
    """What is emulated."""

    leader: EmulatedBus
    follower: EmulatedBus
    cameras: Mapping[str, EmulatedCamera]


@contextmanager
def rig() -> Iterator[Hardware]:
    """Describe a robot of two emulated arms and two emulated cameras to lerotool."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lerotool-rig-")))
        os.environ |= {"LEROTOOL_CONFIG": str(folder), "HF_LEROBOT_CALIBRATION": str(folder / "calibration")}
        leader = stack.enter_context(EmulatedBus(is_moving=True, usb_s=0.001, wire=True))
        follower = stack.enter_context(EmulatedBus(usb_s=0.001, wire=True))
        cameras = {name: stack.enter_context(EmulatedCamera()) for name in CAMERAS}
        calibration = {joint.name: JointCalibration(joint.id, 0, 0, 0, 4095) for joint in JOINTS}
        for role in Role:
            save_calibration(calibration_path(role, NAME), calibration)
        document = {
            "follower": {"port": follower.port, "id": NAME},
            "leader": {"port": leader.port, "id": NAME},
            "cameras": {name: {"source": camera.url} for name, camera in cameras.items()},
            "start_speed": 600.0,
        }
        save_robot(NAME, SoRobotConfig.model_validate(document))
        yield Hardware(leader, follower, cameras)


def record(root: Path, rate: int, seconds: float, episodes: int, batch: int) -> tuple[Cost, list[dict[str, Any]]]:
    """Record and return the cost and the report of each episode."""
    times = ("--fps", rate, "--episode-time", seconds, "--episodes", episodes, "--reset-time", 0)
    what = ("--robot", NAME, "--root", root, "--task", "benchmark", "--batch", batch)
    cost = lerotool("record", *what, *times, "--no-encode-at-end", "--json")
    return cost, [e for line in cost.stdout.splitlines() if (e := json.loads(line))["type"] == "episode_saved"]


def check(root: Path) -> int:
    """Return the number of pictures of all pending episodes.

    Raises:
        SystemExit: a row names a picture that is not there.
    """
    pictures = 0
    for episode in list_pending(root):
        rows = episode.rows()
        for camera in episode.header.cameras:
            count = len(episode.camera(camera))
            if rows[f"picture/{camera}"].to_numpy().max() >= count:
                sys.exit(f"error: {episode.path} names a picture of {camera} that is not there")
            pictures += count
    return pictures


def measure(work: Path, rate: int, seconds: float, episodes: int) -> Result:
    """Measure one rate."""
    short, short_told = record(work / f"short{rate}", rate, SHORT_S, 1, 0)
    plain, told = record(work / f"plain{rate}", rate, seconds, episodes, 0)
    pictures = check(work / f"plain{rate}")
    _, busy_told = record(work / f"busy{rate}", rate, seconds, episodes + 1, 1)
    reports = [event["report"] for event in told]
    # The first episode has nothing to encode beside it.
    busy = [event["report"] for event in busy_told][1:]
    rows = sum(report["rows"] for report in reports)
    extra_s = sum(r["duration_s"] for r in reports) - sum(e["report"]["duration_s"] for e in short_told)
    return Result(
        rate=rate,
        rows=rows,
        cpu_percent=100 * (plain.cpu_s - short.cpu_s) / extra_s,
        p99_ms=max(report["lateness"]["p99_ms"] for report in reports),
        busy_p99_ms=max(report["lateness"]["p99_ms"] for report in busy),
        missed=sum(report["missed"] for report in reports + busy),
        stale=sum(report["stale_rows"] + report["stale_actions"] for report in reports + busy),
        pictures=pictures,
        save_ms=max(event["save_s"] for event in told + busy_told) * 1e3,
    )


def show(results: Sequence[Result], seconds: float, episodes: int) -> None:
    """Print the figures as a table."""
    print(
        f"{os.cpu_count()} cores, {platform.platform()}; {episodes} episodes of {seconds:g} s, "
        "two arms, two cameras 640x480 at 30/s"
    )
    print(f"  {'rows/s':>6} {'recorder':>10} {'p99 late':>9} {'encoding':>9} {'missed':>7} {'stale':>6} {'save':>7}")
    for r in results:
        print(
            f"  {r.rate:6d} {r.cpu_percent:8.1f} % {r.p99_ms:6.2f} ms {r.busy_p99_ms:6.2f} ms {r.missed:7d} "
            f"{r.stale:6d} {r.save_ms:4.0f} ms"
        )
    print("  recorder: CPU in percent of one core, target <= 5 at 30/s; p99 late: target <= 5 ms, also while encoding")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Two emulated arms and two cameras: cost and punctuality.")
    parser.add_argument("--rates", type=int, nargs="+", default=[30, 60, 100], metavar="N", help="rows per second")
    parser.add_argument("--seconds", type=float, default=15.0, help="per episode")
    parser.add_argument("--episodes", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder, rig():
        results = [measure(Path(folder), rate, options.seconds, options.episodes) for rate in options.rates]
    show(results, options.seconds, options.episodes)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
