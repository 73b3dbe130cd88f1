"""All that turns bytes from a file or a command line into values: what each name of `PARSERS` reads.

A parser takes a file and may end in nothing but one of lerotool's own errors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

Parser = Callable[[Path], object]


def parse_mp4(path: Path) -> None:
    """Read the header of an mp4."""
    from lerotool.media.mp4 import read_header

    read_header(path)


def parse_footerless(path: Path) -> None:
    """Read a data file that was never closed."""
    from lerotool.dataset.reading.footerless import read_footerless
    from lerotool.features import DEFAULT_FEATURES

    read_footerless(path, DEFAULT_FEATURES)


def parse_journal(path: Path) -> None:
    """Read the list of an interrupted change."""
    from lerotool.dataset.journal_file import parse_journal

    parse_journal(path, path.read_bytes())


def parse_info(path: Path) -> None:
    """Read an ``info.json``, and where it says that files are."""
    from lerotool.dataset.documents import read_object
    from lerotool.dataset.info import parse_info
    from lerotool.dataset.layout import Layout

    Layout.of(path.parent, parse_info(read_object(path)))


def parse_statistics(path: Path) -> None:
    """Read a ``stats.json``."""
    from lerotool.dataset.documents import read_object
    from lerotool.dataset.reading.statistics import parse_stats

    parse_stats(read_object(path), str(path))


def parse_lines(path: Path) -> None:
    """Read the episodes of v2.1, line by line."""
    from lerotool.dataset.documents import read_lines, whole_number

    for place, entry in read_lines(path):
        whole_number(entry, "episode_index", place)
        whole_number(entry, "length", place)


def parse_picture(path: Path) -> None:
    """Decode a picture."""
    from lerotool.media.pictures import decode_image

    decode_image(path.read_bytes())


def parse_tiff(path: Path) -> None:
    """Read a depth image of floats, which is refused by ValueError."""
    from lerotool.media.depth import read_float_tiff

    with contextlib.suppress(ValueError):
        read_float_tiff(path.read_bytes())


def parse_jpeg_size(path: Path) -> None:
    """Read the size of a camera's packet."""
    from lerotool.devices.cameras.jpeg import read_jpeg_size

    read_jpeg_size(path.read_bytes())


def parse_packets(path: Path) -> None:
    """Read the index of a pending episode's packets."""
    from lerotool.spool.packets import read_entries

    read_entries(path)


def parse_rows(path: Path) -> None:
    """Read the rows of a pending episode."""
    from harness.faults.recordings import CAMERA, FEATURES
    from lerotool.spool.rows import count_rows, read_rows

    folder = path.parent
    path.rename(folder / "rows.log")
    features = {name: feature for name, feature in FEATURES.items() if name != CAMERA}
    read_rows(folder, features, [CAMERA], count_rows(folder))


def parse_header(path: Path) -> None:
    """Read what a pending episode says that it records."""
    from lerotool.spool.documents import HEADER, load_header

    path.rename(path.parent / HEADER)
    header = load_header(path.parent)
    for key in header.cameras:
        header.packets_file(key)


def parse_saved(path: Path) -> None:
    """Read how much of a pending episode counts."""
    from lerotool.spool.documents import SAVED, load_saved

    path.rename(path.parent / SAVED)
    load_saved(path.parent)


def parse_robot(path: Path) -> None:
    """Read the file of a robot."""
    from lerotool.devices.config.robot_files import read_robot

    read_robot(path)


def parse_calibration(path: Path) -> None:
    """Read the calibration of an arm."""
    from lerotool.devices.arms.calibration import load_calibration

    load_calibration(path)


def parse_camera_map(path: Path) -> None:
    """Read cameras as LeRobot's command line names them."""
    from lerotool.devices.cameras.lerobot import parse_camera_map

    parse_camera_map(path.read_bytes().decode(errors="replace"))


def parse_camera(path: Path) -> None:
    """Read a camera as lerotool's command line names it."""
    from lerotool.devices.cameras.spec import CameraSpec

    CameraSpec.parse(path.read_bytes().decode(errors="replace"))


def parse_report(path: Path) -> None:
    """Read a saved benchmark."""
    from lerotool.benchmarking.figures import load_report

    load_report(path)


PARSERS: dict[str, Parser] = {
    "mp4": parse_mp4,
    "footerless": parse_footerless,
    "journal": parse_journal,
    "info": parse_info,
    "statistics": parse_statistics,
    "lines": parse_lines,
    "picture": parse_picture,
    "tiff": parse_tiff,
    "jpeg-size": parse_jpeg_size,
    "packets": parse_packets,
    "rows": parse_rows,
    "header": parse_header,
    "saved": parse_saved,
    "robot": parse_robot,
    "calibration": parse_calibration,
    "camera-map": parse_camera_map,
    "camera": parse_camera,
    "report": parse_report,
}
