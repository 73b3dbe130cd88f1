"""What docs/setup.md says about emulated arms works as it is typed, from the first line to the last."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.cli.setup.emulate import lines_to_type
from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.joints import Role
from lerotool.setup.emulating import EmulatedRig
from tests.patience import PATIENCE_S

PAGE = Path(__file__).parents[1] / "docs" / "setup.md"
pytestmark = [
    pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs pseudo-terminals and bash"),
    pytest.mark.slow,
]


def typed_lines() -> list[str]:
    """Return the lines of the page's section, in order."""
    section = PAGE.read_text().partition("\n## Without hardware\n")[2].partition("\n## ")[0]
    return [line.strip() for line in re.findall(r"(?m)^    .+$", section)]


def typed_by_emulate(port: int, folder: Path) -> list[str]:
    """Return the lines that ``lerotool setup emulate`` prints."""
    ports = {role: folder / "lerotool-emulated" / role.value for role in (Role.LEADER, Role.FOLLOWER)}
    return lines_to_type(EmulatedRig(ports, {"front": f"http://127.0.0.1:{port}/stream.mjpg"}, {}))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_lines_for_people_without_hardware_work_as_they_are_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    lines = typed_lines()
    assert [line for line in lines if line.startswith("lerotool ")][-1].startswith("lerotool replay")
    # Places of the test's own; and a person types the second line after the first one has begun to work.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    port = free_port()
    lines = [line.replace("/tmp/", f"{tmp_path}/").replace("8481", str(port)) for line in lines]
    begun = sum(line.endswith("&") for line in lines)
    ports = tmp_path / "lerotool-emulated"
    ready = (
        f"until [ -e {ports}/leader ] && [ -e {ports}/follower ] && "
        f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.1; done"
    )
    assert lines[begun:-1] == typed_by_emulate(port, tmp_path)
    script = ["trap 'kill $(jobs -p) 2>/dev/null' EXIT", *lines[:begun], ready, "set -e", *lines[begun:]]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    dataset = Dataset.open(tmp_path / "home" / "local" / "bench-pick-up-the-cube")
    assert (dataset.num_episodes, dataset.robot_type) == (2, "so_follower")
    assert dataset.cameras == ("observation.images.front",)
    assert "warning: camera" not in done.stderr
