"""One hostile dataset, and every way to name a dataset, given to every command that there is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.faults.recordings import CAMERA, Inline, record
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from tests.dataset.reading import edit_json, tree_hash
from tests.untrusted.every_command import FETCHES, LINES, NO_DATASET, SERVES, Ran, commands, run_lines

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does"),
    pytest.mark.timeout(600),
    pytest.mark.slow,
]
VIDEO = f"videos/{CAMERA}/chunk-000/file-000.mp4"
INFO = "meta/info.json"
ALL_LINES = [line for group in LINES.values() for line in group]
ESCAPES = "\x1b]0;PWNED\x07\x1b[2J\x9b31m[red]x[/] [/]\u202e"


def test_every_command_is_given_the_hostile_dataset() -> None:
    assert set(commands()) == LINES.keys() | NO_DATASET | SERVES | FETCHES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two episodes; a third one waits."""
    root = tmp_path_factory.mktemp("made") / "set"
    record(root, 0)
    record(root, 1)
    encode_pending(root, EncodeOptions(jobs=1), executor=Inline())
    record(root, 2)
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What belongs to somebody else."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.json").write_text('{"TOPSECRET": 1}')
    return folder


def escapes(root: Path, outside: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["robot_type"] = ESCAPES
        document[ESCAPES] = ESCAPES
        for feature in document["features"].values():
            if feature["dtype"] == "float32" and feature["shape"] == [2]:
                feature["names"] = [f"=cmd(){ESCAPES}", "$\\frac{$"]

    edit_json(root / INFO, spoil)
    table = pq.ParquetFile(root / "meta/tasks.parquet").read()
    name = next(name for name in table.column_names if name != "task_index")
    texts = pa.array([f"{ESCAPES}{number}" for number in range(table.num_rows)])
    pq.write_table(table.set_column(table.column_names.index(name), name, texts), root / "meta/tasks.parquet")
    for header in root.glob(".lerotool/pending/*/header.json"):
        edit_json(header, lambda document: document.update(task=ESCAPES, robot_type=ESCAPES))


def half_characters(root: Path, outside: Path) -> None:
    edit_json(root / INFO, lambda document: document.update(robot_type="\udcff"))


def huge_shape(root: Path, outside: Path) -> None:
    edit_json(root / INFO, lambda document: document["features"]["action"].update(shape=[10**12], names=None))


def untrue_shape(root: Path, outside: Path) -> None:
    edit_json(root / INFO, lambda document: document["features"]["action"].update(shape=[10**9], names=None))


def huge_counts(root: Path, outside: Path) -> None:
    counts = dict.fromkeys(("total_episodes", "total_frames", "total_tasks"), 2**62)
    edit_json(root / INFO, lambda document: document.update(counts))


def tiny_rate(root: Path, outside: Path) -> None:
    edit_json(root / INFO, lambda document: document.update(fps=1e-308))


def deep_names(root: Path, outside: Path) -> None:
    names = json.loads("[" * 900 + "]" * 900)
    edit_json(root / INFO, lambda document: document["features"]["action"].update(names=names))


def script(root: Path, outside: Path) -> None:
    shutil.move(root / VIDEO, outside / "TOPSECRET.mp4")
    (root / VIDEO).with_name("other.mp4").symlink_to(outside / "TOPSECRET.mp4")
    (root / VIDEO).write_text("ffconcat version 1.0\nfile other.mp4\n")


def links(root: Path, outside: Path) -> None:
    (root / "meta/stats.json").unlink()
    (root / "meta/stats.json").symlink_to(outside / "secret.json")
    shutil.move(root / "videos", outside / "videos")
    (root / "videos").symlink_to(outside / "videos")


def foreign_journal(root: Path, outside: Path) -> None:
    renames = [{"source": "../outside/secret.json", "target": "meta/stats.json"}]
    document = {"schema": 1, "renames": renames, "removals": ["../outside/secret.json", INFO], "consumed": []}
    (root / ".lerotool/journal.json").write_text(json.dumps(document))


HOSTILE: dict[str, Callable[[Path, Path], None]] = {
    "escapes": escapes,
    "half characters": half_characters,
    "a huge shape": huge_shape,
    "an untrue shape": untrue_shape,
    "huge counts": huge_counts,
    "a tiny rate": tiny_rate,
    "deep names": deep_names,
    "a script for a video": script,
    "links": links,
    "a foreign journal": foreign_journal,
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_command_is_harmed_by_a_hostile_dataset(
    made: Path, tmp_path: Path, outside: Path, spoil: Callable[[Path, Path], None]
) -> None:
    evil = Path(shutil.copytree(made, tmp_path / "evil"))
    spoil(evil, outside)
    before = tree_hash(outside)
    work = tmp_path / "work"
    work.mkdir()

    for ran in run_lines(ALL_LINES, work, evil, made, argument=str(work / "set")):
        assert isinstance(ran.code, int), f"{ran.line}: {ran.code}"
        assert b"Traceback" not in ran.said, f"{ran.line}: {ran.said.decode()}"
        text = ran.said.decode()
        assert all(letter.isprintable() or letter == "\n" for letter in text), f"{ran.line}: {text!r}"
        assert "TOPSECRET" not in text.replace("TOPSECRET.mp4", ""), f"{ran.line}: {text}"
        if "--json" in ran.line and ran.code == 0:
            for part in [ran.out] if ran.out.startswith(b"{\n") else ran.out.splitlines():
                json.loads(part)
    assert tree_hash(outside) == before


PLACES = {
    "relative": ("set", "set"),
    "inside": ("set", "."),
    "dashed": ("-set", "./-set"),
    "spaced": ("two words", "two words"),
    "not UTF-8": ("b\udcff", "b\udcff"),
}


@pytest.fixture(scope="module")
def expected(made: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    """What every command does with an absolute path."""
    usual = tmp_path_factory.mktemp("usual")
    return run_lines(ALL_LINES, usual, made, made, argument=str(usual / "set"))


@pytest.mark.parametrize(("name", "argument"), PLACES.values(), ids=PLACES.keys())
def test_every_command_takes_every_path_to_a_dataset(
    made: Path, tmp_path: Path, expected: list[Ran], name: str, argument: str, pytestconfig: pytest.Config
) -> None:
    """Of each path every other line, unless the run is exhaustive."""
    first = [*PLACES.values()].index((name, argument)) % 2
    wanted = expected if pytestconfig.getoption("exhaustive") else expected[first::2]
    found = run_lines([ran.line for ran in wanted], tmp_path, made, made, name=name, argument=argument)

    assert all(isinstance(ran.code, int) for ran in wanted), wanted
    assert [(ran.line, ran.code) for ran in found] == [(ran.line, ran.code) for ran in wanted], [
        ran for ran, other in zip(found, wanted, strict=True) if ran.code != other.code
    ]
    assert not any(b"\x1b" in ran.said for ran in found)


def test_everything_behind_two_dashes_is_a_path(made: Path, tmp_path: Path) -> None:
    lines = [
        "info -- SET",
        "check -- SET",
        "stats --skip-images -- SET",
        "merge -o OUT -- SET",
        "encode --pending -- SET",
    ]

    ran = run_lines(lines, tmp_path, made, made, name="--json", argument="--json")

    assert [(each.line, each.code) for each in ran] == [(line, 0) for line in lines], ran
    assert not ran[0].out.startswith(b"{"), "the folder's name is no option"


def test_a_recording_in_a_folder_of_any_name_is_encoded_beside_it(tmp_path: Path) -> None:
    line = "record --robot sim --camera a=sim,64x64,30 --root SET/new --episodes 1 --episode-time 0.3 --task t --quiet"
    (tmp_path / "empty").mkdir()
    for number, name in enumerate(("-set", "two words", os.fsdecode(b"b\xff"))):
        work = tmp_path / str(number)
        work.mkdir()
        (ran,) = run_lines([line], work, tmp_path / "empty", tmp_path / "empty", name=name, argument=name)
        assert ran.code == 0, ran
        assert (work / name / "new" / INFO).is_file()
