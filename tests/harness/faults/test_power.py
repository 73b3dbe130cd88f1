"""What a power cut leaves, from a list of calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.faults.calls import Call
from harness.faults.power import Cut, Names, power_cuts

ROOT = "/set"


def calls(*made: tuple[str, ...]) -> list[Call]:
    """Calls from their names and relative paths; ``open`` makes a new file, ``sync`` flushes what it has then."""
    return [
        Call(number, name, 0, f"{ROOT}/{path}", f"{ROOT}/{rest[0]}" if rest else "", "new")
        for number, (name, path, *rest) in enumerate(made)
    ]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    folder = tmp_path / "before"
    (folder / "meta").mkdir(parents=True)
    (folder / "meta" / "info").write_text("old")
    return folder


def last(before: Path, made: list[Call], names: Names) -> dict[str, str]:
    """The files after all calls, by what was flushed: ``old``, ``-`` for nothing, or the number of the flush."""
    flushed = before.parent / "flushed"
    cuts = [cut for cut in power_cuts(before, Path(ROOT), made, flushed) if cut.names is names]
    return described(cuts[-1], before)


def described(cut: Cut, before: Path) -> dict[str, str]:
    def contents(path: Path | None) -> str:
        return "-" if path is None else path.read_text() if path.is_relative_to(before) else path.name

    return {name: contents(path) for name, path in cut.files.items()}


def test_a_file_that_was_flushed_in_a_folder_that_was_not_may_be_gone(before: Path) -> None:
    made = calls(("open", "new"), ("sync", "new"))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old"}
    assert last(before, made, Names.KEPT) == {"meta/info": "old", "new": "1"}


def test_a_file_in_a_flushed_folder_that_was_not_flushed_itself_is_empty(before: Path) -> None:
    made = calls(("open", "new"), ("write", "new"), ("syncdir", ""))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old", "new": "-"}


def test_replacing_by_rename_is_the_old_file_or_the_flushed_new_one(before: Path) -> None:
    made = calls(("open", "meta/new"), ("sync", "meta/new"), ("rename", "meta/new", "meta/info"))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old"}
    assert last(before, made, Names.KEPT) == {"meta/info": "1"}
    assert last(before, [*made, *calls(("syncdir", "meta"))], Names.DROPPED) == {"meta/info": "1"}


def test_replacing_without_a_flush_can_lose_both(before: Path) -> None:
    made = calls(("open", "meta/new"), ("write", "meta/new"), ("rename", "meta/new", "meta/info"))
    assert last(before, made, Names.KEPT) == {"meta/info": "-"}


def test_a_rename_between_folders_is_one_step(before: Path) -> None:
    made = calls(("mkdir", "data"), ("syncdir", ""), ("rename", "meta/info", "data/info"))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old"}
    assert last(before, [*made, *calls(("syncdir", "meta"))], Names.DROPPED) == {"data/info": "old"}
    assert last(before, [*made, *calls(("syncdir", "data"))], Names.DROPPED) == {"data/info": "old"}


def test_a_folder_that_was_not_flushed_goes_with_all_that_is_in_it(before: Path) -> None:
    made = calls(("mkdir", "data"), ("open", "data/new"), ("sync", "data/new"), ("syncdir", "data"))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old"}


def test_a_removal_that_was_not_flushed_may_not_have_happened(before: Path) -> None:
    made = calls(("unlink", "meta/info"))
    assert last(before, made, Names.DROPPED) == {"meta/info": "old"}
    assert last(before, made, Names.KEPT) == {}


def test_of_names_that_were_not_flushed_the_first_half_may_be_there(before: Path) -> None:
    made = calls(("open", "one"), ("open", "two"), ("open", "three"), ("open", "four"))
    assert sorted(last(before, made, Names.HALF)) == ["meta/info", "one", "two"]


def test_a_disk_is_made_as_it_would_be_found(before: Path, tmp_path: Path) -> None:
    flushed = tmp_path / "flushed"
    flushed.mkdir()
    (flushed / "1").write_text("new")
    made = calls(("open", "meta/new"), ("sync", "meta/new"), ("mkdir", "data"), ("open", "data/empty"))
    *_, kept = power_cuts(before, Path(ROOT), made, flushed)
    kept.restore(tmp_path / "found")
    found = {path.name: path.read_text() for path in (tmp_path / "found").rglob("*") if path.is_file()}
    assert found == {"info": "old", "new": "new", "empty": ""}


def test_calls_that_failed_have_changed_nothing(before: Path) -> None:
    failed = [Call(0, "unlink", 5, f"{ROOT}/meta/info", "", "")]
    assert last(before, failed, Names.KEPT) == {"meta/info": "old"}
