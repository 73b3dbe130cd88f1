"""Pictures that carry a number which survives JPEG and AV1: who reads it knows which picture it is.

The picture is a board of 8 x 4 black and white fields, row by row, highest bit first: 24 bits of number, 8 bits of
check sum. The board is repeated over the picture so that fields stay some 20 x 30 pixels: where larger plain fields
changed all at once, SVT-AV1's preset 12 got some wrong in the pictures between keyframes (40 x 60 pixels already).
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import MediaError

_COLUMNS, _ROWS = 8, 4
_BOARD_WIDTH = 160
MAX_NUMBER = 2**24 - 1


def draw_number(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the luma (height, width) of the picture of a number from 0 to ``MAX_NUMBER``."""
    fields = np.unpackbits(np.frombuffer(_word(number), np.uint8)) * np.uint8(255)
    return fields[_field_map(width, height)]


def numbered_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture of a number as RGB, uint8 (height, width, 3)."""
    return np.repeat(draw_number(number, width, height)[:, :, None], 3, axis=2)


def read_number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture carries: uint8, (height, width[, channels]), in the size it was drawn in."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = grey.shape
    fields = _field_map(width, height).ravel()
    brightness = np.bincount(fields, grey.ravel(), _ROWS * _COLUMNS) / np.bincount(fields, minlength=_ROWS * _COLUMNS)
    word = np.packbits(brightness > 127.5).tobytes()
    number = int.from_bytes(word[:3], "big")
    if word != _word(number):
        raise MediaError(
            f"a picture of {width}x{height} carries no number: check sum {word[3]}, not {_word(number)[3]}"
        )
    return number


@lru_cache(maxsize=8)
def _field_map(width: int, height: int) -> NDArray[np.intp]:
    """Return which field (0 to 31) each pixel belongs to."""
    boards = max(1, width // _BOARD_WIDTH)
    rows = np.arange(height) * (_ROWS * boards) // height % _ROWS
    columns = np.arange(width) * (_COLUMNS * boards) // width % _COLUMNS
    return rows[:, None] * _COLUMNS + columns[None, :]


def _word(number: int) -> bytes:
    digits = number.to_bytes(3, "big")
    # The constant makes neither an all-black nor an all-white picture a number.
    return digits + bytes([zlib.crc32(digits) & 0xFF ^ 0xA5])
