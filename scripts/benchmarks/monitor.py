"""What watching costs the recorder: two simulated arms and two cameras, monitor off, on, and watched by two clients.

    python scripts/benchmarks/monitor.py [SECONDS]

Prints, for each, the recorder's CPU (per cent of one core, during the take) and its p99 lateness; and the pictures that
the clients got. Needs Linux.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urljoin

TICKS = os.sysconf("SC_CLK_TCK")
CAMERAS = 2
CLIENTS = 2


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def look(address: str, counts: list[int]) -> None:
    """Take a camera's pictures as fast as they come, until the server ends."""
    count = 0
    try:
        with urllib.request.urlopen(address) as answer:
            while chunk := answer.read1(1 << 20):
                count += chunk.count(b"Content-Type: image/jpeg")
    except (OSError, HTTPException):
        pass
    counts.append(count)


def measure(seconds: float, *, monitor: bool, clients: int) -> None:
    """Record one take and print what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lerotool", "record", "--robot", "sim", "--root", f"{folder}/set"]
        command += ["--batch", "0", "--episodes", "1", "--episode-time", str(seconds), "--json"]
        process = subprocess.Popen(
            [*command, *(["--monitor"] if monitor else [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        address, used, began = "", 0.0, 0.0
        watchers: list[threading.Thread] = []
        counts: list[int] = []
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "monitor":
                address = event["address"]
            elif event["type"] == "take_started":
                places = [urljoin(address, f"/live/cameras/{n % CAMERAS}") for n in range(clients * CAMERAS)]
                watchers = [threading.Thread(target=look, args=(place, counts), daemon=True) for place in places]
                for watcher in watchers:
                    watcher.start()
                used, began = cpu_s(process.pid), time.monotonic()
            elif event["type"] == "episode_saved":
                share = (cpu_s(process.pid) - used) / (time.monotonic() - began)
                late = event["report"]["lateness"]
                print(
                    f"monitor {'on' if monitor else 'off'}, {clients} watching: recorder {share:.1%} of a core, "
                    f"late {late['p99_ms']:.1f} ms (p99)",
                    end="",
                )
        process.wait()
        for watcher in watchers:
            watcher.join(5)
        print(f", {sum(counts) / seconds:.0f} pictures/s received" if clients else "", flush=True)


def main() -> None:
    """Measure all three."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    measure(seconds, monitor=False, clients=0)
    measure(seconds, monitor=True, clients=0)
    measure(seconds, monitor=True, clients=CLIENTS)


if __name__ == "__main__":
    main()
