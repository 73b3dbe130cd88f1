"""Datasets damaged at random: checked, planned, repaired, read and encoded, each case repeatable by its seed."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import FrameType

MEMORY = 4 << 30
"""Bytes that a case may use."""
SECONDS = 60
"""How long a case may take."""


def damage_for(folder: Path, seconds: float, seed: int | None, tell: Callable[[str], None]) -> tuple[int, int]:
    """Damage datasets until the time is over; return how many cases there were, and how many failed.

    Args:
        folder: the datasets; they are copied. One with pending episodes is made and added.
        seconds: how long.
        seed: one case only.
        tell: called with what failed.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _stop_hanging)
    warnings.simplefilter("error")  # a user would see it
    began, failures, cases = time.monotonic(), 0, 0
    number = seed if seed is not None else random.SystemRandom().randrange(10**9)
    with tempfile.TemporaryDirectory() as made:
        _record(Path(made, "pending"))
        sets = sorted(path for path in folder.iterdir() if (path / "meta/info.json").exists())
        sets.append(Path(made, "pending"))
        while time.monotonic() < began + seconds:
            with tempfile.TemporaryDirectory() as scratch:
                failures += not _case_passes(number, sets, Path(scratch), tell)
            cases += 1
            if seed is not None:
                break
            number += 1
    return cases, failures


def _record(root: Path) -> None:
    """Make a dataset of one episode with two more that wait."""
    from harness.faults.recordings import Inline, record
    from lerotool.encoding.run import encode_pending

    record(root, 0)
    encode_pending(root, executor=Inline())
    record(root, 1)
    record(root, 2)


def _stop_hanging(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def _case_passes(seed: int, sets: list[Path], scratch: Path, tell: Callable[[str], None]) -> bool:
    dice = random.Random(seed)
    source = dice.choice(sets)
    root = Path(shutil.copytree(source, scratch / "set", symlinks=True))
    (scratch / "outside.txt").write_text("precious")
    file = dice.choice(sorted(path for path in root.rglob("*") if path.is_file()))
    content = file.read_bytes()
    for _ in range(dice.randint(1, 5)):
        content = damaged(content, dice)
    file.write_bytes(content)
    place = f"seed {seed}: {source.name}, {file.relative_to(root)}"
    signal.alarm(SECONDS)
    try:
        _use(root)
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        tell(f"{place}\n{traceback.format_exc()}")
        return False
    finally:
        signal.alarm(0)
    if sorted(path.name for path in scratch.iterdir()) != ["outside.txt", "set"]:
        tell(f"{place}: something was written outside")
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


def _use(root: Path) -> None:
    from lerotool.checking import check
    from lerotool.choices import Depth
    from lerotool.errors import LerotoolError
    from lerotool.mending.repair import plan_repair, repair

    check(root, Depth.DEEP)
    plan_repair(root)
    _read(root)
    with contextlib.suppress(LerotoolError):
        repair(root, drops=True)
    _read(root)
    _encode(root)


def _read(root: Path) -> None:
    from lerotool.dataset.dataset import Dataset
    from lerotool.errors import LerotoolError

    with contextlib.suppress(LerotoolError):
        dataset = Dataset.open(root)
        dict(dataset.stats)
        dataset.rows()
        for camera in dataset.cameras:
            list(islice(dataset.frames(0, camera), 2))


def _encode(root: Path) -> None:
    from harness.faults.recordings import Inline
    from lerotool.encoding.plan import EncodeOptions
    from lerotool.encoding.run import encode_pending
    from lerotool.errors import LerotoolError
    from lerotool.spool.pending import pending_folders

    if pending_folders(root):
        with contextlib.suppress(LerotoolError):
            encode_pending(root, EncodeOptions(jobs=1, salvage=True), executor=Inline())
