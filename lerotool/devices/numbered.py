"""Pictures that carry a number which survives JPEG, AV1 and scaling: who reads it knows which picture he holds.

The picture is a board of 8 x 4 black and white fields, row by row, highest bit first: 24 bits of number, 8 bits of
check sum.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import MediaError

_COLUMNS, _ROWS = 8, 4
MAX_NUMBER = 2**24 - 1


def draw_number(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the luma (height, width) of the picture of a number from 0 to ``MAX_NUMBER``."""
    bits = np.unpackbits(np.frombuffer(_word(number), np.uint8)).reshape(_ROWS, _COLUMNS)
    rows = np.arange(height) * _ROWS // height
    columns = np.arange(width) * _COLUMNS // width
    board: NDArray[np.uint8] = (bits * np.uint8(255))[rows][:, columns]
    return board


def numbered_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture of a number as RGB, uint8 (height, width, 3)."""
    return np.repeat(draw_number(number, width, height)[:, :, None], 3, axis=2)


def read_number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture carries.

    Args:
        picture: uint8, (height, width, channels) or (height, width).

    Raises:
        MediaError: it carries none that can be read.
    """
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = grey.shape
    bits = [
        _field(
            grey,
            row * height // _ROWS,
            (row + 1) * height // _ROWS,
            column * width // _COLUMNS,
            (column + 1) * width // _COLUMNS,
        )
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]
    word = np.packbits(bits).tobytes()
    number = int.from_bytes(word[:3], "big")
    if word != _word(number):
        raise MediaError(
            f"a picture of {width}x{height} carries no number: check sum {word[3]}, expected {_word(number)[3]}"
        )
    return number


def _word(number: int) -> bytes:
    digits = number.to_bytes(3, "big")
    # Inverted, so that neither an all-black nor an all-white picture is a number.
    return digits + bytes([zlib.crc32(digits) & 0xFF ^ 0xA5])


def _field(grey: NDArray[np.generic], top: int, bottom: int, left: int, right: int) -> bool:
    """Whether a field is white, by its inner half: edges blur."""
    down, across = (bottom - top) // 4, (right - left) // 4
    return bool(grey[top + down : bottom - down, left + across : right - across].mean() > 127.5)
