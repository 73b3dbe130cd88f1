"""The shim does what a broken disk does, to the calls below its folder and to no others."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from harness.faults import shim
from harness.faults.calls import promises, read_calls
from harness.faults.shim import Kind, Shim
from lerotool.errors import UsageError

pytestmark = pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))

PROGRAM = """
import os, sys
from pathlib import Path
from harness.faults.shim import Fault, Kind, Shim
folder, log, kind, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
shim = Shim()
shim.arm(folder, log=log, copies=None, fault=Fault(Kind(kind), at))
for name in ("one", "two"):
    try:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
        written = os.write(descriptor, b"12345678")
        os.fsync(descriptor)
        os.close(descriptor)
        (folder.parent / name).write_text("outside")
        shim.mark(f"{name} {written}")
    except OSError as error:
        print(error.errno)
print("calls", shim.disarm())
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.build(tmp_path_factory.mktemp("library"))


def run(library: Path, tmp_path: Path, kind: Kind, at: int) -> tuple[int, list[str], list[str], dict[str, str]]:
    """Return the exit code, what the program said and promised, and the files that it left."""
    folder, log = tmp_path / "watched", tmp_path / "log"
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, folder, log, kind.value, str(at)]
    done = subprocess.run(command, env=shim.environment(library), capture_output=True, text=True)
    files = {path.name: path.read_text() for path in folder.iterdir()}
    return done.returncode, done.stdout.split(), promises(read_calls(log)), files


@pytest.mark.parametrize(("kind", "number"), [(Kind.EIO, errno.EIO), (Kind.ENOSPC, errno.ENOSPC)])
def test_one_call_fails_and_the_others_do_not(library: Path, tmp_path: Path, kind: Kind, number: int) -> None:
    code, said, promised, files = run(library, tmp_path, kind, 1)
    assert (code, said) == (0, [str(number), "calls", "6"])
    assert (promised, files) == (["two 8"], {"one": "", "two": "12345678"})


def test_an_interrupted_call_is_made_again_by_python(library: Path, tmp_path: Path) -> None:
    code, said, promised, _ = run(library, tmp_path, Kind.EINTR, 1)
    assert (code, said, promised) == (0, ["calls", "9"], ["one 8", "two 8"])


def test_a_full_disk_takes_half_of_a_write_and_nothing_after_it(library: Path, tmp_path: Path) -> None:
    code, said, promised, files = run(library, tmp_path, Kind.FULL, 1)
    assert (code, said) == (0, [str(errno.ENOSPC), "calls", "5"])
    assert (promised, files) == (["one 4"], {"one": "1234"})


def test_a_killed_process_has_not_made_the_call(library: Path, tmp_path: Path) -> None:
    code, said, promised, files = run(library, tmp_path, Kind.KILL, 5)
    assert (code, said, promised, files) == (-9, [], ["one 8"], {"one": "12345678", "two": ""})


def test_a_torn_write_leaves_half(library: Path, tmp_path: Path) -> None:
    code, _, promised, files = run(library, tmp_path, Kind.TORN, 5)
    assert (code, promised, files) == (-9, ["one 8"], {"one": "12345678", "two": "1234"})


def test_without_the_shim_nothing_can_be_armed() -> None:
    with pytest.raises(UsageError, match="started without the shim"):
        Shim()
