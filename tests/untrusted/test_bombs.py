"""A few bytes that claim to be much: refused or read within bounds of memory and time."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.cli.output import print_error
from lerotool.media.depth import read_float_tiff
from lerotool.media.encode import encode_jpeg
from lerotool.media.mp4 import read_header
from tests.dataset.reading import DATA, EPISODES, PLAIN_SET, VIDEO_SET, copy_set, edit_json
from tests.media.pictures import grid, numbered, write_foreign

pytestmark = pytest.mark.slow

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


CAPPED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from lerotool.cli.app import run
sys.exit(run(sys.argv[1:]))
"""
USES: dict[str, tuple[str, ...]] = {
    "info": ("info", "SET"),
    "check": ("check", "SET"),
    "stats": ("stats", "SET", "--skip-images"),
    "stats --verify": ("stats", "SET", "--verify"),
    "stats --write": ("stats", "SET", "--write"),
    "stats --export": ("stats", "SET", "--export", "openpi"),
    "merge": ("merge", "SET", "-o", "OUT"),
    "encode": ("encode", "SET", "-o", "OUT"),
}


def run_capped(root: Path, *command: str, limit: int = _MEMORY) -> subprocess.CompletedProcess[str]:
    """Run a command on a dataset with so much memory."""
    words = [word.replace("SET", str(root)).replace("OUT", str(root.parent / "out")) for word in command]
    return subprocess.run(
        [sys.executable, "-c", CAPPED.format(limit=limit), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("size", [10**12, 10**9], ids=["impossible", "untrue"])
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_no_command_takes_memory_for_a_declared_shape(tmp_path: Path, use: tuple[str, ...], size: int) -> None:
    root = copy_set(PLAIN_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda d: d["features"]["action"].update(shape=[size], names=None))

    finished = run_capped(root, *use)

    said = finished.stdout + finished.stderr
    assert "Traceback" not in said, said[-2000:]
    assert "not enough memory" not in said
    if size > 2**31:
        assert finished.returncode == 3
        assert "more than a row can hold" in said


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_value_that_is_repeated_half_a_billion_times_is_not_read(tmp_path: Path) -> None:
    """A page says it in a few bytes."""
    path = tmp_path / "bomb.parquet"
    kind = pa.list_(pa.float32(), 256)
    part = pa.RecordBatch.from_arrays([pa.FixedSizeListArray.from_arrays(np.zeros(2**25, np.float32), 256)], ["action"])
    with pq.ParquetWriter(path, pa.schema([pa.field("action", kind)])) as writer:
        for _ in range(16):
            writer.write_batch(part)
    assert path.stat().st_size < 1_000_000
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
from pathlib import Path
from lerotool.dataset.parquet import first_rows, open_parquet, read_groups
path = Path(sys.argv[1])
with open_parquet(path) as file:
    print(first_rows(file, path, ["action"]).num_rows)
    read_groups(file, path, range(file.num_row_groups), ["action"])
"""

    finished = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=100)

    assert finished.stdout.strip() == "1", finished.stderr[-2000:]
    assert "MemoryError: " in finished.stderr
    assert "values of 2.1 GB are to be read at once, and there are 537 MB of memory" in finished.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_sound_file_that_needs_more_memory_than_there_is_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    values = pa.table({"action": np.random.default_rng(0).random(2**25)})
    pq.write_table(values, path, row_group_size=2**25)
    program = """
import resource, sys
from pathlib import Path
from lerotool.dataset.parquet import open_parquet, read_groups
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), used + (100 << 20)))
path = Path(sys.argv[1])
with open_parquet(path) as file:
    try:
        read_groups(file, path, [0], ["action"])
    except MemoryError as error:
        print(error)
"""

    # Arrow's own allocators may have reserved addresses before the limit is set.
    plain = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    command = [sys.executable, "-c", program, str(path)]
    finished = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=100)

    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stdout.startswith(f"{path}: ")


def test_a_command_without_memory_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_error(MemoryError("malloc of size 8 failed"), as_json=False) == 1
    assert "error: not enough memory: malloc of size 8 failed" in capsys.readouterr().err


SIDE = 65535


def png_bomb() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def huge_jpegs(content: bytes) -> bytes:
    """Let every JPEG in the bytes say that it is 65535 pixels high and wide."""
    return re.sub(
        rb"(\xff\xc0\x00\x11\x08)....", lambda m: m[1] + struct.pack(">HH", SIDE, SIDE), content, flags=re.DOTALL
    )


PICTURE = """
import resource, sys
from pathlib import Path
from lerotool.errors import MediaError
from lerotool.media.decode import (iter_rgb)
from lerotool.media.pictures import (decode_image)
from lerotool.media.encode import encode_png
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
path = Path(sys.argv[1])
try:
    decode_image(path.read_bytes()) if path.suffix != ".mov" else next(iter_rgb(path, 0, 1, 30))
except MediaError as error:
    print("refused", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("kind", ["png", "jpg", "mov"])
def test_a_picture_of_four_thousand_million_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bomb.{kind}"
    if kind == "mov":
        write_foreign(path, grid(2), "mjpeg", pix_fmt="yuvj420p", container="mov")
        path.write_bytes(huge_jpegs(path.read_bytes()))
    else:
        path.write_bytes(png_bomb() if kind == "png" else huge_jpegs(encode_jpeg(numbered(1))))

    finished = subprocess.run([sys.executable, "-c", PICTURE, str(path)], capture_output=True, text=True, timeout=100)

    assert finished.stdout.startswith("refused"), finished.stderr[-2000:]
