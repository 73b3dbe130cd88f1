"""LeRobot's side as lerotool starts it, but at a stage it dies, or kills lerotool, instead of answering.

    LEROBOT_PYTHON doomed.py STAGE VICTIM ROOT LOG -u CHILD

It does what it was asked before, but at the stage ``close``. As long as it lives it holds a lock on LOG, which says in
the end what is still connected.
"""

import fcntl
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 9
"""So many rows are whole when the take is hit."""
VERBS = {"take": "send", "between": "send"}
"""What is asked for at stages that have no request of their own."""


class Doom:
    """Strikes once, when the stage has come.

    Args:
        root: the dataset, whose pending episodes tell the stage.
    """

    def __init__(self, stage: str, victim: str, root: Path) -> None:
        self._stage = stage
        self._pid = {"lerobot": os.getpid(), "lerotool": os.getppid()}[victim]
        self._root = root
        self._before = self._pending()
        self._ticks = 0
        self._has_struck = False

    def _pending(self) -> set[Path]:
        return set(self._root.glob(".lerotool/pending/episode-*"))

    def strike(self) -> None:
        """Kill the victim, if it is time."""
        if not self._has_struck and self._is_due():
            self._has_struck = True
            os.kill(self._pid, signal.SIGKILL)

    def _is_due(self) -> bool:
        new = self._pending() - self._before
        is_saved = any((folder / "saved.json").exists() for folder in new)
        self._ticks += bool(new) and not is_saved
        return {"take": self._ticks > ROWS, "between": is_saved}.get(self._stage, True)


def load(path: str) -> Any:
    """Return the module that lerotool ships."""
    spec = importlib.util.spec_from_file_location("child", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["child"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def then_strike(do: Callable[..., Any], doom: Doom) -> Callable[..., Any]:
    def wrapped(device: Any, *arguments: Any) -> Any:
        answer = do(device, *arguments)
        doom.strike()
        return answer

    return wrapped


def main() -> None:
    stage, victim, root, log, *_, path = sys.argv[1:]
    doom = Doom(stage, victim, Path(root))
    child = load(path)
    release = child.Device.close

    with Path(log).open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)

        def close(device: Any) -> Any:
            if stage == "close":
                doom.strike()
            problems = release(device)
            alive.write(f"{[role for role, part in device._parts().items() if part.is_connected]}\n")
            alive.flush()
            return problems

        child.Device.close = close
        if stage != "close":
            verb = VERBS.get(stage, stage)
            setattr(child.Device, verb, then_strike(getattr(child.Device, verb), doom))
        child.main()


main()
