"""Whoever runs the command in a hint about a damaged dataset can go on."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from lerotool.cli import app
from tests.dataset import edits
from tests.dataset.reading import edit_table
from tests.dataset.writing import FRONT
from tests.merging.sets import make_with_cameras
from tests.shared import GOLDEN


def _missing(name: str) -> edits.Change:
    return edits.episodes(lambda t: edits.column(t, name, pa.array([0, None], pa.int64())))


def _stale(root: Path) -> None:
    """Let the first episode of the second data file point to the first."""
    path = sorted((root / "meta/episodes").rglob("*.parquet"))[1]
    edit_table(path, lambda t: edits.column(t, "data/file_index", pa.array([0, 0])))


DAMAGE = {
    "a stale pointer": _stale,
    "a missing pointer": _missing("data/file_index"),
    "a missing pointer of a camera": _missing(f"videos/{FRONT}/file_index"),
    "episodes in another order": edits.episodes(lambda table: table.take([1, 0])),
    "tasks in another order": lambda root: edit_table(root / "meta/tasks.parquet", lambda table: table[::-1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("command", ["merge", "stats", "encode", "info"])
def test_the_hint_is_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, damage: str) -> None:
    source = tmp_path / "my set"
    shutil.copytree(GOLDEN / "v30_lerobot061_small_files", source)
    DAMAGE[damage](source)
    arguments = {
        "merge": ["-o", str(tmp_path / "merged")],
        "stats": ["--verify", "--skip-images"],
        "encode": ["-o", str(tmp_path / "encoded"), "--dry-run"],
        "info": [],
    }[command]
    code = app.run([command, str(source), *arguments])
    told = capsys.readouterr().err
    if code == 0 and command != "merge":
        return  # not everything matters there
    assert code == 3, told
    (hint,) = [line.removeprefix("hint: ") for line in told.splitlines() if line.startswith("hint: ")]
    assert shlex.split(hint)[0] == "lerotool"
    app.run(shlex.split(hint)[1:])
    capsys.readouterr()
    assert app.run([command, str(source), *arguments]) == 0, capsys.readouterr().err


def test_what_nothing_cures_is_hinted_at_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_with_cameras(tmp_path / "a", (3, 4))
    (source / "data/chunk-000/file-000.parquet").unlink()
    assert app.run(["merge", str(source), "-o", str(tmp_path / "merged")]) == 3
    assert "--repair" not in capsys.readouterr().err
