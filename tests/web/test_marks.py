"""Marks are saved at once, survive whatever happens to the server, and choose episodes in commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lerotool import merge
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import MARKS, Mark, Outcome, load_marks, save_mark, selected
from lerotool.errors import DatasetLockedError, MetadataError, UsageError
from lerotool.workspace import Workspace
from tests.shared import GOLDEN
from tests.web.serving import PATIENCE_MS, serving, wait_until_shown

SET = "v30_lerobot061_two_cams"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / SET, tmp_path / SET))


def marks(root: Path) -> dict[int, Mark]:
    return dict(load_marks(Dataset.open(root)).by_episode)


@pytest.mark.slow
def test_marks_pressed_in_the_browser_survive_a_killed_server_and_a_reload(root: Path, page: Page) -> None:
    with serving(root) as server:
        page.goto(f"{server.address}/d/{server.key(SET)}/episodes/2")
        wait_until_shown(page, 0)
        page.keyboard.press("s")
        expect(page.get_by_role("button", name="Success")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("textbox", name="Note").fill("<b>slow</b> & late")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        wait_until_shown(page, 1)
        page.keyboard.press("[")
        page.locator(".marks[data-state='saved']").wait_for()
        page.keyboard.press("x")
        page.locator(".marks[data-state='saved']").wait_for()
        expect(page.get_by_role("button", name="Flag")).to_have_attribute("aria-pressed", "true")
        server.process.kill()
        server.process.wait()

    expected = Mark(Outcome.SUCCESS, flagged=True, note="<b>slow</b> & late", trim=(1, 12))
    assert marks(root) == {2: expected}
    with serving(root) as server:
        page.goto(f"{server.address}/d/{server.key(SET)}/episodes/2")
        expect(page.get_by_role("button", name="Success")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("textbox", name="Note")).to_have_value("<b>slow</b> & late")
        page.goto(f"{server.address}/d/{server.key(SET)}?mark=flagged")
        expect(page.locator(".card")).to_have_count(1)
        expect(page.locator(".card .badge")).to_have_text(["success", "flag", "note", "trim"])
        page.get_by_role("combobox", name="mark").select_option("unmarked")
        expect(page.locator(".card")).to_have_count(3)


def pull(page: Page, handle: str, frame: int) -> None:
    """Pull a handle to a frame of an episode of 12, and wait until that is saved."""
    place = page.locator(f"[data-handle='{handle}']").bounding_box()
    rail = page.get_by_role("slider", name="Time").bounding_box()
    assert place is not None
    assert rail is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * frame / 11, place["y"], steps=3)
    wait_until_shown(page, frame)
    page.mouse.up()
    page.locator(".marks[data-state='saved']").wait_for()


@pytest.mark.slow
def test_handles_below_the_time_say_what_is_kept_and_show_the_picture_there(root: Path, page: Page) -> None:
    with serving(root) as server:
        page.goto(f"{server.address}/d/{server.key(SET)}/episodes/2")
        wait_until_shown(page, 0)
        pull(page, "begin", 2)
        assert marks(root)[2].trim == (2, 12)
        pull(page, "end", 8)
        assert marks(root)[2].trim == (2, 9)
        pull(page, "end", 11)
        pull(page, "begin", 0)
        assert 2 not in marks(root)


@pytest.mark.slow
def test_a_mark_that_cannot_be_saved_is_taken_back_on_the_page(root: Path, page: Page) -> None:
    with serving(root) as server:
        page.goto(f"{server.address}/d/{server.key(SET)}/episodes/0")
        wait_until_shown(page, 0)
        with Workspace(root).lock_for_writing("testing"):
            page.keyboard.press("f")
            page.locator(".marks[data-state='refused']").wait_for()
        expect(page.get_by_role("button", name="Failure")).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_role("status")).to_contain_text("not saved")
    assert marks(root) == {}


def test_a_mark_is_taken_back_and_the_last_one_takes_the_file_with_it(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    save_mark(root, 1, {"outcome": "failure", "note": "dropped"})
    save_mark(root, 1, {"outcome": None, "note": ""})

    assert not (root / MARKS).exists()
    kept = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".lerotool" not in path.parts}
    assert kept == before


def test_marks_do_not_count_for_an_episode_of_another_length(root: Path) -> None:
    save_mark(root, 1, {"outcome": "success"})
    line = json.loads((root / MARKS).read_text())
    (root / MARKS).write_text(json.dumps({**line, "frames": line["frames"] + 1}) + "\n")

    found = load_marks(Dataset.open(root))
    assert (found.by_episode, found.unmatched) == ({}, 1)


def test_words_choose_episodes(root: Path) -> None:
    save_mark(root, 0, {"outcome": "success"})
    save_mark(root, 2, {"outcome": "failure", "flagged": True})
    dataset = Dataset.open(root)

    chosen = {word: selected(dataset, word) for word in ("success", "failure", "flagged", "unflagged", "unmarked")}
    assert chosen == {"success": [0], "failure": [2], "flagged": [2], "unflagged": [0, 1, 3], "unmarked": [1, 3]}


def test_a_merge_takes_the_episodes_that_are_marked(root: Path, tmp_path: Path) -> None:
    save_mark(root, 1, {"outcome": "success"})
    save_mark(root, 3, {"outcome": "success", "flagged": True})
    merge([f"{root}:success"], tmp_path / "good")

    lengths = Dataset.open(root).episodes.lengths
    assert Dataset.open(tmp_path / "good").episodes.lengths.tolist() == lengths[[1, 3]].tolist()
    with pytest.raises(UsageError, match="has no episodes that are failure; marks there: 2 success, 1 flagged"):
        merge([f"{root}:failure"], tmp_path / "bad")


def test_info_counts_marks(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_mark(root, 1, {"outcome": "success", "note": "good"})

    assert run(["info", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["marks"] == {"success": 1, "noted": 1}
    assert run(["info", str(root)]) == 0
    assert "marks      1 success, 1 noted" in capsys.readouterr().out


def test_a_damaged_line_is_named(root: Path) -> None:
    (root / MARKS).parent.mkdir(parents=True, exist_ok=True)
    (root / MARKS).write_text('{"episode_index": 1, "frames": 25, "outcome": "maybe"}\n')
    with pytest.raises(MetadataError, match=r"marks.jsonl, line 1: outcome is 'maybe', expected success or failure"):
        load_marks(Dataset.open(root))


def test_a_dataset_that_somebody_changes_is_waited_for_and_then_left_alone(root: Path) -> None:
    with Workspace(root).lock_for_writing("testing"), pytest.raises(DatasetLockedError):
        save_mark(root, 0, {"flagged": True}, wait_s=0)
    assert marks(root) == {}
