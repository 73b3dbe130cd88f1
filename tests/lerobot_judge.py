"""The real LeRobot as the judge: its own loader, its own tools, in an interpreter that has imported LeRobot once."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

SERVER = Path(__file__).with_name("lerobot_server.py")
CHECK = Path(__file__).with_name("lerobot_oracle.py")
TOOLS = Path(__file__).with_name("lerobot_tools.py")


def lerobot_python() -> str | None:
    """Return the interpreter that has LeRobot, if one was named."""
    return os.environ.get("LEROTOOL_LEROBOT_PYTHON")


class _Server:
    """LeRobot's interpreter, which answers one question after another; each in a process of its own."""

    def __init__(self) -> None:
        python = lerobot_python()
        assert python, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"
        # -P: the folders of the tests must not hide modules of the same name.
        command = [python, "-P", "-W", "ignore", str(SERVER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.close)

    def ask(self, question: Mapping[str, Any]) -> int:
        """Return the exit code of what was asked for."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())
        except BaseException:
            # Whoever asks next must not get the answer to this.
            self._process.kill()
            _server.cache_clear()
            raise

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._process.communicate()


_server = cache(_Server)


def run_in_lerobot(
    *arguments: str | Path, text: str = "", environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run a program with LeRobot's interpreter, as ``python ARGUMENTS`` would.

    Args:
        arguments: a script's path, or ``-c`` and a program, and what it is given.
        text: its stdin.
        environment: what is added to the environment.
    """
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        (files / "stdin").write_text(text)
        code = _server().ask({"arguments": words, "environment": dict(environment), "files": folder})
        return subprocess.CompletedProcess(words, code, (files / "stdout").read_text(), (files / "stderr").read_text())


def judge(dataset: Path, *, stride: int = 1) -> dict[str, Any]:
    """Load the dataset with the real LeRobot and return its findings; fail the test when LeRobot finds it wrong.

    Args:
        dataset: its folder.
        stride: 1 looks at every frame, 7 at every seventh.
    """
    with tempfile.TemporaryDirectory() as scratch:
        verdict = Path(scratch) / "verdict.json"
        finished = run_in_lerobot(CHECK, dataset, "--brief", "--stride", str(stride), "--json", verdict)
        assert finished.returncode == 0, (
            f"LeRobot does not load {dataset}:\n{finished.stdout[-4000:]}\n{finished.stderr[-4000:]}"
        )
        findings: dict[str, Any] = json.loads(verdict.read_text())
        return findings


def use_tools(jobs: Sequence[Mapping[str, Any]], scratch: Path) -> dict[str, dict[str, str]]:
    """Let LeRobot's own tools work on datasets; return by folder and operation what went wrong, "" where nothing did.

    Args:
        jobs: as ``lerobot_tools.py`` reads them.
        scratch: an empty folder for what they make.
    """
    finished = run_in_lerobot(TOOLS, scratch, text=json.dumps(jobs))
    assert finished.returncode == 0, finished.stderr[-4000:]
    answers: dict[str, dict[str, str]] = json.loads(finished.stdout)
    return answers
