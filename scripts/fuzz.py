"""Damage datasets at random, and feed every parser, for as long as you like; see that all of it ends well.

    .venv/bin/python scripts/fuzz.py --minutes 60 FOLDER_OF_DATASETS
    .venv/bin/python scripts/fuzz.py --minutes 60 --parsers all FOLDER_OF_DATASETS     (pip install atheris)
    .venv/bin/python scripts/fuzz.py --minutes 5 --parsers mp4,journal FOLDER_OF_DATASETS

The first damages one file of a dataset, then checks, plans a repair, repairs, reads and encodes what is pending. The
second divides the time among the parsers, each of which is fed bytes by libFuzzer, guided by coverage. Anything but a
report or one of lerotool's own errors, more than 60 s or 4 GB, or a change outside of the dataset is a failure; its
seed, or the file with the bytes, is reported. Prints one JSON document; exit code 1 if something failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from harness.fuzzing.damage import damage_for
from harness.fuzzing.guided import feed_each
from harness.fuzzing.parsers import PARSERS


def main() -> int:
    """Run the command line; 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, help="one damaged dataset only")
    parser.add_argument("--parsers", help=f"all, or some of: {', '.join(PARSERS)}")
    options = parser.parse_args()
    seconds, began = options.minutes * 60, time.monotonic()
    if options.parsers is None:
        cases, failures = damage_for(options.datasets, seconds, options.seed, lambda text: print(text, flush=True))
        document: dict[str, object] = {"cases": cases, "failures": failures}
    else:
        names = list(PARSERS) if options.parsers == "all" else options.parsers.split(",")
        if unknown := set(names) - PARSERS.keys():
            parser.error(f"unknown parsers: {', '.join(sorted(unknown))}")
        fed = list(feed_each(names, options.datasets, seconds / len(names)))
        failures = sum(result["failure"] is not None for result in fed)
        document = {"parsers": fed, "failures": failures}
    print(json.dumps({**document, "seconds": round(time.monotonic() - began)}, indent=4))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
