"""What recording, saving and encoding cost, beside the bare encoder and the real LeRobot, all in one run.

    .venv/bin/python scripts/benchmarks/record_and_encode.py [--lerobot PYTHON] [--episodes N] [--seconds S]

Two cameras, 640x480 at 30/s, the case of LeRobot's issue 1434. The same pictures go to everyone: to lerotool as the
JPEGs that a USB camera sends, to LeRobot as RGB arrays. Before any figure is printed the results are compared: as many
frames as rows everywhere, and pictures as close to the source as LeRobot's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np

from lerotool.benchmarking.bench import find_peer
from lerotool.benchmarking.clips import Clip, Picture, make_pictures, number_of, psnr, to_jpegs
from lerotool.dataset.dataset import Dataset
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder

WIDTH, HEIGHT = 640, 480
FPS = 30
CAMERAS = ("front", "wrist")
BARE_FRAMES = 150
PSNR_TOLERANCE_DB = 0.3


@dataclass(frozen=True, slots=True)
class Cost:
    """What a finished command took; CPU includes its children."""

    wall_s: float
    cpu_s: float
    stdout: str


def run_measured(command: Sequence[str | Path], environment: Mapping[str, str] = MappingProxyType({})) -> Cost:
    """Run a command to its end and return its cost; ``environment`` is added to that of this process.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"error: {' '.join(map(str, command))} exited with {process.returncode}\n{err.read()[-3000:]}")
        return Cost(wall_s, usage.ru_utime + usage.ru_stime, out.read())


def lerotool(*arguments: object) -> Cost:
    """Run lerotool under this interpreter."""
    return run_measured([sys.executable, "-m", "lerotool", *map(str, arguments)])


def record(root: Path, cameras: Path, episodes: int, seconds: float) -> Cost:
    """Record without encoding."""
    options: list[object] = ["--robot", "sim", "--root", root, "--episodes", episodes, "--episode-time", seconds]
    for name in CAMERAS:
        options += ["--camera", f"{name}={cameras / name}.mjpeg,{WIDTH}x{HEIGHT},{FPS}"]
    return lerotool("record", *options, "--reset-time", 0, "--batch", 0, "--task", "benchmark", "--json")


def measure_lerotool(work: Path, episodes: int, seconds: float) -> dict[str, Any]:
    """Record and encode with lerotool."""
    short = record(work / "short", work, 1, 1)
    cost = record(work / "lerotool", work, episodes, seconds)
    saved = [e for line in cost.stdout.splitlines() if (e := json.loads(line))["type"] == "episode_saved"]
    rows = sum(e["report"]["rows"] for e in saved)
    short_rows = sum(
        json.loads(line)["report"]["rows"] for line in short.stdout.splitlines() if "episode_saved" in line
    )
    encoded = lerotool("encode", "--pending", work / "lerotool", "--json")
    report = json.loads(encoded.stdout)["datasets"][0]
    frames = rows * len(CAMERAS)
    record_ms = (cost.cpu_s - short.cpu_s) * 1e3 / (rows - short_rows)
    return {
        "rows": rows,
        "missed_ticks": sum(e["report"]["missed"] for e in saved),
        "save_s": max(e["save_s"] for e in saved),
        "record_cpu_ms_per_row": record_ms,
        "record_cpu_percent": record_ms * FPS / 10,
        "encode_frames_per_s": report["frames"] / report["encode_wall_s"],
        "encode_command_frames_per_s": report["frames"] / encoded.wall_s,
        "cpu_ms_per_frame": record_ms / len(CAMERAS) + encoded.cpu_s * 1e3 / frames,
        "psnr_db": mean_psnr(work / "lerotool", work),
    }


def measure_late_ticks(work: Path, seconds: float) -> dict[str, Any]:
    """Record while the encoder works in the background, and return how late ticks were."""
    options: list[object] = ["--robot", "sim", "--root", work / "busy", "--episodes", 4, "--episode-time", seconds]
    for name in CAMERAS:
        options += ["--camera", f"{name}={work / name}.mjpeg,{WIDTH}x{HEIGHT},{FPS}"]
    cost = lerotool("record", *options, "--reset-time", 0, "--batch", 1, "--task", "benchmark", "--json")
    reports = [json.loads(line)["report"] for line in cost.stdout.splitlines() if "episode_saved" in line][1:]
    return {
        "p99_ms": max(r["lateness"]["p99_ms"] for r in reports),
        "max_ms": max(r["lateness"]["max_ms"] for r in reports),
        "missed": sum(r["missed"] for r in reports),
    }


def measure_lerobot(python: Path, mode: str, work: Path, episodes: int) -> dict[str, Any]:
    """Record and encode with the real LeRobot."""
    rows = len(np.load(work / f"{CAMERAS[0]}.npy", mmap_mode="r"))
    request = {"mode": mode, "takes": episodes, "rows": rows, "fps": FPS, "pictures": work}
    request["target"] = work / f"lerobot_{mode}"
    found = find_peer(python).run("record", work, request, lambda _: None)
    frames = Dataset.open(work / f"lerobot_{mode}").num_frames * len(CAMERAS)
    found["cpu_ms_per_frame"] = found["cpu_s"] * 1e3 / frames
    if mode == "immediate":
        found["encode_frames_per_s"] = frames / sum(found["saves_s"])
    found["psnr_db"] = mean_psnr(work / f"lerobot_{mode}", work)
    return found


def encode_bare(target: Path, jpegs: list[bytes], threads: int) -> float:
    """Decode to yuv420p in memory, then encode; returns the seconds that encoding alone took."""
    decoder = PacketDecoder(StreamFormat(StreamCodec.MJPEG, WIDTH, HEIGHT, "yuvj422p", FPS))
    frames = [
        av.VideoFrame.from_ndarray(decoder.decode(data).to_ndarray(format="yuv420p"), format="yuv420p")
        for data in jpegs
    ]
    began = time.perf_counter()
    with VideoEncoder(target, WIDTH, HEIGHT, FPS, EncoderSettings(), threads) as encoder:
        for frame in frames:
            encoder.write(frame)
    return time.perf_counter() - began


def measure_bare(work: Path, jpegs: list[bytes]) -> float:
    """Return the frames per second of SVT-AV1 fed from memory on all cores, in its best arrangement."""
    cores = os.cpu_count() or 1
    rates = []
    for processes, threads in ((1, 0), (cores, 1)):
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            jobs = [pool.submit(encode_bare, work / f"bare{i}.mp4", jpegs, threads) for i in range(processes)]
            rates.append(sum(len(jpegs) / job.result() for job in jobs))
    return max(rates)


def mean_psnr(root: Path, sources: Path) -> float:
    """Compare some frames of every episode with the source pictures that their corners name."""
    dataset = Dataset.open(root)
    found = []
    for name in CAMERAS:
        pictures: Picture = np.load(sources / f"{name}.npy", mmap_mode="r")
        for episode in dataset.episodes:
            frames = list(dataset.frames(episode.index, f"observation.images.{name}", 0, 30))
            found += [psnr(frame, pictures[number_of(frame)]) for frame in frames[::5]]
    return float(np.mean(found))


def prepare(work: Path, seconds: float) -> list[bytes]:
    """Make the pictures of both cameras; LeRobot gets what a camera library decodes from the JPEGs."""
    decoder = PacketDecoder(StreamFormat(StreamCodec.MJPEG, WIDTH, HEIGHT, "yuvj422p", FPS))
    jpegs: list[bytes] = []
    for seed, name in enumerate(CAMERAS):
        jpegs = to_jpegs(make_pictures(round(seconds * FPS), seed))
        Clip(name, tuple(jpegs)).write(work)
        np.save(work / f"{name}.npy", np.stack([decoder.decode(j).to_ndarray(format="rgb24") for j in jpegs]))
    return jpegs


def show(results: dict[str, Any]) -> None:
    """Print the figures as a table, with ratios."""
    ours, bare, late = results["lerotool"], results["bare_svt_av1_frames_per_s"], results["late_ticks"]
    rows = [
        ("recorder's CPU", f"{ours['record_cpu_percent']:.1f} % of one core", "target <= 5 %"),
        ("save_episode, longest", f"{ours['save_s'] * 1e3:.0f} ms", "target <= 100 ms"),
        ("missed ticks", f"{ours['missed_ticks']}", "target 0"),
        ("ticks late while encoding, p99", f"{late['p99_ms']:.1f} ms, {late['missed']} missed", "target <= 5 ms"),
        ("encode, jobs", f"{ours['encode_frames_per_s']:.0f} frames/s", ""),
        ("encode, whole command", f"{ours['encode_command_frames_per_s']:.0f} frames/s", ""),
        (
            "bare SVT-AV1, all cores",
            f"{bare:.0f} frames/s",
            f"lerotool: {ours['encode_frames_per_s'] / bare:.0%} of it",
        ),
        ("CPU per frame, record + encode", f"{ours['cpu_ms_per_frame']:.1f} ms", f"{ours['psnr_db']:.2f} dB"),
    ]
    for mode, peer in results.get("lerobot", {}).items():
        label = f"LeRobot {peer['version']} {mode}"
        ratio = ours["cpu_ms_per_frame"] / peer["cpu_ms_per_frame"]
        longest_s = max(peer["saves_s"])
        rows += [
            (f"{label}: CPU per frame", f"{peer['cpu_ms_per_frame']:.1f} ms", f"lerotool needs {ratio:.2f} of it"),
            (f"{label}: save_episode", f"{longest_s:.2f} s", f"{longest_s / ours['save_s']:.0f} x"),
            (f"{label}: PSNR", f"{peer['psnr_db']:.2f} dB", ""),
        ]
        if rate := peer.get("encode_frames_per_s"):
            rows.append(
                (f"{label}: encode", f"{rate:.0f} frames/s", f"lerotool: {ours['encode_frames_per_s'] / rate:.1f} x")
            )
    print(
        f"{results['machine']}; {results['episodes']} episodes of {results['seconds']:g} s, 2 cameras 640x480 at {FPS}"
    )
    for name, value, note in rows:
        print(f"  {name:42s} {value:>24s}   {note}")


def main() -> None:
    """Measure, check that results agree, print."""
    parser = argparse.ArgumentParser(description="What recording, saving and encoding cost.")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", help="an interpreter that has the real LeRobot")
    parser.add_argument("--episodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lerotool-benchmark-") as folder:
        work = Path(folder)
        jpegs = prepare(work, options.seconds)
        results: dict[str, Any] = {
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "episodes": options.episodes,
            "seconds": options.seconds,
            "bare_svt_av1_frames_per_s": measure_bare(work, jpegs[:BARE_FRAMES]),
            "lerotool": measure_lerotool(work, options.episodes, options.seconds),
            "late_ticks": measure_late_ticks(work, options.seconds),
        }
        if options.lerobot:
            modes = ("immediate", "streaming")
            results["lerobot"] = {m: measure_lerobot(options.lerobot, m, work, options.episodes) for m in modes}
    ours = results["lerotool"]
    for mode, peer in results.get("lerobot", {}).items():
        difference = ours["psnr_db"] - peer["psnr_db"]
        if abs(difference) > PSNR_TOLERANCE_DB:
            sys.exit(f"error: pictures differ from LeRobot's ({mode}) by {difference:+.2f} dB; no figures")
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
