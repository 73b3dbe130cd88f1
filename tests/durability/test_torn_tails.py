"""The spool cut at every byte of its last record: what was complete before is all there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.faults.recordings import CAMERA, append, first_picture, open_recording, packet
from lerotool.spool.recovery import Kind, examine, salvage

pytestmark = pytest.mark.slow

ROWS = 5
LOG, INDEX, PACKETS = "rows.log", "front.index", "front.mjpeg"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """An unsaved episode, and where each of its files ended after every row."""
    writer = open_recording(tmp_path_factory.mktemp("torn") / "set", 3)
    ends: dict[str, list[int]] = {name: [0] for name in (LOG, INDEX, PACKETS)}
    for row in range(ROWS):
        append(writer, row)
        for name, sizes in ends.items():
            sizes.append((writer.path / name).stat().st_size)
    writer.close()
    return writer.path, ends


def rows_left(folder: Path) -> int:
    """Salvage the episode, compare what is there with what was recorded, and return the number of rows."""
    verdict = examine(folder)
    if verdict.kind is Kind.HOPELESS:
        return 0
    episode = salvage(folder)
    assert episode.length == verdict.rows
    with episode.camera(CAMERA) as reader:
        for row, values in enumerate(episode.rows().to_pylist()):
            assert values["action"] == [row, 3.0]
            assert reader.packet(values[f"picture/{CAMERA}"]) == packet(first_picture(3) + row)
    return episode.length


def cut(folder: Path, sizes: dict[str, int], to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    for name, size in sizes.items():
        with (to / name).open("r+b") as file:
            file.truncate(size)
    return to


@pytest.mark.parametrize("name", [LOG, INDEX, PACKETS])
def test_a_file_cut_anywhere_in_its_last_record_costs_that_record_only(
    recording: tuple[Path, dict[str, list[int]]], tmp_path: Path, name: str
) -> None:
    folder, ends = recording
    for size in (ends[name][-3], *range(ends[name][-2] - 1, ends[name][-1] + 1)):
        complete = sum(end <= size for end in ends[name][1:])
        assert rows_left(cut(folder, {name: size}, tmp_path / "cut")) == complete


@given(data=st.data())
def test_all_files_cut_anywhere_leave_the_rows_that_are_complete_in_all_of_them(
    recording: tuple[Path, dict[str, list[int]]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, ends = recording
    sizes = {name: data.draw(st.integers(0, places[-1]), label=name) for name, places in ends.items()}
    complete = min(sum(end <= sizes[name] for end in places[1:]) for name, places in ends.items())
    assert rows_left(cut(folder, sizes, tmp_path_factory.getbasetemp() / "cuts")) == complete


@given(data=st.data())
def test_a_damaged_byte_costs_nothing_before_it(
    recording: tuple[Path, dict[str, list[int]]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, ends = recording
    name = data.draw(st.sampled_from(sorted(ends)))
    place = data.draw(st.integers(0, ends[name][-1] - 1))
    damaged = cut(folder, {}, tmp_path_factory.getbasetemp() / "damaged")
    contents = bytearray((damaged / name).read_bytes())
    contents[place] ^= data.draw(st.integers(1, 255))
    (damaged / name).write_bytes(contents)
    assert rows_left(damaged) == sum(end <= place for end in ends[name][1:])
