"""The real LeRobot loads by its name what lerotool has pushed, and lerotool pulls what LeRobot has pushed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lerotool
from harness.hub import FakeHub
from lerotool.cli.app import run
from tests.lerobot_judge import lerobot_python
from tests.sharing.sets import contents, keep_episodes, put_set

pytestmark = [
    pytest.mark.slow,
    pytest.mark.lerobot,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
CUBE = "me/pick-cube"
SCRIPT = Path(__file__).with_name("lerobot_hub.py")


def lerobot(tmp_path: Path, *words: str) -> Any:
    """Let LeRobot do something with a home and caches of its own; return what it prints."""
    python = lerobot_python()
    assert python is not None
    home = tmp_path / "lerobots-home"
    own = {"HF_HOME": str(home), "HF_LEROBOT_HOME": str(home / "lerobot"), "HF_DATASETS_CACHE": str(home / "datasets")}
    # -P: the folders of the tests must not hide modules of the same name.
    finished = subprocess.run(
        [python, "-P", str(SCRIPT), *words],
        env={**os.environ, **own, "HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    lines = finished.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def test_lerobot_loads_what_was_pushed_and_pushed_again(hub: FakeHub, home: Path, tmp_path: Path) -> None:
    root = put_set(home)
    run(["push", CUBE])
    dataset = lerotool.Dataset.open(root)

    loaded = lerobot(tmp_path, "load", CUBE)

    assert loaded["rows"] == dataset.num_frames
    np.testing.assert_array_equal(np.float32(loaded["actions"]), dataset.numpy("action"))
    keep_episodes(root, "1,3", tmp_path / "kept")
    assert run(["push", CUBE]) == 0
    again = lerobot(tmp_path, "load", CUBE)
    np.testing.assert_array_equal(np.float32(again["actions"]), lerotool.Dataset.open(root).numpy("action"))


def test_lerotool_pulls_what_lerobot_has_pushed(hub: FakeHub, home: Path, tmp_path: Path) -> None:
    root = Path(shutil.move(put_set(home), tmp_path / "theirs"))
    lerobot(tmp_path, "push", CUBE, str(root))

    assert run(["pull", CUBE]) == 0

    pulled = contents(home / CUBE)
    assert {name: data for name, data in contents(root).items() if pulled.get(name) != data} == {}
    assert run(["check", CUBE]) == 0
    assert run(["push", CUBE]) == 0
    assert "lerotool: facts" in hub.store.files(CUBE, "v3.0")["README.md"].decode()
