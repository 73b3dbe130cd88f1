"""How close `lerotool encode` comes to the bare encoder, where the time goes, what LeRobot needs, and how much memory.

    .venv/bin/python scripts/benchmarks/encode.py [--quick] [--lerobot PYTHON] [--episodes N] [--seconds S] [--rounds N]

Two cameras, 640x480 at 30/s, SVT-AV1 with LeRobot's defaults. "Bare" is SVT-AV1 fed with the same takes as
yuv420p pictures from memory, one process per core with one encoder thread each, its best arrangement. Rounds of bare
and lerotool take turns and ratios are taken round by round, so that a busy machine harms both alike; CPU time hardly
notices. Before any figure is printed the results are compared: as many frames as rows, each the right one, as close to
the source as the bare encoder's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from record_and_encode import CAMERAS, FPS, HEIGHT, WIDTH, lerotool, measure_lerobot

from lerotool.benchmarking.clips import make_pictures, mean_psnr, number_of, to_jpegs
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.job import Treatment
from lerotool.features import CAMERA_PREFIX, STATE, camera, vector
from lerotool.media.decode import iter_rgb
from lerotool.media.encode import VideoEncoder, encode_jpeg
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.join import join_videos
from lerotool.media.libav import convert
from lerotool.media.pictures import PacketDecoder
from lerotool.moments import sampled_frames
from lerotool.spool.documents import Header
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace

STREAM = StreamFormat(StreamCodec.MJPEG, WIDTH, HEIGHT, "yuvj422p", FPS)
KEYS = tuple(f"{CAMERA_PREFIX}{name}" for name in CAMERAS)
PSNR_TOLERANCE_DB = 0.1
MEMORY_EPISODES = (10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames per second, and CPU milliseconds per frame."""

    frames_per_s: float
    cpu_ms: float


def spool(root: Path, jpegs: Sequence[Sequence[bytes]], episodes: int, stream: StreamFormat = STREAM) -> float:
    """Write pending episodes, one camera per list of packets; returns the CPU seconds that it took."""
    keys = KEYS[: len(jpegs)]
    features = {STATE: vector(["a.pos"]), **{key: camera(stream.height, stream.width) for key in keys}}
    began = time.process_time()
    for sequence in range(episodes):
        header = Header.build(
            sequence=sequence, fps=FPS, features=features, cameras=dict.fromkeys(keys, stream), task="benchmark"
        )
        writer = PendingWriter.create(Workspace(root).pending, header)
        for number, packets in enumerate(zip(*jpegs, strict=True)):
            for key, packet in zip(keys, packets, strict=True):
                writer.camera(key).append(packet, captured_ns=number)
            state = np.array([number], np.float32)
            writer.append_row(
                {STATE: state}, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures=dict.fromkeys(keys, number)
            )
        writer.save({})
    return time.process_time() - began


def encode_bare(target: Path, jpegs: list[bytes], videos: int, threads: int) -> tuple[float, float]:
    """Decode and convert in memory, then encode some videos; returns the seconds and CPU seconds of encoding alone."""
    decoder, converter = PacketDecoder(STREAM), VideoReformatter()
    frames = [convert(converter, decoder.decode(data), "yuv420p", color_range=ColorRange.MPEG) for data in jpegs]
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(videos):
        with VideoEncoder(target, WIDTH, HEIGHT, FPS, EncoderSettings(), threads) as encoder:
            for frame in frames:
                encoder.write(frame)
    return time.perf_counter() - began, time.process_time() - cpu


def measure_bare(work: Path, jpegs: list[list[bytes]], videos: int, processes: int, threads: int) -> Rate:
    """Return what all cores make of the cameras' pictures, in memory, as videos of the same length."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        jobs = [
            pool.submit(encode_bare, work / f"bare{i}.mp4", jpegs[i % len(jpegs)], videos, threads)
            for i in range(processes)
        ]
        costs = [job.result() for job in jobs]
    frames = len(jpegs[0]) * videos
    cpu_ms = sum(cpu for _, cpu in costs) * 1e3 / frames / processes
    return Rate(sum(frames / wall for wall, _ in costs), cpu_ms)


def measure_lerotool(root: Path) -> tuple[Rate, Rate]:
    """Encode all that is pending; returns the rate of the whole command and of the jobs alone."""
    cost = lerotool("encode", "--pending", root, "--json")
    report = json.loads(cost.stdout)["datasets"][0]
    frames = report["frames"]
    return (
        Rate(frames / cost.wall_s, cost.cpu_s * 1e3 / frames),
        Rate(frames / report["encode_wall_s"], report["cpu_s"] * 1e3 / frames),
    )


def measure_rounds(work: Path, jpegs: list[list[bytes]], episodes: int, rounds: int) -> dict[str, Any]:
    """Let bare encoder and lerotool take turns."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    found = []
    for number in range(rounds):
        one_process = measure_bare(work, jpegs, 1, 1, 0)
        bare = measure_bare(work, jpegs, max(1, episodes * len(jpegs) // cores), cores, 1)
        root = work / "lerotool"
        shutil.rmtree(root, ignore_errors=True)
        spool_s = spool(root, jpegs, episodes)
        command, jobs = measure_lerotool(root)
        if number == 0:
            check_result(root, jpegs, work / "bare0.mp4", episodes)
        best = max(bare, one_process, key=lambda rate: rate.frames_per_s)
        frames = episodes * sum(map(len, jpegs))
        found.append(
            {
                "bare_frames_per_s": best.frames_per_s,
                "bare_cpu_ms": bare.cpu_ms,
                "command_frames_per_s": command.frames_per_s,
                "command_cpu_ms": command.cpu_ms,
                "jobs_frames_per_s": jobs.frames_per_s,
                "jobs_cpu_ms": jobs.cpu_ms,
                "spool_cpu_ms": spool_s * 1e3 / frames,
                "command_share": command.frames_per_s / best.frames_per_s,
                "jobs_share": jobs.frames_per_s / best.frames_per_s,
                "command_cpu_share": bare.cpu_ms / command.cpu_ms,
            }
        )
    return {name: median(entry[name] for entry in found) for name in found[0]} | {"rounds": found}


def check_result(root: Path, jpegs: list[list[bytes]], bare: Path, episodes: int) -> None:
    """Compare what was made with what went in, and with what the bare encoder makes of it.

    Raises:
        SystemExit: a frame is missing or another one, or the pictures are not as good.
    """
    decoder, dataset = PacketDecoder(STREAM), Dataset.open(root)
    sources: list[list[Any]] = [
        [decoder.decode(data).to_ndarray(format="rgb24") for data in one[:150]] for one in jpegs
    ]
    for episode in range(episodes):
        for key, packets in zip(KEYS, jpegs, strict=True):
            numbers = [number_of(picture) for picture in dataset.frames(episode, key)]
            if numbers != list(range(len(packets))):
                sys.exit(f"error: episode {episode}, {key}: frames are not those that were recorded")
    ours = mean_psnr(dataset.frames(0, KEYS[0], 0, len(sources[0])), sources[0])
    theirs = mean_psnr(iter_rgb(bare, 0, len(sources[0]), FPS), sources[0])
    if abs(ours - theirs) > PSNR_TOLERANCE_DB:
        sys.exit(f"error: pictures differ from the bare encoder's by {ours - theirs:+.2f} dB; no figures")


def measure_stages(work: Path, jpegs: list[bytes]) -> dict[str, float]:
    """Return the CPU milliseconds per frame of each step of one job, taken one after another."""
    stages: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        stages[name] = stages.get(name, 0.0) + (time.process_time() - began) * 1e3 / len(jpegs)

    decoder, converter = PacketDecoder(STREAM), VideoReformatter()
    treatment = Treatment(camera(HEIGHT, WIDTH), STREAM)
    sampled = frozenset(sampled_frames(len(jpegs)).tolist())
    target = work / "stages.mp4"
    encoder = VideoEncoder(target, WIDTH, HEIGHT, FPS, EncoderSettings(), 1)
    converted: list[av.VideoFrame] = []
    for number, data in enumerate(jpegs):
        with timed("decode"):
            picture = decoder.decode(data)
        with timed("convert"):
            converted.append(convert(converter, picture, "yuv420p", color_range=ColorRange.MPEG))
        with timed("statistics"):
            if number in sampled:
                treatment.measure(picture)
    with timed("encode"), encoder:
        for frame in converted:
            encoder.write(frame)
    with timed("mux"):
        join_videos([target], work / "muxed.mp4", FPS)
    # Encoding writes the file too.
    stages["encode"] -= stages["mux"]
    return stages


def measure_memory(work: Path, counts: Sequence[int]) -> dict[int, float]:
    """Return the MB of the largest process of an encoding of so many small episodes."""
    stream = StreamFormat(StreamCodec.MJPEG, 128, 96, "yuvj422p", FPS)
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    jpegs = [encode_jpeg(np.roll(noise, shift, axis=1)) for shift in range(4)]
    found = {}
    for count in counts:
        root = work / f"memory{count}"
        spool(root, [jpegs], count, stream)
        found[count] = peak_mb("encode", "--pending", root, "--json", "--vcodec", "h264", "--preset", "ultrafast")
        if len(Dataset.open(root).episodes) != count:
            sys.exit(f"error: {count} episodes were not all encoded")
    return found


def peak_mb(*arguments: object) -> float:
    """Run lerotool and return the peak of its largest process.

    A small process of its own asks: one that is started by a large process counts the memory of that as its own.
    """
    asker = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    asker += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    command = [sys.executable, "-c", asker, sys.executable, "-m", "lerotool", *map(str, arguments)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(answer) / (1e6 if sys.platform == "darwin" else 1e3)


def show(results: dict[str, Any]) -> None:
    """Print the figures as a table, with ratios."""
    rate = results["rates"]
    share = f"{rate['command_share']:.0%} of bare (target >= 80 %), by CPU {rate['command_cpu_share']:.0%}"
    print(
        f"{results['machine']}, load {results['load']:.1f}; {results['episodes']} episodes of {results['seconds']:g} s,"
        f" 2 cameras {WIDTH}x{HEIGHT} at {FPS}; median of {len(rate['rounds'])} rounds"
    )
    rows = [
        ("bare SVT-AV1, all cores", f"{rate['bare_frames_per_s']:.0f} frames/s", f"{rate['bare_cpu_ms']:.2f} ms CPU"),
        (
            "lerotool encode, whole command",
            f"{rate['command_frames_per_s']:.0f} frames/s",
            f"{rate['command_cpu_ms']:.2f} ms CPU; {share}",
        ),
        (
            "lerotool encode, jobs alone",
            f"{rate['jobs_frames_per_s']:.0f} frames/s",
            f"{rate['jobs_cpu_ms']:.2f} ms CPU; {rate['jobs_share']:.0%} of bare",
        ),
    ]
    total = sum(results["stages"].values())
    rows += [(f"  {name}", f"{ms:.2f} ms", f"{ms / total:.0%}") for name, ms in results["stages"].items()]
    ours = rate["spool_cpu_ms"] + rate["command_cpu_ms"]
    for mode, peer in results.get("lerobot", {}).items():
        target = "<= 0.25" if mode == "immediate" else "<= 0.67"
        rows.append(
            (
                f"LeRobot {peer['version']} {mode}",
                f"{peer['cpu_ms_per_frame']:.1f} ms CPU",
                f"lerotool, spool and encode: {ours:.1f} ms = {ours / peer['cpu_ms_per_frame']:.2f} (target {target})",
            )
        )
    rows += [(f"memory, {count} episodes", f"{mb:.0f} MB", "") for count, mb in results["memory_mb"].items()]
    for name, value, note in rows:
        print(f"  {name:34s} {value:>16s}   {note}")


def main() -> None:
    """Measure, check that results agree, print."""
    parser = argparse.ArgumentParser(description="How close lerotool encode comes to the bare encoder.")
    parser.add_argument("--quick", action="store_true", help="3 episodes of 10 s, one round, fewer small ones")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", help="an interpreter that has the real LeRobot")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if options.quick:
        options.episodes, options.seconds, options.rounds = 3, 10.0, 1
    counts = MEMORY_EPISODES[: 2 if options.quick else 3]
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder:
        work = Path(folder)
        pictures = [make_pictures(round(options.seconds * FPS), seed) for seed in range(len(CAMERAS))]
        jpegs = [to_jpegs(one) for one in pictures]
        results: dict[str, Any] = {
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "load": os.getloadavg()[0],
            "episodes": options.episodes,
            "seconds": options.seconds,
            "rates": measure_rounds(work, jpegs, options.episodes, options.rounds),
            "stages": measure_stages(work, jpegs[0][:300]),
            "memory_mb": measure_memory(work, counts),
        }
        if options.lerobot:
            for name, one in zip(CAMERAS, pictures, strict=True):
                np.save(work / f"{name}.npy", one)
            del pictures
            modes = ("immediate", "streaming")
            results["lerobot"] = {mode: measure_lerobot(options.lerobot, mode, work, 2) for mode in modes}
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
