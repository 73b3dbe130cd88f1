"""A recording is seen live, and its buttons do what the keys do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.recording.controls import Key
from lerotool.recording.status import Phase, Status
from lerotool.spool.pending import list_pending
from lerotool.web.board import Board, Feed, ShownCamera, Watched
from tests.patience import wait_for
from tests.web.serving import PATIENCE_MS, picture

expect.set_options(timeout=PATIENCE_MS)
_NOTE_PHASES = """
  window.shown = [];
  const ask = window.fetch;
  window.fetch = (address, options) => {
    if (address === "/live/state") window.shown.push(document.querySelector(".banner")?.dataset.phase);
    return ask(address, options);
  };
"""  # what the banner says whenever the page asks for the state
CAMERA = ShownCamera("front", StreamFormat(StreamCodec.MJPEG, 64, 48, "yuvj422p", 30))


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board.create([CAMERA])
    yield made
    made.remove()


def test_a_reader_gets_whole_packets_once_and_the_newest_of_them(board: Board) -> None:
    assert board.packet(0, 0) is None
    board.put_packet(0, b"old")
    board.put_packet(0, b"new picture")
    found = board.packet(0, 0)
    assert found is not None
    assert found[1] == b"new picture"
    assert board.packet(0, found[0]) is None


def test_what_is_larger_than_its_room_is_not_shown(board: Board) -> None:
    board.put_packet(0, b"x" * (CAMERA.room + 1))
    assert board.packet(0, 0) is None


def test_a_key_is_taken_once(board: Board) -> None:
    assert board.pressed(0) == (0, None)
    board.press(Key.AGAIN)
    seen, key = board.pressed(0)
    assert key is Key.AGAIN
    assert board.pressed(seen)[1] is None


def test_a_board_is_watched_only_while_somebody_looks(board: Board) -> None:
    assert not board.is_watched
    board.watch()
    assert board.is_watched


class EndlessCamera:
    """A camera that has another picture whenever it is asked; each is noted."""

    def __init__(self, noted: list[str]) -> None:
        self.format = CAMERA.format
        self._noted = noted

    def latest_packet(self) -> bytes:
        self._noted.append("picture")
        return b"picture %d" % len(self._noted)

    def latest_group(self) -> tuple[bytes, ...]:
        return ()


def test_whoever_looks_gets_a_new_state_before_eight_more_pictures(board: Board) -> None:
    noted: list[str] = []

    def status() -> Status:
        board.watch()
        noted.append("state")
        return Status(phase=Phase.TAKE, elapsed_s=0.0)

    feed = Feed(board, Watched(Path(), [EndlessCamera(noted)], status, print))
    feed.start()
    wait_for(lambda: noted.count("state") > 4, "states")
    feed.stop()
    between = [part.count("picture") for part in " ".join(noted).split("state")]
    assert 0 < max(between) <= 8, between


class Recording:
    """``lerotool record --monitor`` of the simulated robot.

    Args:
        folder: the dataset ``set`` is recorded in it, and the words of stderr are kept there, where no pipe fills up.
        shortest_s: seconds that a take must last to be kept. How long one lasts here is up to the machine.
        cameras: in place of the simulated ones.
    """

    def __init__(self, folder: Path, shortest_s: float, cameras: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", "lerotool", "record", "--robot", "sim", "--root", str(folder / "set")]
        command += ["--batch", "0", "--episodes", "3", "--episode-time", "600", "--reset-time", "600"]
        command += ["--min-episode-time", str(shortest_s), "--json", "--monitor"]
        command += [f"--camera={camera}" for camera in cameras]
        self._said = folder / "stderr"
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        self.address = str(self.until("monitor")["address"])

    def until(self, kind: str, *, never: str = "error") -> dict[str, Any]:
        """Read events up to one of a kind; fail where another comes first, or none at all."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["type"] == kind:
                return dict(event)
            assert event["type"] != never, event
        raise AssertionError(self._said.read_text())

    def serves(self) -> bool:
        """Whether the page's server takes connections."""
        address = urlsplit(self.address)
        with socket.socket() as tried:
            return tried.connect_ex((address.hostname, address.port)) == 0

    def end(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    started = Recording(tmp_path, shortest_s=0)
    yield started
    started.end()


@pytest.fixture
def recording_of_long_takes(tmp_path: Path) -> Iterator[Recording]:
    started = Recording(tmp_path, shortest_s=500)
    yield started
    started.end()


@pytest.mark.slow
def test_a_take_is_seen_live_and_buttons_end_it(recording: Recording, page: Page, tmp_path: Path) -> None:
    page.goto(recording.address, wait_until="commit")
    banner = page.locator(".banner")
    expect(banner).to_have_attribute("data-phase", "take")
    expect(banner).to_contain_text("1 of 3")
    shown = page.locator(".screen img").first
    wait_for(lambda: shown.evaluate("(image) => image.naturalWidth"), "a picture")
    first = picture(page, "front")
    wait_for(lambda: not np.array_equal(picture(page, "front"), first), "another picture")

    page.get_by_role("button", name="End the take").click()
    expect(banner).to_have_attribute("data-phase", "reset")
    assert recording.until("episode_saved", never="episode_discarded")["episode"] == 0
    ghost = page.get_by_role("combobox", name="Ghost")
    ghost.locator("option", has_text="episode 0").wait_for(state="attached")
    ghost.select_option(index=1)
    laid = page.locator("[data-camera='front'] .ghost")
    wait_for(lambda: laid.evaluate("(image) => image.naturalWidth"), "the first picture of the episode")
    page.get_by_role("slider", name="Strength of the ghost").fill("30")
    expect(laid).to_have_css("opacity", "0.3")
    assert "/0.jpg" in str(laid.get_attribute("src"))
    success = page.get_by_role("button", name="Success")
    success.click()
    expect(success).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("!")
    expect(page.get_by_role("button", name="Flag")).to_have_attribute("aria-pressed", "true")
    assert list_pending(tmp_path / "set")[0].mark == {"outcome": "success", "flagged": True}
    page.get_by_role("button", name="Start the take").click()
    expect(banner).to_contain_text("2 of 3")
    page.keyboard.press("q")
    assert recording.until("session")["ended"] == "stopped"
    expect(banner).to_contain_text("The recording has ended")

    assert recording.process.wait() == 0
    assert len(list_pending(tmp_path / "set")) >= 1


@pytest.mark.slow
def test_the_page_shows_a_phase_as_soon_as_one_answer_has_it(recording: Recording, page: Page) -> None:
    given = ["reset", "reset", "take", "saving", "take", "reset"]
    phases = iter(given)

    recording.until("take_started")
    document = page.request.get(f"{recording.address}/state").json()

    def answer(route: Route) -> None:
        route.fulfill(json={**document, "phase": next(phases, given[-1])})

    page.route("**/live/state", answer)
    page.add_init_script(_NOTE_PHASES)
    page.goto(recording.address, wait_until="commit")
    wait_for(lambda: page.evaluate("window.shown.length") > len(given), "the phases")
    assert page.evaluate("window.shown")[1 : len(given) + 1] == given
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.slow
def test_the_page_says_why_a_take_was_not_kept(recording_of_long_takes: Recording, page: Page, tmp_path: Path) -> None:
    page.goto(recording_of_long_takes.address, wait_until="commit")
    page.get_by_role("button", name="End the take").click()
    warning = page.locator(".live .warning", has_text="The last take was not kept")
    expect(warning).to_contain_text("shorter than 500 s")
    assert recording_of_long_takes.until("episode_discarded", never="episode_saved")["episode"] == 0
    assert not list_pending(tmp_path / "set")
    page.get_by_role("button", name="Start the take").click()
    expect(page.locator(".banner")).to_have_attribute("data-phase", "take")
    expect(warning).to_have_count(0)


@pytest.mark.slow
def test_a_recording_goes_on_when_its_monitor_is_killed(recording: Recording) -> None:
    recording.until("take_started")
    children = Path(f"/proc/{recording.process.pid}/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    servers = [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert servers
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    recording.process.send_signal(signal.SIGINT)

    assert recording.until("session")["ended"] == "interrupted"
    assert recording.process.wait() == 130


@pytest.mark.slow
def test_the_page_goes_with_a_recorder_that_is_killed(recording: Recording) -> None:
    recording.until("take_started")
    wait_for(recording.serves, "the page")
    recording.process.kill()
    wait_for(lambda: not recording.serves(), "the end of the page's server")
