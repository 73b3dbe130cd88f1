"""``lerotool setup emulate`` starts arms and cameras, says what to type, and takes all of it along when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from lerotool.devices.arms.joints import Role
from lerotool.errors import DeviceError
from lerotool.setup.emulating import emulated_rig
from tests.patience import PATIENCE_S
from tests.recording.terminal import Terminal
from tests.test_without_hardware import free_port

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals"), pytest.mark.slow]


def test_it_runs_until_it_is_ended_and_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    options = ["--folder", str(tmp_path / "ports"), "--camera-port", str(port), "--json"]
    command = [sys.executable, "-m", "lerotool", "setup", "emulate", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())

        assert told["ports"] == {role: str(tmp_path / "ports" / role) for role in ("leader", "follower")}
        assert all(Path(link).exists() for link in told["ports"].values())
        with urllib.request.urlopen(told["cameras"]["front"], timeout=PATIENCE_S) as stream:
            assert stream.readline() == b"--frame\r\n"
        assert told["lines"][0].endswith(f"={tmp_path}/ports/leader=L1,{tmp_path}/ports/follower=F1")

        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 130
    assert list((tmp_path / "ports").iterdir()) == []


def test_keys_pull_and_plug_a_cable_and_ctrl_c_ends_all(tmp_path: Path) -> None:
    options = ["--folder", str(tmp_path), "--cameras", "0"]
    with Terminal([sys.executable, "-m", "lerotool", "setup", "emulate", *options]) as terminal:
        terminal.read_until("Ctrl-C ends them all")
        terminal.type(b"f\n")
        terminal.read_until("the follower is unplugged")
        assert [path.name for path in tmp_path.iterdir()] == ["leader"]
        terminal.type(b"f\n")
        terminal.read_until("the follower is plugged in")
        terminal.type(b"\x03")
        assert terminal.wait() == 130
    assert list(tmp_path.iterdir()) == []


def test_cables_are_pulled_and_plugged_and_a_second_rig_is_refused(tmp_path: Path) -> None:
    with emulated_rig(tmp_path, cameras=0) as rig:
        with pytest.raises(DeviceError, match="is there already"), emulated_rig(tmp_path, cameras=0):
            pass
        assert rig.toggle(Role.LEADER) is False
        assert not (tmp_path / "leader").exists()
        assert rig.toggle(Role.LEADER) is True
        assert (tmp_path / "leader").exists()
        assert (tmp_path / "follower").exists()
