"""A killed command leaves no process, no lock, and nothing that the next run does not remove."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from harness.faults import shim
from harness.faults.calls import Call, kill_moments, read_calls
from harness.faults.client import small_disks_missing
from harness.faults.commands import CHANGING, LONG, NOT_KILLED, READING, WRITING, Command
from harness.faults.kills import Killer, roles_of
from harness.faults.recordings import CAMERA, SETTINGS, open_recording, packet
from harness.faults.warm import WARM, Ended, Run, Warm
from harness.hub import FakeHub
from lerotool.media.encode import probe_encoder
from lerotool.rewriting.build import DatasetBuild
from lerotool.spool.pending import pending_folders, remove_leftovers
from lerotool.storage import own_suffix, scratch_folder, write_atomic
from tests.untrusted.every_command import commands

needs_shim = pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))
MOMENTS = int(os.environ.get("LEROTOOL_KILLS", "2"))


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    folder = tmp_path_factory.mktemp("kills")
    with FakeHub(folder / "hub") as hub, Killer(folder, hub) as killer:
        yield killer


def test_every_command_is_killed_or_changes_nothing() -> None:
    names = sorted(commands(), key=len, reverse=True)
    lines = [" ".join(command.arguments) for command in (*WRITING, *LONG, *CHANGING, *READING)]
    killed = {next((name for name in names if line.startswith(name)), "") for line in lines}
    assert {name for name in names if name not in killed} == NOT_KILLED.keys()


@needs_shim
@pytest.mark.slow
@pytest.mark.parametrize("command", WRITING, ids=lambda command: command.name)
def test_a_killed_command_leaves_nothing_that_the_next_run_does_not_remove(killer: Killer, command: Command) -> None:
    found = killer.kill(command, MOMENTS)
    assert found.calls
    # Processes that share work need a call more or less from run to run, so the last moment may not come.
    assert found.missed <= 1 < len(found.moments)
    assert not found.problems


@needs_shim
@pytest.mark.slow
@pytest.mark.parametrize("command", LONG, ids=lambda command: command.name)
def test_nor_does_one_that_goes_by_the_clock(killer: Killer, command: Command) -> None:
    found = killer.kill(command, MOMENTS)
    assert found.calls
    assert found.missed < len(found.moments)
    assert not found.problems


@needs_shim
@pytest.mark.slow
@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command.name)
def test_nor_does_an_edit_a_way_back_the_hub_or_a_script(killer: Killer, command: Command) -> None:
    found = killer.kill(command, MOMENTS // 2 or 1)
    assert found.calls
    assert not found.missed
    assert not found.problems


@needs_shim
@pytest.mark.slow
@pytest.mark.parametrize("command", READING, ids=lambda command: command.name)
def test_a_killed_command_that_only_reads_leaves_nothing(killer: Killer, command: Command) -> None:
    found = killer.kill(command, MOMENTS // 2 or 1)
    assert not found.problems
    assert not found.after_kill


def run_module(library: Path, folder: Path, module: str, *arguments: str, modules: Sequence[str] = WARM) -> Ended:
    """Run a module in a fork of a process that has imported some others."""
    for name in ("shm", "tmp"):
        (folder / name).mkdir(parents=True)
    own = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder)}
    with Warm(library, modules) as warm:
        return warm.run(Run(module, arguments, str(folder), str(folder.parent / "calls"), -1, own, str(folder / "shm")))


@needs_shim
def test_a_command_makes_the_same_calls_in_a_warm_process_as_in_a_cold_one(tmp_path: Path) -> None:
    library, made = shim.build(tmp_path), []
    for name, modules in (("warm", WARM), ("cold", ())):
        folder = tmp_path / name / "work"
        ended = run_module(library, folder, "harness.faults.with_writer", "written", modules=modules)
        assert (ended.code, ended.running) == (0, [])
        made.append(roles_of(read_calls(folder.parent / "calls"), folder))
    assert made[0] == made[1]
    assert len(made[0]) > 100


@needs_shim
def test_a_process_that_outlives_its_command_is_seen_whatever_it_hides(tmp_path: Path) -> None:
    work = "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True, env={})"
    ended = run_module(shim.build(tmp_path), tmp_path / "work", "timeit", "-n1", "-r1", work)
    assert (ended.code, ended.running) == (0, ["sleep 60 "])


@needs_shim
@pytest.mark.skipif(small_disks_missing() is not None, reason=str(small_disks_missing()))
def test_a_command_has_a_shared_memory_of_its_own(tmp_path: Path) -> None:
    work = "open('/dev/shm/lerotool-is-here', 'w').close()"
    assert run_module(shim.build(tmp_path), tmp_path / "work", "timeit", "-n1", "-r1", work).code == 0
    assert (tmp_path / "work/shm/lerotool-is-here").exists()
    assert not Path("/dev/shm/lerotool-is-here").exists()


@needs_shim
def test_changes_of_locks_and_processes_are_marked_between_calls(tmp_path: Path) -> None:
    work = "import fcntl, subprocess; f = open('lock', 'w'); fcntl.flock(f, 2); subprocess.run(['true']); f.close()"
    ended = run_module(shim.build(tmp_path), tmp_path / "work", "timeit", "-n1", "-r1", work)
    calls = read_calls(tmp_path / "calls")
    assert (ended.code, [call.note for call in calls]) == (0, ["new", "fcntl.flock", "subprocess.Popen", ""])


def test_moments_leave_out_later_writes_to_one_file_and_flushes_between_other_calls() -> None:
    log = "open write write write write sync close sync mark rename syncdir syncdir mkdir sync"
    numbers = count()
    calls = [Call(-1 if name == "mark" else next(numbers), name, 0, "file", "", "") for name in log.split()]
    kept = ["open", "write", "write", "close", "sync", "rename", "mkdir", "sync"]
    assert [name for at in kill_moments(calls) for name in [c.name for c in calls if c.number == at]] == kept
    turns = [Call(number, "write", 0, f"file {number % 2}", "", "") for number in range(4)]
    assert kill_moments(turns) == [0, 1, 2, 3]


def test_a_take_interrupted_before_its_first_byte_is_removed_and_one_with_a_picture_is_kept(tmp_path: Path) -> None:
    blank, begun, live = (open_recording(tmp_path, sequence) for sequence in range(3))
    begun.camera(CAMERA).append(packet(0), 0)
    for writer in (blank, begun):
        writer.close()
    assert len(pending_folders(tmp_path)) == 3
    remove_leftovers(tmp_path)
    assert [path.name.split("-")[1] for path in pending_folders(tmp_path)] == ["000001", "000002"]
    live.close()


SCRATCH = """
import os, signal, sys
from pathlib import Path
from lerotool.storage import scratch_folder
with scratch_folder('work-', Path(sys.argv[1])) as folder:
    (folder / 'file').touch()
    (folder / 'folder').mkdir()
    (folder / 'folder' / 'file').touch()
    {}
"""


def test_a_scratch_folder_that_a_killed_process_has_left_is_removed_by_the_next_and_one_in_use_is_not(
    tmp_path: Path,
) -> None:
    subprocess.run(
        [sys.executable, "-c", SCRATCH.format("os.kill(os.getpid(), signal.SIGKILL)"), tmp_path], check=False
    )
    (tmp_path / "work-empty").mkdir()
    (tmp_path / "work-of-somebody").mkdir()
    (tmp_path / "work-of-somebody" / "precious").touch()
    assert len(list(tmp_path.iterdir())) == 3
    with scratch_folder("work-", tmp_path) as first, scratch_folder("work-", tmp_path) as second:
        assert {*tmp_path.iterdir()} == {first, second, tmp_path / "work-of-somebody"}
    assert [*tmp_path.iterdir()] == [tmp_path / "work-of-somebody"]


def test_an_encoder_that_is_tried_leaves_the_empty_folders_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "lerotool-durability-0123abcd").mkdir()
    probe_encoder(SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["lerotool-durability-0123abcd"]


@needs_shim
def test_a_scratch_folder_whose_process_is_killed_while_it_removes_it_is_removed_by_the_next(tmp_path: Path) -> None:
    library = shim.build(tmp_path)
    armed = (
        "from harness.faults.shim import Fault, Kind, Shim; "
        "Shim().arm(Path(sys.argv[1]), log=None, copies=None, fault=Fault(Kind.KILL, int(sys.argv[2])))"
    )
    for at in range(100):
        place = tmp_path / str(at)
        place.mkdir()
        command = [sys.executable, "-c", SCRATCH.format(armed), place, str(at)]
        done = subprocess.run(command, env=dict(shim.environment(library)), check=False)
        with scratch_folder("work-", place):
            pass
        assert not [*place.iterdir()], at
        if done.returncode == 0:
            break
    assert at > 3


@pytest.mark.skipif(os.name == "nt", reason="there nothing tells whether a process lives")
def test_files_that_killed_processes_have_left_beside_a_robots_file_are_removed_and_those_of_others_stay(
    tmp_path: Path,
) -> None:
    dead, elsewhere = of_killed_process(), of_killed_process(machine="another")
    ours = [f"bench.toml.partial-{dead}", f"bench.20260101-000000.backup.partial-{dead}"]
    others = [f"bench.toml.partial-{own_suffix()}", f"bench.toml.partial-{elsewhere}", f"other.toml.partial-{dead}"]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    write_atomic(tmp_path / "bench.toml", b"")
    assert {path.name for path in tmp_path.iterdir()} == {"bench.toml", *others}


def of_killed_process(machine: str = "") -> str:
    """The end of the name of a file that a process has left, which has ended."""
    there = f"import socket; socket.gethostname = lambda: {machine!r};" if machine else ""
    line = [sys.executable, "-c", f"{there}from lerotool.storage import own_suffix; print(own_suffix())"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(os.name == "nt", reason="there nothing tells whether a process lives")
def test_what_a_recorder_killed_in_the_middle_of_saving_has_left_is_removed_and_the_take_is_kept(
    tmp_path: Path,
) -> None:
    take = open_recording(tmp_path, 0)
    take.camera(CAMERA).append(packet(0), 0)
    take.close()
    (folder,) = pending_folders(tmp_path)
    names = {path.name for path in folder.iterdir()}
    (folder / f"saved.json.partial-{of_killed_process()}").touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.skipif(os.name == "nt", reason="there nothing tells whether a process lives")
def test_datasets_that_killed_processes_were_building_are_removed_by_who_builds_beside_them(tmp_path: Path) -> None:
    dead = of_killed_process()
    left = tmp_path / f".first.building-{dead}"
    kept = [
        tmp_path / name for name in (f".other.building-{own_suffix()}", ".mine.building-1", f"first.building-{dead}")
    ]
    for folder in (left, *kept):
        (folder / "meta").mkdir(parents=True)
    with DatasetBuild(tmp_path / "second") as build:
        assert {*tmp_path.iterdir()} == {build.root, *kept}
