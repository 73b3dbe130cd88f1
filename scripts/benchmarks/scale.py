"""How whole commands grow with the number of episodes: seconds, memory, and the exponent of the last step.

    .venv/bin/python scripts/benchmarks/scale.py [--most EPISODES] [--work FOLDER]

Datasets of 100 episodes, 10 rows and one small AV1 video each, are merged into sets of 100 to 100 000 episodes, and the
commands run on these as they are typed. Each set is checked before any figure is printed: as many episodes and rows as
its parts, and the right numbers. Memory is the largest process. Prints the table of docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merge import check_equal
from merge_sources import FPS, encode_noise, make_v30_with_videos
from record_and_encode import run_measured

from lerotool.media.join import join_videos

PART, ROWS = 100, 10
HEIGHT, WIDTH = 48, 64
STEP = 10
"""Each set is so many times larger than the one before."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "info": ("info", "SET"),
    "check": ("check", "SET"),
    "check --quality": ("check", "SET", "--quality"),
    "stats": ("stats", "SET"),
    "stats --verify --skip-images": ("stats", "SET", "--verify", "--skip-images"),
    "list": ("list", "HOME"),
    "edit delete": ("edit", "delete", "SET", "3,7-9"),
    "edit undo": ("edit", "undo", "SET"),
}
MERGE, VIEW = "merge", "view, first page"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a whole command, and the memory of its largest process in MB."""

    wall_s: float
    peak_mb: float


def measure(arguments: Sequence[str | Path]) -> Cost:
    """Run lerotool to its end.

    Raises:
        SystemExit: it failed.
    """
    # Peaks are those of one process and its children, so each command has a parent of its own.
    program = (
        "import json, resource, subprocess, sys, time; t = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True);"
        "wall = time.perf_counter() - t; peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024;"
        "sys.exit(done.stderr[-2000:]) if done.returncode else print(json.dumps([wall, peak]))"
    )
    cost = run_measured([sys.executable, "-c", program, sys.executable, "-m", "lerotool", *arguments])
    return Cost(*json.loads(cost.stdout))


def first_page(root: Path) -> Cost:
    """Return how long `lerotool view` takes from its start until the page has the dataset."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "lerotool", "view", str(root), "--no-browser", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        line = json.loads(urllib.request.urlopen(f"{address.rstrip('/')}/api/datasets").read())["datasets"][0]
        urllib.request.urlopen(f"{address.rstrip('/')}/api/{line['key']}").read()
        wall = time.perf_counter() - began
        status = Path(f"/proc/{server.pid}/status").read_text() if sys.platform == "linux" else ""
        server.terminate()
    peak = next((int(text.split()[1]) / 1024 for text in status.splitlines() if text.startswith("VmHWM")), math.nan)
    return Cost(wall, peak)


def make_part(work: Path) -> Path:
    """Make the dataset of which all others are merged."""
    encode_noise(work / "short.mp4", PART, HEIGHT, WIDTH, 6)
    join_videos([work / "short.mp4"] * ROWS, work / "clip.mp4", FPS)
    make_v30_with_videos(work / "part", PART, ROWS, {"front": work / "clip.mp4"}, HEIGHT, WIDTH)
    return work / "part"


def sizes_up_to(episodes: int) -> list[int]:
    """Return the sizes of the sets, in episodes."""
    return [PART * STEP**step for step in range(round(math.log(episodes / PART, STEP)) + 1)]


def measure_set(work: Path, part: Path, episodes: int) -> dict[str, Cost]:
    """Make a set of so many episodes and run all commands on it."""
    home = work / str(episodes)
    root, sources = home / "set", [part] * (episodes // PART)
    found = {MERGE: measure(["merge", *sources, "-o", root, "--quiet"])}
    check_equal(sources, root)
    for name, words in COMMANDS.items():
        found[name] = measure([{"SET": str(root), "HOME": str(home)}.get(word, word) for word in words])
    found[VIEW] = first_page(root)
    shutil.rmtree(home)
    return found


def table(found: dict[int, dict[str, Cost]]) -> str:
    """Return a Markdown table of all sets, with the exponent of the last step."""
    sizes = sorted(found)
    lines = ["| command | " + " | ".join(f"{size:,} episodes".replace(",", " ") for size in sizes) + " | exponent |"]
    lines.append(f"|---|{'---|' * (len(sizes) + 1)}")
    for name in found[sizes[0]]:
        costs = [found[size][name] for size in sizes]
        cells = [f"{cost.wall_s:.2f} s, {cost.peak_mb:.0f} MB" for cost in costs]
        grown = math.log(costs[-1].wall_s / costs[-2].wall_s, STEP) if len(costs) > 1 else math.nan
        lines.append(f"| `{name}` | {' | '.join(cells)} | {grown:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=100_000, metavar="EPISODES", help="of the largest set")
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lerotool-scale-", dir=options.work) as folder:
        work = Path(folder)
        part = make_part(work)
        found = {episodes: measure_set(work, part, episodes) for episodes in sizes_up_to(options.most)}
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores\n")
    print(table(found))


if __name__ == "__main__":
    main()
