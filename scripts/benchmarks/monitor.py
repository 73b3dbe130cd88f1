"""What watching costs the recorder, and how soon a take is seen: two simulated arms and two cameras, `--monitor`.

    .venv/bin/python scripts/benchmarks/monitor.py [--seconds 18] [--rounds 2] [--takes 10]

Four cases in turn, as often as there are rounds: no monitor; a monitor that nobody looks at; two clients that take both
cameras' pictures as they come; two pages in Chromium (needs `playwright`; LEROTOOL_CHROMIUM names another browser).
Prints a table: the recorder's CPU during the take in per cent of one core, the p99 of its lateness, late and missed
ticks, the pictures that were sent, and the CPU that the monitor's process took for each of them.

Then one recording of several takes while a page in Chromium is open: the time from the recorder's event `take_started`
until the page's banner says so, both by this machine's clock. The first take, before which the page is loaded, is not
counted. Less than five minutes as it stands. Needs Linux and a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, sync_playwright

TICKS = os.sysconf("SC_CLK_TCK")
CAMERAS = 2
WATCHERS = 2
TAKE_S, PAUSE_S = 2.0, 1.5
_PICTURE = b"Content-Type: image/jpeg"
_NOTE_TAKES = """(banner) => {
  window.takes = [];
  let phase = banner.dataset.phase;
  new MutationObserver(() => {
    if (banner.dataset.phase === "take" && phase !== "take") window.takes.push(Date.now() / 1000);
    phase = banner.dataset.phase;
  }).observe(banner, { attributeFilter: ["data-phase"] });
}"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one take cost: recorder and server in CPU seconds a second; milliseconds; ticks; pictures a second."""

    recorder: float
    p99_ms: float
    late: int
    missed: int
    server: float = 0.0
    pictures: float = 0.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def server_of(recorder: int) -> int | None:
    """Return the process that serves a recorder's page."""
    for path in Path(f"/proc/{recorder}/task").glob("*/children"):
        for pid in path.read_text().split():
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return None


def take_pictures(address: str, counts: list[int]) -> None:
    """Take a camera's pictures as they come, until the server ends; count them in the only item of a list."""
    try:
        with urllib.request.urlopen(address) as answer:
            rest = b""
            while chunk := answer.read1(1 << 20):
                counts[0] += (rest + chunk).count(_PICTURE)
                rest = chunk[-len(_PICTURE) + 1 :]
    except (OSError, HTTPException):
        pass


class Watching:
    """Nobody, clients or pages that look at a recording.

    Args:
        kind: ``off``, ``on``, ``clients`` or ``pages``.
        browser: for pages.
    """

    def __init__(self, kind: str, browser: Browser) -> None:
        self.kind = kind
        self._browser = browser

    @contextmanager
    def begun(self, address: str) -> Iterator[list[list[int]]]:
        """Look; yields what counts the pictures of each client, nothing where pages look."""
        counts = [[0] for _ in range(CAMERAS * (WATCHERS if self.kind == "clients" else 0))]
        pages = [self._browser.new_page() for _ in range(WATCHERS if self.kind == "pages" else 0)]
        for page in pages:
            page.goto(address, wait_until="commit")
            page.locator(".screen img").nth(CAMERAS - 1).wait_for()
        for number, count in enumerate(counts):
            place = urljoin(address, f"/live/cameras/{number % CAMERAS}")
            threading.Thread(target=take_pictures, args=(place, count), daemon=True).start()
        yield counts
        for page in pages:
            page.close()


def measure(seconds: float, watching: Watching) -> Cost:
    """Record one take and return what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lerotool", "record", "--robot", "sim", "--root", f"{folder}/set"]
        command += ["--batch", "0", "--episodes", "1", "--episode-time", "3600", "--json"]
        command += ["--monitor"] if watching.kind != "off" else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        events = (json.loads(line) for line in process.stdout)
        address = next(e["address"] for e in events if e["type"] == "monitor") if watching.kind != "off" else ""
        next(event for event in events if event["type"] == "take_started")
        server = server_of(process.pid) if watching.kind != "off" else None
        with watching.begun(address) as counts:
            time.sleep(2)  # what begins is not measured
            pids = [process.pid, *([server] if server is not None else [])]
            began, used, got = time.monotonic(), [cpu_s(pid) for pid in pids], sum(count[0] for count in counts)
            time.sleep(seconds)
            lasted, got = time.monotonic() - began, sum(count[0] for count in counts) - got
            shares = [(cpu_s(pid) - before) / lasted for pid, before in zip(pids, used, strict=True)]
            process.terminate()
            report = next(event for event in events if event["type"] == "episode_saved")["report"]
        process.wait()
        late = report["lateness"]["p99_ms"]
        return Cost(shares[0], late, report["late"], report["missed"], sum(shares[1:]), got / lasted)


def delays(browser: Browser, takes: int) -> list[float]:
    """Return the seconds from the beginning of each take but the first until an open page shows it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lerotool", "record", "--robot", "sim", "--root", f"{folder}/set", "--json"]
        command += ["--batch", "0", "--no-encode-at-end", "--monitor", "--episodes", str(takes + 1)]
        command += ["--episode-time", str(TAKE_S), "--reset-time", str(PAUSE_S), "--min-episode-time", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        began: list[float] = []
        page = browser.new_page()
        for event in map(json.loads, process.stdout):
            if event["type"] == "monitor":
                page.goto(event["address"], wait_until="commit")
                page.locator(".banner[data-phase]").evaluate(_NOTE_TAKES)
            elif event["type"] == "take_started":
                began.append(time.time())
        process.wait()
        seen: list[float] = page.evaluate("window.takes")
        page.close()
    # What the page saw of the first take depends on how long it took to load.
    return [shown - start for start, shown in zip(began[-takes:], seen[-takes:], strict=True)]


def row(name: str, costs: list[Cost]) -> str:
    """Return a line of the table: medians over the rounds, with the least and the largest."""
    shares, lates = [100 * cost.recorder for cost in costs], [cost.p99_ms for cost in costs]
    pictures = statistics.median(cost.pictures for cost in costs)
    server = 100 * statistics.median(cost.server for cost in costs)
    each = f"{10 * server / pictures:.2f} ms" if pictures else ""
    return (
        f"| {name} | {statistics.median(shares):.1f} % ({min(shares):.1f} to {max(shares):.1f}) "
        f"| {statistics.median(lates):.1f} ms ({min(lates):.1f} to {max(lates):.1f}) "
        f"| {sum(cost.late for cost in costs)}, {sum(cost.missed for cost in costs)} "
        f"| {server:.1f} % | {f'{pictures:.0f}' if pictures else ''} | {each} |"
    )


NAMES = {
    "off": "no monitor",
    "on": "monitor, nobody looks",
    "clients": f"{WATCHERS} clients",
    "pages": f"{WATCHERS} pages in Chromium",
}


def main() -> None:
    """Measure all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=18.0, help="of each take")
    parser.add_argument("--rounds", type=int, default=2, help="how often each case is measured")
    parser.add_argument("--takes", type=int, default=10, help="that a page has to show")
    options = parser.parse_args()
    chromium = os.environ.get("LEROTOOL_CHROMIUM") or shutil.which("chromium")
    found: dict[str, list[Cost]] = {kind: [] for kind in NAMES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        for _ in range(options.rounds):
            for kind, costs in found.items():
                costs.append(measure(options.seconds, Watching(kind, browser)))
        waited = [1000 * delay for delay in delays(browser, options.takes)]
        browser.close()
    print("| | recorder's CPU | p99 lateness | late, missed ticks | monitor's CPU | pictures/s | CPU a picture |")
    print("|---|---|---|---|---|---|---|")
    for kind, costs in found.items():
        print(row(NAMES[kind], costs))
    median, worst = statistics.median(waited), max(waited)
    takes = f"median of {len(waited)} takes"
    print(f"\nA take is seen on the page after {median:.0f} ms ({takes}), {worst:.0f} ms at most.")


if __name__ == "__main__":
    main()
