"""Edits on the pages: shown first, done when a person says so, taken back byte for byte; and only by the pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import save_mark
from lerotool.devices.cameras.simulated import read_number
from lerotool.workspace import Workspace
from tests.web.conftest import FRONT, LENGTHS, number_of
from tests.web.serving import PATIENCE_MS, Server, picture, serving, wait_until_shown

expect.set_options(timeout=PATIENCE_MS)
FLAGGED = (0, 2)


@pytest.fixture
def root(numbered: dict[str, Path], tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(numbered["v30"], tmp_path / "set"))
    for episode in FLAGGED:
        save_mark(copy, episode, {"flagged": True})
    return copy


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with serving(root) as started:
        yield started


def tree(root: Path) -> dict[str, bytes]:
    """Return every file that belongs to the dataset."""
    files = (path for path in root.rglob("*") if path.is_file() and ".lerotool" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def lengths(root: Path) -> list[int]:
    return [int(length) for length in Dataset.open(root).episodes.lengths]


def open_dataset(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/d/{server.key('set')}")
    expect(page.locator(".card")).to_have_count(len(LENGTHS))


@pytest.mark.slow
def test_flagged_episodes_are_deleted_seen_gone_and_brought_back(page: Page, root: Path, server: Server) -> None:
    before = tree(root)
    open_dataset(page, server)
    page.locator(".card").first.click()
    wait_until_shown(page, 0)
    assert read_number(picture(page, FRONT)) == number_of(0, 0, FRONT)
    page.go_back()
    page.get_by_role("button", name="Delete flagged (2)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("episodes6 → 4left out0,2")
    expect(dialog).to_contain_text("frames48 → 36length4.8 s → 3.6 s")
    assert tree(root) == before

    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(4)
    kept = [number for number in range(len(LENGTHS)) if number not in FLAGGED]
    assert lengths(root) == [LENGTHS[number] for number in kept]
    # The same address as before, now with the picture of another episode.
    page.locator(".card").first.click()
    wait_until_shown(page, 0)
    assert read_number(picture(page, FRONT)) == number_of(kept[0], 0, FRONT)
    page.go_back()

    page.get_by_role("button", name="Undo").click()
    expect(dialog).to_contain_text("lerotool edit delete")
    dialog.get_by_role("button", name="Take back").click()
    expect(page.locator(".card")).to_have_count(len(LENGTHS))
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert tree(root) == before


def test_episodes_are_trimmed_as_marked(page: Page, root: Path, server: Server) -> None:
    save_mark(root, 1, {"trim": [3, 10]})
    open_dataset(page, server)
    page.get_by_role("button", name="Trim as marked (1)").click()
    page.get_by_role("dialog").get_by_role("button", name="Trim").click()
    expect(page.get_by_role("button", name="Trim as marked (0)")).to_be_disabled()

    assert lengths(root) == [LENGTHS[0], 7, *LENGTHS[2:]]
    page.goto(f"{server.address}/d/{server.key('set')}/episodes/1")
    wait_until_shown(page, 0)
    assert read_number(picture(page, FRONT)) == number_of(1, 3, FRONT)


def test_the_episodes_that_a_filter_leaves_get_another_task(page: Page, root: Path, server: Server) -> None:
    open_dataset(page, server)
    page.get_by_role("combobox", name="mark").select_option("flagged")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("button", name="Change task").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 of 6 episodes")
    dialog.get_by_role("combobox", name="Task").fill("<b>away</b>")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("<b>away</b>")
    dialog.get_by_role("button", name="Change").click()
    expect(page.locator(".card .task").first).to_have_text("<b>away</b>")

    tasks = [list(episode.tasks) for episode in Dataset.open(root).episodes]
    assert [number for number, own in enumerate(tasks) if own == ["<b>away</b>"]] == list(FLAGGED)


def test_what_cannot_be_done_is_said_with_what_to_do(page: Page, root: Path, server: Server) -> None:
    open_dataset(page, server)
    page.get_by_role("button", name="Delete flagged").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("6 → 4")
    before = tree(root)
    with Workspace(root).lock_for_recording("testing"):
        dialog.get_by_role("button", name="Delete").click()
        expect(dialog.get_by_role("alert")).to_contain_text("wait until it has finished")

    assert tree(root) == before


def test_only_what_was_looked_at_is_done(root: Path, server: Server) -> None:
    edits = f"/api/{server.key('set')}/edits"
    edit = {"edit": "delete", "episodes": "flagged"}
    plan = json.loads(server.ask(f"{edits}/plan", method="POST", body=edit)[2])
    save_mark(root, 1, {"flagged": True})

    for seen in (plan["seen"], None):
        status, _, answer = server.ask(edits, method="POST", body={**edit, "seen": seen})
        assert (status, json.loads(answer)["hint"]) == (409, "cancel, and look at it again")
    assert lengths(root) == list(LENGTHS)


def test_others_edit_nothing(root: Path, server: Server) -> None:
    before, key = tree(root), server.key("set")
    body = {"edit": "delete", "episodes": "flagged", "seen": ""}
    strangers = ({"Origin": "http://evil.example"}, {"Origin": ""}, {"Host": "evil.example"})
    for path in ("edits/plan", "edits", "undo"):
        for headers in strangers:
            assert server.ask(f"/api/{key}/{path}", method="POST", body=body, headers=headers)[0] == 403
        form = {"Content-Type": "text/plain"}
        assert server.ask(f"/api/{key}/{path}", method="POST", body=body, headers=form)[0] == 400
    for what in ({}, {"edit": "forget"}, {"edit": "delete"}, {"edit": "task"}, {"edit": "delete", "episodes": ["0"]}):
        assert server.ask(f"/api/{key}/edits/plan", method="POST", body=what)[0] == 400

    assert tree(root) == before
