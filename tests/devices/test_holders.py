"""Who has a device open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.devices.holders import Holder, list_holders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.touch()
    (tmp_path / "link").symlink_to(path)
    return path


def test_who_holds_a_file_is_found_by_any_of_its_names(device: Path) -> None:
    assert list_holders(device) == ()
    with device.open() as handle:
        other = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[handle.fileno()])
    with other:
        assert other.stdin
        assert other.stdout
        other.stdin.write(b"it runs\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"it runs\n", "before that it may still have its parent's name"
        assert list_holders(device) == list_holders(device.with_name("link")) == (Holder("cat", other.pid),)
        assert [str(holder) for holder in list_holders(device)] == [f"cat ({other.pid})"]
        other.communicate(b"")


def test_this_process_is_told_from_others(device: Path) -> None:
    with device.open():
        (holder,) = list_holders(device)
    assert holder.is_self
    assert holder.pid == os.getpid()


def test_systems_that_do_not_tell_name_nobody(device: Path) -> None:
    with device.open():
        assert list_holders(device, processes=device.with_name("no processes")) == ()
