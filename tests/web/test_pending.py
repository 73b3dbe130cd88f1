"""Pending episodes are shown from the spool, frame by frame, before anything is encoded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from lerotool.cli.app import run
from lerotool.devices.cameras.simulated import read_number
from lerotool.spool.pending import list_pending
from tests.encoding.recordings import FRONT, record
from tests.web.serving import picture, serving, wait_until_shown


@pytest.fixture
def root(tmp_path: Path) -> Path:
    record(tmp_path / "set", 0, [3, 3, 5, 8, 9])
    return tmp_path / "set"


@pytest.mark.slow
def test_a_pending_episode_shows_the_picture_of_each_row(root: Path, page: Page) -> None:
    name = list_pending(root)[0].path.name
    with serving(root) as server:
        document = server.document(f"/api/{server.key('set')}")
        assert [(each["name"], each["frames"], each["state"]) for each in document["pending"]] == [(name, 5, "saved")]
        page.goto(f"{server.address}/d/{server.key('set')}")
        page.locator(".strip .card").click()
        wait_until_shown(page, 0)
        shown = [read_number(picture(page, FRONT))]
        for frame in range(1, 5):
            page.keyboard.press("ArrowRight")
            wait_until_shown(page, frame)
            shown.append(read_number(picture(page, FRONT)))

    assert shown == [3, 3, 5, 8, 9]


def test_the_list_says_what_a_dataset_will_be_about_before_it_has_episodes(root: Path) -> None:
    (pending,) = list_pending(root)
    with serving(root) as server:
        (line,) = server.document("/api/datasets")["datasets"]
    assert (line["episodes"], line["pending"], line["pending_name"]) == (0, 1, pending.path.name)
    assert line["task"] == "push the cube"


def test_ctrl_c_ends_the_server_well(root: Path) -> None:
    with serving(root) as server:
        assert server.ask("/")[0] == 200
    assert server.process.returncode == 0


def test_what_is_neither_a_dataset_nor_pending_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["view", str(tmp_path), "--json", "--no-browser"]) == 3
    assert "neither a dataset nor" in json.loads(capsys.readouterr().err)["message"]
