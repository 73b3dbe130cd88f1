"""A few bytes that claim to be much: refused or read within bounds of memory and time."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.media.mp4 import read_header
from lerotool.media.tiff import read_float_tiff
from tests.dataset.reading import DATA, EPISODES, VIDEO_SET, copy_set, edit_json
from tests.shared import needs_shared

VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"
_MEMORY = 3 << 30
CHECK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from lerotool.checking import check
report = check(sys.argv[1])
print(sorted(report.codes))
"""


def huge_shape(root: Path) -> None:
    edit_json(root / "meta/info.json", lambda d: d["features"]["action"].update(shape=[2**31, 2**31], names=None))


def huge_counts(root: Path) -> None:
    keys = dict.fromkeys(("total_episodes", "total_frames", "total_tasks"), 2**62)
    edit_json(root / "meta/info.json", lambda d: d.update(keys))


def huge_fps(root: Path) -> None:
    edit_json(root / "meta/info.json", lambda d: d.update(fps=1e-300))


def deep_json(root: Path) -> None:
    (root / "meta/info.json").write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")


def long_number(root: Path) -> None:
    (root / "meta/info.json").write_text('{"codebase_version": "v3.0", "fps": ' + "9" * 100_000 + "}")


def many_rows(root: Path) -> None:
    """A hundred million rows of one value take a few kilobytes."""
    schema = pq.read_schema(root / DATA)
    with pq.ParquetWriter(
        root / DATA, pa.schema([pa.field("episode_index", pa.int64())]), compression="zstd"
    ) as writer:
        part = pa.table({"episode_index": pa.array(np.zeros(5_000_000, np.int64))})
        for _ in range(20):
            writer.write_table(part, row_group_size=5_000_000)
    assert schema is not None


def many_episodes(root: Path) -> None:
    part = pa.table({name: pa.array(np.ones(5_000_000, np.int64)) for name in ("length", "episode_index")})
    with pq.ParquetWriter(root / EPISODES, part.schema, compression="zstd") as writer:
        for _ in range(10):
            writer.write_table(part, row_group_size=5_000_000)


def long_episode(root: Path) -> None:
    table = pq.ParquetFile(root / EPISODES).read()
    place = table.column_names.index("length")
    pq.write_table(table.set_column(place, "length", pa.array([2**39] * 4)), root / EPISODES)


def many_pictures(root: Path) -> None:
    content = bytearray((root / VIDEO).read_bytes())
    place = content.index(b"stsz") + 4
    content[place + 4 : place + 12] = struct.pack(">II", 1, 2**32 - 1)
    (root / VIDEO).write_bytes(content)


def many_times(root: Path) -> None:
    content = bytearray((root / VIDEO).read_bytes())
    place = content.index(b"stts") + 4
    content[place + 8 : place + 12] = struct.pack(">I", 2**32 - 1)
    (root / VIDEO).write_bytes(content)


BOMBS: dict[str, Callable[[Path], None]] = {
    "shape": huge_shape,
    "counts": huge_counts,
    "fps": huge_fps,
    "deep JSON": deep_json,
    "a number without end": long_number,
    "rows": many_rows,
    "episodes": many_episodes,
    "a long episode": long_episode,
    "pictures": many_pictures,
    "times of pictures": many_times,
}


@needs_shared
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_checking_stays_within_memory_and_time(tmp_path: Path, bomb: Callable[[Path], None]) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    bomb(root)

    finished = subprocess.run(
        [sys.executable, "-c", CHECK.format(limit=_MEMORY), str(root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert finished.returncode == 0, finished.stderr[-2000:]
    assert (finished.stdout.strip() == "[]") is (bomb is many_times), (
        "FFmpeg, and LeRobot with it, gets along with these"
    )


def test_an_mp4_header_of_a_few_bytes_makes_no_large_arrays(tmp_path: Path) -> None:
    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", len(content) + 8, kind) + content

    table = box(b"stsd", bytes(40)) + box(b"stts", struct.pack(">IIII", 0, 1, 2**32 - 1, 1))
    table += box(b"stsz", struct.pack(">III", 0, 1, 2**32 - 1)) + box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 2**31, 1))
    table += box(b"stco", struct.pack(">III", 0, 1, 0))
    media = box(b"mdhd", bytes(24)) + box(b"hdlr", bytes(8) + b"vide" + bytes(12)) + box(b"minf", box(b"stbl", table))
    path = tmp_path / "bomb.mp4"
    path.write_bytes(box(b"moov", box(b"trak", box(b"mdia", media))))

    assert read_header(path) is None


def test_deep_json_lines_are_refused(tmp_path: Path) -> None:
    from lerotool.dataset.documents import read_lines
    from lerotool.errors import MetadataError

    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps({"a": 1}) + "\n" + '{"a":' * 100_000 + "}" * 100_000)
    lines = read_lines(path)
    next(lines)
    with pytest.raises(MetadataError, match="line 2"):
        next(lines)


def tiff_of(tags: list[tuple[int, int, int]], tail: bytes) -> bytes:
    """Return a TIFF: its directory of (tag, number of values, value or place) first, then other bytes."""
    entries = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + tail


def test_a_depth_image_that_names_the_same_bytes_a_million_times_is_refused() -> None:
    strips, sides = 100_000, 20_000
    size = 4 * sides * sides // strips
    known = [(256, 1, sides), (257, 1, sides), (258, 1, 32), (339, 1, 3)]
    places = [(273, strips, 86), (279, strips, 86 + 4 * strips)]
    tail = struct.pack(f"<{strips}I", *[8] * strips) + struct.pack(f"<{strips}I", *[size] * strips)

    with pytest.raises(ValueError, match="strips of 1600000000 bytes in a file of"):
        read_float_tiff(tiff_of([*known, *places], tail))


def test_fields_of_a_depth_image_that_nobody_asks_for_take_no_memory() -> None:
    """Each of them may claim all of the file as its values."""
    values = 100_000
    data = tiff_of([(tag, values, 16) for tag in range(1000, 4000)], bytes(4 * values))
    tracemalloc.start()
    try:
        assert read_float_tiff(data) is None
        assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    finally:
        tracemalloc.stop()
