"""A dataset whose rows are in another storage is told as what it is by every command; JSON of Windows is read."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path

import pytest

from lerotool.checking import Code, check
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from tests.dataset.reading import OLD_SET, VIDEO_SET, copy_set, edit_json, tree_hash
from tests.shared import GOLDEN

COMMANDS = (
    ["info"],
    ["stats"],
    ["stats", "--write"],
    ["check"],
    ["check", "--repair"],
    ["merge", "-o", "merged"],
    ["encode", "-o", "encoded"],
    ["encode", "--pending"],
    ["record", "--robot", "sim", "--episodes", "1", "--task", "t", "--root"],
)


@pytest.mark.parametrize("storage", ["lance", "zarr"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_names_a_storage_that_it_does_not_know(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    storage: str,
) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda document: document.update(storage_format=storage))
    shutil.rmtree(root / "data")
    shutil.rmtree(root / "videos")
    monkeypatch.chdir(tmp_path)
    before = {name: value for name, value in tree_hash(root).items() if not name.startswith(".lerotool")}

    assert run([*command, str(root)]) == (8 if "--repair" in command else 3)

    said = capsys.readouterr()
    assert f"'storage_format' is {storage!r}" in said.out + said.err
    assert "restore the file" not in said.out + said.err
    assert {n: v for n, v in tree_hash(root).items() if not n.startswith(".lerotool")} == before


def test_a_dataset_that_says_parquet_is_read(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda document: document.update(storage_format="parquet"))
    assert Dataset.open(root).num_episodes == 4


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET])
def test_json_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path, name: str) -> None:
    root = copy_set(name, tmp_path)
    for path in (*root.glob("meta/*.json"), *root.glob("meta/*.jsonl")):
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    dataset, clean = Dataset.open(root), Dataset.open(GOLDEN / name)
    assert dataset.rows() == clean.rows()
    assert list(dataset.stats) == list(clean.stats)
    assert [dict(e.stats) for e in dataset.episodes].__len__() == clean.num_episodes
    assert Code.INFO_BOM in check(root).codes


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda root: (root / "meta/info.json").write_text("{"), Code.INFO_UNREADABLE),
        (lambda root: edit_json(root / "meta/info.json", lambda d: d.update(video_path="/x")), Code.PATH_TEMPLATE),
    ],
    ids=["unreadable", "template"],
)
def test_what_could_not_be_looked_at_because_of_info_json_is_said(tmp_path: Path, change: object, cause: Code) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    assert callable(change)
    change(root)
    assert {cause, Code.NOT_LOOKED_AT} <= check(root).codes
