"""`lerotool setup ports`: lists adapters, and tells them apart by pulling cables."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli.app import run
from tests.setup.bench import Bench, open_bench, write_robot

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs pseudo-terminals")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with open_bench(tmp_path, leader=[1], follower=[1]) as bench:
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        yield bench


def saved(bench: Bench) -> dict[str, Any]:
    return tomllib.loads(bench.robot_file.read_text())


def test_adapters_are_told_apart_by_pulling_one_cable(bench: Bench) -> None:
    """The second needs no pulling; the file names both by serial number."""
    with bench.setup("ports", "bench") as terminal:
        terminal.read_until("which arms?")
        terminal.type(b"\n")
        terminal.read_until("how many pairs")
        terminal.type(b"\n")
        terminal.read_until("pull the leader's USB cable")
        bench.leader.unplug()
        terminal.read_until("that was")
        terminal.read_until("serial:L1")
        bench.leader.replug()
        terminal.read_until("the leader is at serial:L1")
        terminal.read_until("is it the follower's?")
        terminal.type(b"\n")
        terminal.read_until("follower: serial:F1")
        assert terminal.wait() == 0
    assert saved(bench)["leader"] == {"port": "serial:L1", "id": "bench"}
    assert saved(bench)["follower"] == {"port": "serial:F1", "id": "bench"}


def test_pulling_both_or_nothing_is_said_and_tried_again(bench: Bench) -> None:
    """Enter without a cable pulled, then the hub, then the right one."""
    with bench.setup("ports", "bench", "--type", "so100") as terminal:
        terminal.read_until("how many pairs")
        terminal.type(b"1\n")
        terminal.read_until("pull the leader's USB cable")
        terminal.type(b"\n")
        terminal.read_until("no adapter has gone yet")
        bench.leader.unplug()
        bench.follower.unplug()
        terminal.read_until("several adapters have gone at once")
        bench.leader.replug()
        bench.follower.replug()
        terminal.read_until("pull the leader's USB cable")
        bench.follower.unplug()
        terminal.read_until("plug it in again")
        bench.follower.replug()
        terminal.read_until("is it the follower's?")
        terminal.type(b"y\n")
        assert terminal.wait() == 0
    assert (saved(bench)["leader"]["port"], saved(bench)["type"]) == ("serial:F1", "so100")


@pytest.mark.slow
@pytest.mark.parametrize("way_out", [b"\x03", b"\x04", b"q\n"], ids=["ctrl-c", "ctrl-d", "q"])
def test_what_was_found_is_kept_when_the_person_stops(bench: Bench, way_out: bytes) -> None:
    """Ctrl-C, Ctrl-D and q alike; the next run asks whether it may keep it."""
    with bench.setup("ports", "bench") as terminal:
        terminal.read_until("which arms?")
        terminal.type(b"\n")
        terminal.read_until("how many pairs")
        terminal.type(b"\n")
        terminal.read_until("pull the leader's USB cable")
        bench.leader.unplug()
        terminal.read_until("plug it in again")
        bench.leader.replug()
        terminal.read_until("is it the follower's?")
        terminal.type(way_out)
        terminal.read_until("what was done is kept. Go on with: lerotool setup ports bench")
        assert terminal.wait() == 130
    assert set(saved(bench)) >= {"leader"}
    assert "follower" not in saved(bench)
    with bench.setup("ports", "bench") as terminal:
        terminal.read_until("the leader is at serial:L1; keep it?")
        terminal.type(b"\n")
        terminal.read_until("is it the follower's?")
        terminal.type(b"\n")
        assert terminal.wait() == 0
    assert saved(bench)["follower"]["port"] == "serial:F1"


def test_stopping_while_a_cable_is_awaited_changes_nothing(bench: Bench) -> None:
    """There is nothing to keep, and the terminal is as before."""
    with bench.setup("ports", "bench", "--type", "so101") as terminal:
        terminal.read_until("how many pairs")
        terminal.type(b"1\n")
        terminal.read_until("pull the leader's USB cable")
        terminal.type(b"q\n")
        terminal.read_until("stopped")
        assert terminal.wait() == 130
    assert not bench.robot_file.exists()


def test_an_arm_whose_adapter_is_not_there_can_be_left_out(bench: Bench) -> None:
    """And plugged in when it is asked for."""
    bench.leader.unplug()
    bench.follower.unplug()
    with bench.setup("ports", "bench", "--type", "so101") as terminal:
        terminal.read_until("how many pairs")
        terminal.type(b"\n")
        terminal.read_until("plug the leader's USB cable in")
        bench.leader.replug()
        terminal.type(b"\n")
        terminal.read_until("is it the leader's?")
        terminal.type(b"\n")
        terminal.read_until("plug the follower's USB cable in")
        terminal.type(b"s\n")
        terminal.read_until("the follower is left out for now")
        assert terminal.wait() == 0
    assert "follower" not in saved(bench)


def test_ports_can_be_given_without_questions(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """By path or serial number; a path becomes the serial number where the adapter has one."""
    given = ["--leader", f"{bench.folder}/leader", "--follower", "serial:F1"]
    assert run(["setup", "ports", "bench", *given, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["arms"] == {"follower": "serial:F1", "leader": "serial:L1"}
    assert document["file"] == str(bench.robot_file)


def test_two_pairs_have_four_ports(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each pair with calibrations of its own."""
    names = ["left-leader", "left-follower", "right-leader", "right-follower"]
    monkeypatch.setenv("LEROTOOL_SERIAL_PORTS", ",".join(f"{bench.folder}/leader={name}" for name in names))
    for name in names:
        (bench.folder / name).touch()
    monkeypatch.setenv("LEROTOOL_SERIAL_PORTS", ",".join(f"{bench.folder}/{name}={name}" for name in names))
    options = [word for name in names for word in (f"--{name}", f"serial:{name}")]
    assert run(["setup", "ports", "bench", *options]) == 0
    assert saved(bench)["left"]["leader"] == {"port": "serial:left-leader", "id": "bench_left"}
    assert saved(bench)["right"]["follower"] == {"port": "serial:right-follower", "id": "bench_right"}
    assert run(["setup", "ports", "bench", "--leader", "serial:left-leader"]) == 2
    assert "either [follower] and [leader], or [left] and [right]" in capsys.readouterr().err


def test_a_port_that_moves_to_another_arm_is_taken_from_the_first(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said, as that arm has none now; swapping both at once is no loss."""
    write_robot(bench)
    assert run(["setup", "ports", "bench", "--leader", "serial:F1", "--follower", "serial:L1"]) == 0
    assert (saved(bench)["leader"]["port"], saved(bench)["follower"]["port"]) == ("serial:F1", "serial:L1")
    assert run(["setup", "ports", "bench", "--leader", "serial:L1"]) == 0
    assert "the follower had the port serial:L1 so far; it has none now" in capsys.readouterr().err
    assert "follower" not in saved(bench)


def test_an_adapter_without_a_serial_number_is_named_by_its_path_with_a_warning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What that means is said."""
    monkeypatch.setenv("LEROTOOL_SERIAL_PORTS", f"{bench.folder}/leader")
    assert run(["setup", "ports", "bench", "--leader", f"{bench.folder}/leader"]) == 0
    assert "has no serial number of its own" in capsys.readouterr().err
    assert saved(bench)["leader"]["port"] == f"{bench.folder}/leader"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["bench"], 2, "give --leader and --follower"),
        (["--leader", "serial:L1"], 2, "--leader needs the robot's NAME"),
        (["bench", "--leader", "serial:XX"], 7, "'XX'"),
        (["a/b", "--leader", "serial:L1"], 2, "robot name 'a/b'"),
        (["sim", "--leader", "serial:L1"], 2, "the simulated robot"),
        (["bench", "--leader", "serial:L1", "--follower", "serial:L1"], 2, "have the same port"),
    ],
)
def test_what_cannot_be_is_refused(
    bench: Bench, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    """Without a terminal the option that answers is named; nothing is written."""
    assert run(["setup", "ports", *arguments]) == code
    assert words in capsys.readouterr().err
    assert not bench.robot_file.exists()


def test_a_configuration_that_cannot_be_written_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its path."""
    (bench.folder / "file").touch()
    monkeypatch.setenv("LEROTOOL_CONFIG", str(bench.folder / "file"))
    assert run(["setup", "ports", "bench", "--leader", "serial:L1"]) == 1
    assert str(bench.folder / "file") in capsys.readouterr().err


def test_adapters_are_listed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """For people and for machines."""
    assert run(["setup", "ports"]) == 0
    assert f"{bench.folder}/leader" in capsys.readouterr().out
    assert run(["setup", "ports", "--json"]) == 0
    names = [adapter["name"] for adapter in json.loads(capsys.readouterr().out)["adapters"]]
    assert {"serial:L1", "serial:F1"} <= set(names)
