"""Merge datasets with the real LeRobot, under its own interpreter, and print one JSON line.

LEROBOT_PYTHON merge_peer.py TARGET SOURCE...
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from lerobot import __version__
from lerobot.datasets.aggregate import aggregate_datasets


def main() -> None:
    """Merge and print what it cost."""
    target, roots = Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]]
    began = time.perf_counter()
    aggregate_datasets([f"bench/{n}" for n in range(len(roots))], "bench/merged", roots=roots, aggr_root=target)
    wall_s = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"version": __version__, "wall_s": wall_s, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
