"""H.264 cameras are seen live: the newest picture of what has come since the keyframe, decoded once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Page, expect

from lerotool.devices.cameras.simulated import read_number
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import decode_image
from lerotool.recording.status import Phase, Status
from lerotool.web import monitor
from lerotool.web.board import Board, Feed, ShownCamera, Watched, pack
from lerotool.web.monitor import LivePicture
from tests.devices.cameras.h264 import SIZE, RtspCamera, encoder, iter_packets
from tests.patience import wait_for
from tests.web.serving import PATIENCE_MS, picture
from tests.web.test_monitor import Recording

T = TypeVar("T")
expect.set_options(timeout=PATIENCE_MS)
CAMERA = ShownCamera("top", StreamFormat(StreamCodec.H264, *SIZE, "yuv420p", 50.0))
GROUP = 12


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board.create([CAMERA])
    yield made
    made.remove()


@pytest.fixture
def packets(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(monitor, "MADE_EVERY_S", 0.0)
    return list(iter_packets(encoder(group=GROUP), 3 * GROUP))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: in this one the browser of other tests may have its loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def newest(live: LivePicture, seen: int) -> tuple[int, int]:
    """Return what `LivePicture.after` gives, and the number on the picture."""
    sequence, jpeg = run(asyncio.wait_for(live.after(seen), PATIENCE_MS / 1000))
    return sequence, read_number(decode_image(jpeg))


def test_the_newest_picture_of_a_group_is_shown_also_after_gaps_and_keyframes(
    board: Board, packets: list[bytes]
) -> None:
    live, seen = LivePicture(board, 0, CAMERA), 0
    for first, last in [(0, 0), (0, 1), (0, 7), (12, 12), (12, 20), (24, 34), (24, 35), (12, 13)]:
        board.put_packet(0, pack(packets[first : last + 1]))
        seen, number = newest(live, seen)
        assert number == last


def test_after_a_damaged_packet_the_next_group_is_shown(board: Board, packets: list[bytes]) -> None:
    live = LivePicture(board, 0, CAMERA)
    board.put_packet(0, pack(packets[:3]))
    seen, _ = newest(live, 0)
    board.put_packet(0, pack([*packets[:3], b""]))
    assert newest(live, 0) == (seen, 2)
    board.put_packet(0, pack(packets[:5]))
    assert newest(live, seen)[1] == 4


def test_all_who_look_get_what_one_of_them_had_made(board: Board, packets: list[bytes]) -> None:
    live = LivePicture(board, 0, CAMERA)
    board.put_packet(0, pack(packets[:3]))

    async def look() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(live.after(0) for _ in range(4)))

    assert len({id(jpeg) for _, jpeg in run(look())}) == 1


class StillCamera:
    """A camera whose newest picture does not change."""

    format = CAMERA.format

    def __init__(self, group: tuple[bytes, ...]) -> None:
        self._group = group

    def latest_packet(self) -> bytes:
        return self._group[-1]

    def latest_group(self) -> tuple[bytes, ...]:
        return self._group


def test_a_recorder_shows_the_whole_group(board: Board, packets: list[bytes]) -> None:
    group = tuple(packets[:4])
    feed = Feed(board, Watched(Path(), [StillCamera(group)], lambda: Status(phase=Phase.TAKE, elapsed_s=0.0), print))
    board.watch()
    feed.start()
    try:
        assert newest(LivePicture(board, 0, CAMERA), 0)[1] == 3
    finally:
        feed.stop()


@pytest.mark.slow
def test_an_h264_camera_is_seen_live(page: Page, tmp_path: Path) -> None:
    with RtspCamera(fps=50) as camera:
        recording = Recording(tmp_path, shortest_s=0, cameras=(f"top={camera.url},128x64,50,h264",))
        try:
            page.goto(recording.address, wait_until="commit")
            wait_for(lambda: page.locator(".screen img").evaluate("(image) => image.naturalWidth"), "a picture")
            first = read_number(picture(page, "top"))
            wait_for(lambda: read_number(picture(page, "top")) > first, "a later picture")
        finally:
            recording.end()
