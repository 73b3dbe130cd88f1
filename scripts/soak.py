"""Record for a long time while keys are pressed, processes killed and the disk fills up at random; then count.

    .venv/bin/python scripts/soak.py [--minutes 10] [--seed N] [--folder FOLDER]

Prints one JSON document; exit code 1 if a row or a frame is missing. Rows are recorded at 100 a second, so ten minutes
are half an hour of 30 fps. Where a small file system can be mounted (Linux, `unshare`) the disk is filled too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.faults.client import small_disks_missing
from harness.soak.accounts import settle
from harness.soak.driver import disturb

_DISK_BYTES = 1024 * 2**20
_INSIDE = "LEROTOOL_SOAK_DISK"


def main() -> int:
    """Soak, and return 0 if everything is accounted for."""
    parser = argparse.ArgumentParser(description="Record for a long time while everything goes wrong.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to record")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="to repeat a run's choices")
    parser.add_argument("--folder", type=Path, help="where to work; it is kept")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="lerotool-soak-"))
    disk = folder / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    reason = small_disks_missing()
    if reason is None and _INSIDE not in os.environ:
        mount = f'mount -t tmpfs -o size={_DISK_BYTES} none "$0" && exec "$@"'
        again = [sys.executable, *sys.argv, "--folder", str(folder), "--seed", str(options.seed)]
        command = ["unshare", "-rm", "sh", "-c", mount, str(disk), *again]
        return subprocess.run(command, env={**os.environ, _INSIDE: str(disk)}, check=False).returncode
    ledger = folder / "ledger.jsonl"
    ledger.touch()
    done = disturb(disk / "set", ledger, options.minutes * 60, options.seed, may_fill=reason is None)
    account = settle(disk / "set", ledger)
    problems = [*done.problems, *account.problems]
    document = {
        **dataclasses.asdict(account),
        "disturbances": dict(done.done),
        "seed": options.seed,
        "disk_filled": "yes" if reason is None else f"no: {reason}",
        "problems": problems,
    }
    print(json.dumps(document, indent=4))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
