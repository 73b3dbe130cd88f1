"""Every command takes a relative path, and ``.``, as it takes an absolute one: the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.cli.app import run
from tests.dataset.reading import VIDEO_SET, copy_set, edit_json

READING = (
    ("info", "SET"),
    ("check", "SET"),
    ("check", "SET", "--deep"),
    ("stats", "SET"),
    ("stats", "SET", "--per-episode", "--skip-images"),
    ("stats", "SET", "--verify"),
    ("stats", "SET", "--write", "--dry-run"),
    ("stats", "SET", "--export", "openpi", "-o", "OUT"),
    ("merge", "SET", "-o", "OUT", "--dry-run"),
    ("merge", "SET", "-o", "OUT"),
    ("merge", "SET", "-o", "OUT", "--to", "v2.1"),
    ("encode", "SET", "-o", "OUT", "--codec", "h264", "--dry-run"),
    ("encode", "SET", "-o", "OUT", "--codec", "h264"),
    ("encode", "--pending", "SET"),
)
WRITING = (
    ("stats", "SET", "--write"),
    ("stats", "SET", "--write", "--feature", "action"),
    ("check", "SET", "--repair"),
    ("check", "SET", "--repair", "--dry-run"),
)
WAYS = {"from its parent": ("home", "set", "../out"), "from inside": ("home/set", ".", "../../out")}


def _lay_out(place: Path, *, broken: bool) -> Path:
    """Put a dataset at ``place/home/set``; broken, its totals are wrong."""
    root = copy_set(VIDEO_SET, place / "home").rename(place / "home" / "set")
    if broken:
        edit_json(root / "meta" / "info.json", lambda info: info.update(total_frames=7))
    return root


def _outcome(
    place: Path, words: tuple[str, ...], root: str, out: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, dict[str, bytes]]:
    """Return the exit code, what was said, and every file that lies there now."""
    code = run([{"SET": root, "OUT": out}.get(word, word) for word in words])
    said = capsys.readouterr()
    text = said.out + said.err
    files = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and ".lerotool" not in path.parts
    }
    return code, text, files


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", [*READING, *WRITING], ids=" ".join)
def test_a_command_does_the_same_whichever_way_the_dataset_is_named(
    words: tuple[str, ...],
    way: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    absolute, relative = tmp_path / "a", tmp_path / "b"
    for place in (absolute, relative):
        _lay_out(place, broken="--repair" in words)
    monkeypatch.chdir(tmp_path)
    expected = _outcome(absolute, words, str(absolute / "home" / "set"), str(absolute / "out"), capsys)
    folder, root, out = WAYS[way]
    monkeypatch.chdir(relative / folder)
    found = _outcome(relative, words, root, out, capsys)

    assert (found[0], expected[0]) == (0, 0), found[1]
    assert sorted(found[2]) == sorted(expected[2])
    # Encoders that run in several threads need not write the same bytes twice.
    assert not [name for name, content in found[2].items() if content != expected[2][name] and ".mp4" not in name]
