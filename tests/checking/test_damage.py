"""Damage that random tests have found, each once more by itself: it is told, never a traceback."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa

from lerotool.checking import Code, check
from lerotool.choices import Depth
from lerotool.dataset.dataset import Dataset
from lerotool.errors import LerotoolError
from lerotool.media.encode import encode_jpeg, encode_png
from lerotool.mending.repair import repair
from tests.checking.defects.defect import VIDEO
from tests.dataset.edits import column
from tests.dataset.reading import DATA, IMAGE_SET, PLAIN_SET, VIDEO_SET, copy_set, edit_table


def test_a_video_whose_pictures_change_their_size_cannot_be_decoded(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    with av.open(str(root / VIDEO), "w") as target:
        stream = target.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = Fraction(1, 10)
        for number in range(62):
            height = 96 if number == 20 else 48
            packet = av.Packet(encode_jpeg(np.full((height, 64, 3), number, np.uint8)))
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            packet.duration = 1
            packet.is_keyframe = True
            target.mux(packet)

    found = [finding for finding in check(root, Depth.DEEP).findings if finding.code is Code.VIDEO_UNDECODABLE]

    assert [(f.episodes, "another size than the ones before" in f.text) for f in found] == [((1,), True)]


def test_pictures_in_rows_may_have_several_sizes(tmp_path: Path) -> None:
    root = copy_set(IMAGE_SET, tmp_path)

    def change(table: pa.Table) -> pa.Table:
        values = table["observation.images.front"].to_pylist()
        values[3]["bytes"] = encode_png(np.full((96, 128, 3), 90, np.uint8))
        return column(table, "observation.images.front", values)

    edit_table(root / DATA, change)

    assert check(root, Depth.DEEP).loading == "right"


def test_a_task_that_is_no_text_is_told(tmp_path: Path) -> None:
    root = copy_set("v30_lerobot044_other", tmp_path)
    path = root / "meta/tasks.parquet"
    content = path.read_bytes()
    path.write_bytes(content.replace("ç".encode(), b"\xe7!"))
    assert path.read_bytes() != content

    assert Code.TASKS_UNREADABLE in check(root).codes


def test_a_signalling_nan_is_told_like_any_other(tmp_path: Path) -> None:
    root = copy_set(PLAIN_SET, tmp_path)

    def change(table: pa.Table) -> pa.Table:
        values = np.array(table["observation.state"].to_pylist(), np.float32)
        values.view(np.uint32)[3, 0] = 0x7FA00000
        return column(table, "observation.state", pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1]))

    edit_table(root / DATA, change)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Code.NOT_FINITE in check(root).codes


def test_a_damaged_description_of_a_column_does_not_end_the_process(tmp_path: Path) -> None:
    """Arrow calls abort() when the counts in it do not fit together; so this runs in a process of its own."""
    root = copy_set("v30_lerobot061_depth_images", tmp_path)
    content = bytearray((root / DATA).read_bytes())
    content[-7488] ^= 2
    (root / DATA).write_bytes(content)
    look = "import sys\nfrom lerotool.checking import check\nprint(*check(sys.argv[1]).codes)"

    done = subprocess.run([sys.executable, "-c", look, str(root)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.split()) == (0, ["data-damaged"]), done.stderr


def test_a_name_that_is_damaged_anywhere_in_a_data_file_is_told(tmp_path: Path) -> None:
    root = copy_set("v21_lerobot033_images", tmp_path)
    path = root / "data/chunk-000/episode_000000.parquet"
    whole, name = path.read_bytes(), b"observation.images.front"
    places = [match.start() for match in re.finditer(re.escape(name), whole)]
    assert len(places) > 2
    for place in places:
        path.write_bytes(whole[: place + 2] + b"\xf3" + whole[place + 3 :])
        check(root)
        with contextlib.suppress(LerotoolError):
            Dataset.open(root).episode_rows(0)


def test_times_that_no_clock_shows_do_not_stop_a_repair(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    times = [3e38, -3e38, np.nan, np.inf]
    edit_table(
        root / DATA, lambda t: column(t, "timestamp", [*times, *(t["timestamp"].to_numpy()[4:] + 1000.25).tolist()])
    )

    repair(root)

    assert check(root).is_sound
