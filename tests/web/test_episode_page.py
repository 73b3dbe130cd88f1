"""The page of an episode shows the pictures and numbers of its own rows, and of no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lerotool.dataset.dataset import Dataset
from lerotool.devices.cameras.simulated import read_number
from tests.shared import GOLDEN
from tests.web.conftest import FRONT, LENGTHS, WRIST, number_of
from tests.web.serving import PATIENCE_MS, Server, new_page, picture, serving, wait_until_shown

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def server(numbered: dict[str, Path]) -> Iterator[Server]:
    with serving(*numbered.values(), GOLDEN / "v30_lerobot061_depth", GOLDEN / "v30_lerobot061_images") as started:
        yield started


def open_episode(page: Page, server: Server, name: str, episode: int, query: str = "") -> None:
    page.goto(f"{server.address}/d/{server.key(name)}/episodes/{episode}{query}")


def numbers(page: Page) -> list[int]:
    return [read_number(picture(page, camera)) for camera in (FRONT, WRIST)]


def expected(episode: int, frame: int) -> list[int]:
    return [number_of(episode, frame, camera) for camera in (FRONT, WRIST)]


def test_the_numbered_set_has_files_of_several_episodes_and_cameras_at_different_places(
    numbered: dict[str, Path],
) -> None:
    episodes = Dataset.open(numbered["v30"]).episodes
    places = [
        (e.videos[camera].file_index, e.videos[camera].start_frame) for e in episodes for camera in (FRONT, WRIST)
    ]

    assert len({file for file, _ in places[1::2]}) > 1
    assert any(front != wrist for front, wrist in zip(places[::2], places[1::2], strict=True))
    assert any(start > 0 for _, start in places[1::2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v30", "v21", "long-gop"])
def test_every_frame_shown_is_the_rows_own(server: Server, page: Page, name: str) -> None:
    for episode, length in enumerate(LENGTHS[:3] if name == "long-gop" else LENGTHS):
        open_episode(page, server, name, episode)
        wait_until_shown(page, 0)
        assert numbers(page) == expected(episode, 0)
        page.keyboard.press("ArrowRight")
        wait_until_shown(page, 1)
        assert numbers(page) == expected(episode, 1)
        page.keyboard.press("End")
        wait_until_shown(page, length - 1)
        assert numbers(page) == expected(episode, length - 1)


def test_playing_ends_at_the_episodes_last_picture(server: Server, page: Page) -> None:
    open_episode(page, server, "v30", 1)
    wait_until_shown(page, 0)
    page.keyboard.press("Space")
    wait_until_shown(page, LENGTHS[1] - 1)

    assert numbers(page) == expected(1, LENGTHS[1] - 1)


def test_the_address_has_the_time_in_it(server: Server, page: Page) -> None:
    open_episode(page, server, "v30", 3, "?t=0.4")
    wait_until_shown(page, 4)
    assert numbers(page) == expected(3, 4)

    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/episodes/3?t=0.300")
    page.reload()
    wait_until_shown(page, 3)
    assert numbers(page) == expected(3, 3)


def test_charts_are_on_the_same_row_as_the_pictures(server: Server, page: Page) -> None:
    open_episode(page, server, "v30", 5, "?t=0.7")
    page.locator("section[data-drawn]").wait_for()

    values = page.locator(".chart", has_text="lift").locator(".value")
    assert values.all_inner_texts() == ["7", "8"]
    page.keyboard.press("ArrowRight")
    expect(values.first).to_have_text("8")
    # What is hidden is hidden; the other joint stays.
    page.get_by_role("button", name="lift", exact=True).click()
    expect(page.locator(".chart", has_text="lift")).to_be_hidden()
    expect(page.locator(".chart", has_text="pan")).to_be_visible()


def test_keys_go_to_the_next_episode_and_back(server: Server, page: Page) -> None:
    open_episode(page, server, "v21", 2)
    wait_until_shown(page, 0)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#bar .here")).to_have_text("Episode 3")
    wait_until_shown(page, 0)
    assert numbers(page) == expected(3, 0)
    page.keyboard.press("ArrowUp")
    expect(page.locator("#bar .here")).to_have_text("Episode 2")


def test_a_thumb_plays_pulls_and_finds_its_targets(server: Server, browser: Browser) -> None:
    page = new_page(browser, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    open_episode(page, server, "v30", 1)
    wait_until_shown(page, 0)

    page.get_by_role("button", name="One frame on").tap()
    wait_until_shown(page, 1)
    page.get_by_role("slider", name="Time").tap(position={"x": 1, "y": 15})
    wait_until_shown(page, 0)
    page.locator(".screen").first.tap()
    wait_until_shown(page, LENGTHS[1] - 1)
    assert numbers(page) == expected(1, LENGTHS[1] - 1)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    sizes = page.locator("button:visible").evaluate_all("all => all.map((b) => b.getBoundingClientRect().height)")
    assert min(sizes) >= 40
    page.context.close()


@pytest.mark.parametrize("name", ["v30_lerobot061_depth", "v30_lerobot061_images"])
def test_what_is_no_video_for_browsers_is_shown_as_frames(server: Server, page: Page, name: str) -> None:
    length = Dataset.open(GOLDEN / name).episodes[1].length
    open_episode(page, server, name, 1)
    wait_until_shown(page, 0)
    page.keyboard.press("Space")
    wait_until_shown(page, length - 1)

    for camera in Dataset.open(GOLDEN / name).cameras:
        assert picture(page, camera).std() > 1


def test_a_video_that_fails_in_the_browser_is_shown_as_frames(server: Server, page: Page) -> None:
    page.route("**/video/**", lambda route: route.fulfill(body=b"no video", content_type="video/mp4"))
    open_episode(page, server, "v30", 4, "?t=0.2")
    page.locator("[data-camera] img").nth(1).wait_for()
    wait_until_shown(page, 2)

    assert numbers(page) == expected(4, 2)
