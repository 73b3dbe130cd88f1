"""Damage datasets at random, for as long as you like, and see that checking and reading them ends well.

    .venv/bin/python scripts/fuzz.py --minutes 60 FOLDER_OF_DATASETS
    .venv/bin/python scripts/fuzz.py --atheris mp4 [libFuzzer options]

The first damages one file of a dataset, then checks, plans a repair, repairs and reads; anything but a report or one
of lerotool's own errors, more than 60 s or 4 GB, or a change outside of the dataset is a failure, and its seed is
printed. The second feeds one parser of bytes with atheris, guided by coverage (``pip install atheris``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import FrameType

MEMORY = 4 << 30
SECONDS = 60


def main() -> int:
    """Run the command line; 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, help="one case only")
    parser.add_argument("--atheris", choices=sorted(TARGETS))
    options, rest = parser.parse_known_args()
    if options.atheris:
        return run_atheris(options.atheris, rest)
    if options.datasets is None:
        parser.error("name a folder of datasets")
    return run_random(options.datasets, options.minutes * 60, options.seed)


def run_random(folder: Path, seconds: float, only: int | None) -> int:
    """Damage datasets until the time is over; return 1 if something failed."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, stop_hanging)
    sets = sorted(path for path in folder.iterdir() if (path / "meta/info.json").exists())
    began, failures, cases = time.monotonic(), 0, 0
    seed = only if only is not None else random.SystemRandom().randrange(10**9)
    while time.monotonic() < began + seconds:
        with tempfile.TemporaryDirectory() as scratch:
            failures += not case_passes(random.Random(seed), sets, Path(scratch), seed)
        cases += 1
        if only is not None:
            break
        seed += 1
    print(json.dumps({"cases": cases, "failures": failures, "seconds": round(time.monotonic() - began)}))
    return 1 if failures else 0


def stop_hanging(_number: int, _frame: FrameType | None) -> None:
    """End a case that takes too long."""
    raise TimeoutError(f"more than {SECONDS} s")


def case_passes(dice: random.Random, sets: list[Path], scratch: Path, seed: int) -> bool:
    """Run one case; tell what failed."""
    source = dice.choice(sets)
    root = Path(shutil.copytree(source, scratch / "set"))
    (scratch / "outside.txt").write_text("precious")
    file = dice.choice(sorted(path for path in root.rglob("*") if path.is_file()))
    content = file.read_bytes()
    for _ in range(dice.randint(1, 5)):
        content = damaged(content, dice)
    file.write_bytes(content)
    signal.alarm(SECONDS)
    try:
        use(root)
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        print(f"seed {seed}: {source.name}, {file.relative_to(root)}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        signal.alarm(0)
    if sorted(path.name for path in scratch.iterdir()) != ["outside.txt", "set"]:
        print(f"seed {seed}: {source.name}, {file.relative_to(root)}: something was written outside", flush=True)
        return False
    return True


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Return bytes with one change."""
    if not content:
        return content
    near_end = dice.random() < 0.4
    place = dice.randrange(max(0, len(content) - 400) if near_end else 0, len(content))
    length = dice.randint(1, 40)
    match dice.randrange(8):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + content[place + length :]
        case 2:
            return content[: place + length] + content[place:]
        case 3:
            return content[:place] + dice.randbytes(length) + content[place + length :]
        case 4:
            return content[:place] + bytes([dice.choice([0, 255, 127, 128])]) * length + content[place + length :]
    return content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]


def use(root: Path) -> None:
    """Check, repair and read a dataset."""
    from lerotool.checking import Depth, check
    from lerotool.checking.repair.run import plan_repair, repair
    from lerotool.dataset.dataset import Dataset
    from lerotool.errors import LerotoolError

    check(root, Depth.DEEP)
    plan_repair(root)
    for attempt in range(2):
        with contextlib.suppress(LerotoolError):
            dataset = Dataset.open(root)
            dict(dataset.stats)
            dataset.rows()
            for camera in dataset.cameras:
                list(islice(dataset.frames(0, camera), 2))
        if not attempt:
            with contextlib.suppress(LerotoolError):
                repair(root, drops=True)


def parse_mp4(path: Path) -> None:
    """Read the header of an mp4."""
    from lerotool.media.mp4 import read_header

    read_header(path)


def parse_footerless(path: Path) -> None:
    """Read a data file that was never closed."""
    from lerotool.dataset.reading.footerless import read_footerless
    from lerotool.features import DEFAULT_FEATURES

    read_footerless(path, DEFAULT_FEATURES)


def parse_journal(path: Path) -> None:
    """Read the list of an interrupted change."""
    from lerotool.dataset.writing.journal import _parse

    _parse(path, path.read_bytes())


def parse_info(path: Path) -> None:
    """Read an ``info.json``, and where it says that files are."""
    from lerotool.dataset.documents import read_object
    from lerotool.dataset.info import parse_info
    from lerotool.dataset.layout import Layout

    Layout.of(path.parent, parse_info(read_object(path)))


def parse_picture(path: Path) -> None:
    """Decode a picture."""
    from lerotool.media.decode import decode_image

    decode_image(path.read_bytes())


def parse_log(path: Path) -> None:
    """Read the records of a pending episode."""
    from lerotool.spool.packets import read_entries

    read_entries(path)


TARGETS: dict[str, Callable[[Path], None]] = {
    "mp4": parse_mp4,
    "footerless": parse_footerless,
    "journal": parse_journal,
    "info": parse_info,
    "picture": parse_picture,
    "log": parse_log,
}


@contextlib.contextmanager
def file_of(data: bytes) -> Iterator[Path]:
    """Give bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        yield path


def run_atheris(name: str, rest: list[str]) -> int:
    """Feed a parser until something unexpected is raised."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    from lerotool.errors import LerotoolError

    def one(data: bytes) -> None:
        with file_of(data) as path, contextlib.suppress(LerotoolError):
            TARGETS[name](path)

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *rest], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
