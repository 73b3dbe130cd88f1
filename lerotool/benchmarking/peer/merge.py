"""Merge datasets with the real LeRobot, at its own interpreter, and write what it cost to a JSON file.

LEROBOT_PYTHON merge.py RESULT TARGET SOURCE...
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lerobot import __version__
from lerobot.datasets.aggregate import aggregate_datasets


def main() -> None:
    """Merge and write what it cost."""
    if sys.platform == "win32":
        sys.exit("LeRobot's cost is measured by getrusage, which Windows does not have")
    import resource

    result, target, roots = Path(sys.argv[1]), Path(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]]
    names = [f"benchmark/{number}" for number in range(len(roots))]
    began = time.perf_counter()
    aggregate_datasets(names, "benchmark/merged", roots=roots, aggr_root=target)
    wall_s = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result.write_text(json.dumps({"version": __version__, "wall_s": wall_s, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
