"""What Windows lacks is missed nowhere: every module imports without fcntl, termios, fork and SIGHUP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows lacks them by itself"),
    pytest.mark.slow,
]

IN_LEROBOTS_INTERPRETER = (
    "lerotool.benchmarking.lerobot_peer",
    "lerotool.devices.lerobot.child",
    "lerotool.lerobot.__main__",
)
PROGRAM = """
import importlib, os, pkgutil, signal, sys, types
import lerotool

elsewhere = tuple(sys.argv[1:])
names = [m.name for m in pkgutil.walk_packages(lerotool.__path__, "lerotool.", onerror=lambda _: None)]
names = [name for name in names if not name.startswith(elsewhere) and name != "lerotool.__main__"]
for name in names:  # and with them all libraries, which know by themselves where they run
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "lerotool"]:
    del sys.modules[name]

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
for name in ("fork", "forkpty", "geteuid", "getuid", "killpg", "openpty", "O_NONBLOCK", "sched_getaffinity", "sysconf"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGALRM"):
    delattr(signal, name)
sys.platform = "win32"
failed = []
for name in names:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {type(error).__name__}: {error}")
print(len(names))
print("\\n".join(failed), file=sys.stderr)
"""


def test_every_module_imports_on_what_windows_has() -> None:
    command = [sys.executable, "-c", PROGRAM, *IN_LEROBOTS_INTERPRETER]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert int(done.stdout) > 300
