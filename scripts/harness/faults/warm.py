"""Commands run in forks of a process that has everything imported: a start costs milliseconds instead of a second.

``python -m harness.faults.warm MODULE...``, started with the shim, imports the modules, reads a request per line on
standard input and answers each on standard output. Native threads that an import starts (OpenBLAS, Arrow, jemalloc)
are started again in each fork by the handlers of their libraries; Python has no thread here. Nothing may be imported
that reads the environment, since each command has its own.

The process adopts what its commands leave: a living child of it is a process that has outlived its command, in whatever
way it was started.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from harness.faults.client import small_disks_missing
from harness.faults.shim import Fault, Kind, Shim, environment
from lerotool.errors import LerotoolError

WARM = (
    *("pandas", "pyarrow.parquet", "pyarrow.compute", "av", "typer.rich_utils", "rich.progress"),
    *("harness.faults.commands", "lerotool.cli.app", "lerotool.editing.planning", "lerotool.rewriting.carrying_out"),
)
"""What is dear to import."""
BETWEEN = frozenset(["subprocess.Popen", "os.posix_spawn", "os.fork", "fcntl.flock", "fcntl.lockf"])
"""Events of Python that are marked in the log, since processes and locks change there and no file does."""
_PATIENCE_S = 900.0
_POLL_S = 0.005
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x20000
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x44000


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a module.

    Attributes:
        module: what runs, as ``python -m`` does it.
        arguments: of the module.
        folder: where it runs; its calls below it are counted.
        log: for the calls.
        at: the call before which it is killed, -1 for none.
        variables: in its environment, beside those of the server.
        memory: a folder that takes the place of ``/dev/shm`` for the command alone, so that nothing of others is seen
            there; where this machine permits no mounts, it does not.
    """

    module: str
    arguments: Sequence[str]
    folder: str
    log: str
    at: int
    variables: Mapping[str, str]
    memory: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: of the process; negative is the signal that ended it.
        running: commands of its processes that went on; those of a killed one have some time to end.
        words: the last that it said.
    """

    code: int
    running: Sequence[str]
    words: str


class Warm:
    """The other end: starts the process; a context manager.

    Args:
        library: the shim.
        modules: that are imported.
    """

    def __init__(self, library: Path, modules: Sequence[str] = WARM) -> None:
        # As root of a user namespace the process may mount.
        inside = ("unshare", "-rm") if small_disks_missing() is None else ()
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-m", "harness.faults.warm", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environment(library)),
        )

    def run(self, run: Run) -> Ended:
        """Run a module to its end.

        Raises:
            LerotoolError: the process has died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asdict(run)), file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise LerotoolError(f"the process that starts commands ended with code {self._process.wait()}")
        return Ended(**json.loads(line))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(modules: Sequence[str]) -> None:
    """Answer requests until standard input ends."""
    for module in modules:
        importlib.import_module(module)
    assert tempfile.tempdir is None, "an import has asked the environment for a folder"
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    shim = Shim()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        run = Run(**json.loads(line))
        words = Path(run.log).with_name("words")
        child = os.fork()
        if child == 0:
            _be(run, shim, library, words)
        code = _code_of(child)
        ended = Ended(
            code, _outliving(_PATIENCE_S if code < 0 else 0), words.read_text(errors="replace")[-300:].strip()
        )
        print(json.dumps(asdict(ended)), flush=True)


def _be(run: Run, shim: Shim, library: ctypes.CDLL, words: Path) -> NoReturn:
    """Become the command; whatever it raises goes to the end of the process, as in any other."""
    os.chdir(run.folder)
    os.environ.update(run.variables)
    nothing = os.open(os.devnull, os.O_RDWR)
    said = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, descriptor in enumerate((nothing, nothing, said)):
        os.dup2(descriptor, number)
    os.close(nothing)
    os.close(said)
    if library.unshare(_CLONE_NEWNS) == 0:
        failed = library.mount(None, b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None)
        failed |= library.mount(os.fsencode(run.memory), b"/dev/shm", None, ctypes.c_ulong(_MS_BIND), None)
        assert not failed, "/dev/shm cannot be replaced"
    sys.argv = [run.module, *run.arguments]
    fault = Fault(Kind.KILL, run.at) if run.at >= 0 else None
    shim.arm(Path(run.folder), log=Path(run.log), copies=None, fault=fault)
    sys.addaudithook(lambda event, _: shim.mark(event) if event in BETWEEN else None)
    try:
        runpy.run_module(run.module, run_name="__main__", alter_sys=True)
    finally:
        shim.disarm()
    sys.exit()


def _code_of(child: int) -> int:
    """Wait for the end of a child and return its code; one that hangs is killed and has the code of `SIGALRM`."""
    descriptor = os.pidfd_open(child)
    is_over = bool(select.select([descriptor], [], [], _PATIENCE_S)[0])
    os.close(descriptor)
    if not is_over:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if is_over else -signal.SIGALRM


def _outliving(patience_s: float) -> list[str]:
    """Wait for all adopted processes and return the commands of those that go on, which are then ended."""
    give_up = time.monotonic() + patience_s
    while _is_any_alive():
        if time.monotonic() >= give_up:
            return [_end(process) for process in _children()]
        time.sleep(_POLL_S)
    return []


def _is_any_alive() -> bool:
    """Return whether a child lives; the dead ones are taken away."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[Path]:
    """Return the children in ``/proc``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(stat.parent)
    return found


def _end(process: Path) -> str:
    """Kill a process and return its command."""
    command = os.fsdecode((process / "cmdline").read_bytes()).replace("\0", " ")
    os.kill(int(process.name), signal.SIGKILL)
    return command


if __name__ == "__main__":
    serve(sys.argv[1:])
