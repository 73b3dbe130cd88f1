"""A Hub on loopback, and a home to push from and pull into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.hub import FakeHub
from harness.hub.server import WRITE

# Read when the client is imported: what it sends goes by plain HTTP, which the fake Hub understands.
os.environ["HF_HUB_DISABLE_XET"] = "1"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty LeRobot home, and an empty cache of the Hub beside it."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "hf" / "lerobot"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "hf" / "lerobot"


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub without datasets; this process is logged in as ``me`` and may write."""
    with FakeHub(tmp_path / "hub-store") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", WRITE)
        yield hub
