"""A camera whose pictures are turned is seen upright: live, and of an episode that is still pending."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from lerotool.devices.cameras.simulated import read_number
from lerotool.media.format import Rotation, StreamCodec, StreamFormat
from lerotool.media.pictures import decode_image
from lerotool.web.board import Board, ShownCamera
from lerotool.web.monitor import LivePicture
from tests.devices.cameras.parts import jpeg
from tests.web.serving import PATIENCE_MS
from tests.web.test_live_h264 import run


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_live_jpegs_are_turned(rotation: Rotation) -> None:
    camera = ShownCamera("top", StreamFormat(StreamCodec.MJPEG, 64, 32, "yuvj422p", 50.0).turned(rotation))
    board = Board.create([camera])
    try:
        board.put_packet(0, jpeg(7))
        _, made = run(asyncio.wait_for(LivePicture(board, 0, camera).after(0), PATIENCE_MS / 1000))
    finally:
        board.remove()
    picture = decode_image(made)
    assert picture.shape[:2] == (camera.format.height, camera.format.width)
    assert read_number(np.rot90(picture, rotation // 90)) == 7
