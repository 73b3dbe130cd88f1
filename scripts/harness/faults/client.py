"""The other end of `harness.faults.server`: starts it with the shim, on a small disk if that is wanted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.faults.shim import build, environment
from lerotool.errors import LerotoolError, UsageError


class Faults:
    """A server process and a folder for its cases; a context manager.

    Args:
        folder: for everything, on a disk with room.
        disk_bytes: give the cases a file system of their own, so small.

    Raises:
        UsageError: this machine cannot do that; `small_disks_missing` says why.
    """

    def __init__(self, folder: Path, disk_bytes: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-", dir=folder.resolve()))
        self.cases = self.folder / "cases"
        scratch = self.folder / "scratch"
        temporary = self.folder / "tmp"
        for made in (self.cases, scratch, temporary):
            made.mkdir()
        library = build(self.folder)
        command = [sys.executable, "-m", "harness.faults.server", str(scratch)]
        if disk_bytes is not None:
            if reason := small_disks_missing():
                raise UsageError(f"there can be no small disk here: {reason}")
            mount = f'mount -t tmpfs -o size={disk_bytes} none "$0" && exec "$@"'
            command = ["unshare", "-rm", "sh", "-c", mount, str(self.cases), *command]
        variables = {**environment(library), "TMPDIR": str(temporary)}
        self._count = 0
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
        )

    def ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Return the server's answer to a request.

        Raises:
            LerotoolError: the server has died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"action": action, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise LerotoolError(f"the server of faults ended with code {self._process.wait()}")
        return dict(json.loads(line))

    def new_case(self) -> Path:
        """Return the name of a folder that does not exist yet."""
        self._count += 1
        return self.cases / f"{self._count:06d}"

    def close(self) -> None:
        """End the server and remove everything."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def small_disks_missing() -> str | None:
    """Return why no small file system can be made here, None if one can."""
    if not shutil.which("unshare"):
        return "unshare was not found (Debian: util-linux)"
    with tempfile.TemporaryDirectory() as folder:
        command = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=64k none "$0"', folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"mounting is not permitted: {done.stderr.strip()}"
