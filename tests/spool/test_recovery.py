"""What can be had from damaged and unfinished pending episodes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lerotool.errors import DatasetLockedError, SpoolError
from lerotool.features import Feature
from lerotool.spool.pending import PendingEpisode, State
from lerotool.spool.recovery import Kind, examine, examine_all, salvage
from lerotool.storage import tree_bytes
from lerotool.workspace import Workspace
from tests.spool.episodes import FRONT, WRIST, add_row, begin, check_arm, packet, record

ROWS = 4
FILES = ["rows.log", "front.mjpeg", "front.index", "wrist.mjpeg", "wrist.index"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def restore(folder: Path, files: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def tail_size(episode: PendingEpisode, name: str) -> int:
    """Return how many bytes the last two records, or packets, of a file have."""
    if name.endswith(".mjpeg"):
        return len(packet(ROWS - 1)) + len(packet(ROWS - 2))
    if name.endswith(".index"):
        return 2 * 36
    return 2 * ((episode.path / name).stat().st_size // ROWS)


def test_a_saved_episode_is_complete(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS)
    verdict = examine(episode.path)
    assert (verdict.kind, verdict.rows, verdict.pictures) == (Kind.COMPLETE, ROWS, {FRONT: ROWS, WRIST: ROWS})
    before = snapshot(episode.path)
    check_arm(salvage(episode.path))
    assert {**snapshot(episode.path), "recording.lock": b""} == before


def test_an_episode_that_was_not_saved_is_salvaged_whole(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS, save=False)
    before = snapshot(episode.path)
    verdict = examine(episode.path)
    assert (verdict.kind, verdict.rows, verdict.pictures) == (Kind.SALVAGEABLE, ROWS, {FRONT: ROWS, WRIST: ROWS})
    assert snapshot(episode.path) == before
    salvaged = salvage(episode.path)
    assert salvaged.state is State.SAVED
    assert salvaged.report["salvaged"]["rows_cut"] == 0
    check_arm(salvaged)
    after = snapshot(episode.path)
    after.pop("saved.json")
    assert after == before
    assert examine(episode.path).kind is Kind.COMPLETE


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_byte_of_its_last_records_costs_only_those(tmp_path: Path, name: str, saved: bool) -> None:
    """Also when the episode was saved and its files were damaged later."""
    episode = record(tmp_path, ROWS, save=saved)
    files = snapshot(episode.path)
    record_ends = {
        "rows.log": [len(files["rows.log"]) * n // ROWS for n in range(ROWS + 1)],
        "index": [36 * n for n in range(ROWS + 1)],
        "mjpeg": [sum(len(packet(k)) for k in range(n)) for n in range(ROWS + 1)],
    }
    ends = record_ends.get(name) or record_ends[name.partition(".")[2]]
    step = 17 if name == "rows.log" else 5
    for size in [*range(ends[-3], ends[-1], step), ends[-2], ends[-1] - 1]:
        restore(episode.path, {**files, name: files[name][:size]})
        expected = sum(end <= size for end in ends) - 1
        verdict = examine(episode.path)
        assert (verdict.kind, verdict.rows) == (Kind.SALVAGEABLE, expected)
        salvaged = salvage(episode.path)
        assert salvaged.length == expected
        check_arm(salvaged)
        assert salvaged.report.get("ended") == ("time" if saved else None)
        assert (episode.path / name).read_bytes() == files[name][:size]
        assert examine(episode.path).kind is Kind.COMPLETE


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_never_gives_wrong_rows_or_pictures(tmp_path: Path, name: str) -> None:
    """Either it is salvaged without the damaged row, or nothing can be had; never something else than was recorded."""
    episode = record(tmp_path, ROWS, save=False)
    files = snapshot(episode.path)
    whole = files[name]
    for position in range(0, len(whole), max(1, len(whole) // 20)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        assert bytes(damaged) != whole
        restore(episode.path, {**files, name: bytes(damaged)})
        verdict = examine(episode.path)
        assert verdict.rows < ROWS
        if verdict.kind is Kind.HOPELESS:
            assert verdict.rows == 0
            with pytest.raises(SpoolError, match="nothing can be salvaged"):
                salvage(episode.path)
        else:
            assert verdict.kind is Kind.SALVAGEABLE
            check_arm(salvage(episode.path))


@pytest.mark.parametrize("name", FILES)
def test_zeros_in_place_of_a_tail_count_as_torn(tmp_path: Path, name: str) -> None:
    """What a power cut leaves of data that the disk had no time for."""
    episode = record(tmp_path, ROWS, save=False)
    files = snapshot(episode.path)
    lost = tail_size(episode, name) // 2
    restore(episode.path, {**files, name: files[name][:-lost] + bytes(lost + 4096)})
    salvaged = salvage(episode.path)
    assert 0 < salvaged.length < ROWS
    check_arm(salvaged)


def test_pictures_without_rows_are_kept_and_counted(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    writer.camera(FRONT).append(packet(1), 1)
    writer.close()
    salvaged = salvage(writer.path)
    assert salvaged.length == 1
    assert len(salvaged.camera(FRONT)) == 2
    assert salvaged.report["salvaged"]["pictures"] == {FRONT: 2, WRIST: 1}


def test_salvage_tells_what_was_cut(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS, save=False)
    path = episode.path / "wrist.mjpeg"
    path.write_bytes(path.read_bytes()[:-1])
    told = salvage(episode.path).report["salvaged"]
    assert told["rows"] == ROWS - 1
    assert told["rows_cut"] == 1
    assert told["pictures_cut"] == {FRONT: 0, WRIST: 1}
    assert "without saving" in told["reason"]


def test_salvage_counts_numbers_that_are_not_finite(tmp_path: Path) -> None:
    features = {"x": Feature("float32", (2,)), "m": Feature("float16", (2, 2)), "s": Feature("float64", (1,))}
    writer = begin(tmp_path, features)
    for value in (0.0, np.nan, np.inf):
        values = {"x": np.zeros(2, np.float32), "m": np.full((2, 2), value, np.float16), "s": value}
        writer.append_row(values, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures={})
    writer.close()
    salvaged = salvage(writer.path)
    assert salvaged.saved is not None
    assert salvaged.saved.not_finite == {"m": 2, "s": 2} == writer.not_finite


def test_a_damaged_saved_json_costs_nothing(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS)
    (episode.path / "saved.json").write_bytes(b"\0" * 99)
    verdict = examine(episode.path)
    assert (verdict.kind, verdict.rows) == (Kind.SALVAGEABLE, ROWS)
    assert "saved.json" in verdict.reason
    check_arm(salvage(episode.path))


@pytest.mark.parametrize("header", [b"", b"{}", b"\0" * 50, None])
def test_without_its_header_an_episode_is_hopeless(tmp_path: Path, header: bytes | None) -> None:
    episode = record(tmp_path, ROWS)
    path = episode.path / "header.json"
    path.unlink() if header is None else path.write_bytes(header)
    verdict = examine(episode.path)
    assert verdict.kind is Kind.HOPELESS
    assert "header.json" in verdict.reason
    with pytest.raises(SpoolError, match=r"header\.json"):
        salvage(episode.path)


@pytest.mark.parametrize("name", FILES)
def test_without_one_of_its_files_an_episode_is_hopeless(tmp_path: Path, name: str) -> None:
    episode = record(tmp_path, ROWS)
    (episode.path / name).unlink()
    verdict = examine(episode.path)
    assert verdict.kind is Kind.HOPELESS
    with pytest.raises(SpoolError):
        salvage(episode.path)


def test_a_header_of_other_features_is_told(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS)
    path = episode.path / "header.json"
    document = json.loads(path.read_text())
    document["features"]["action"]["shape"] = [3]
    path.write_text(json.dumps(document))
    verdict = examine(episode.path)
    assert verdict.kind is Kind.HOPELESS
    assert "does not fit the header" in verdict.reason


def test_a_take_without_rows_is_hopeless(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    writer.camera(FRONT).append(packet(0), 0)
    writer.close()
    verdict = examine(writer.path)
    assert (verdict.kind, verdict.rows) == (Kind.HOPELESS, 0)
    assert "no complete row" in verdict.reason


def test_a_live_episode_is_left_alone(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        add_row(writer, 0)
        assert examine(writer.path).kind is Kind.LIVE
        with pytest.raises(DatasetLockedError, match="in use by recording"):
            salvage(writer.path)
    assert examine(writer.path).kind is Kind.SALVAGEABLE


def test_a_committed_episode_is_complete_whatever_is_left_of_it(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS)
    (episode.path / "committed.json").touch()
    (episode.path / "header.json").unlink()
    verdict = examine(episode.path)
    assert verdict.kind is Kind.COMPLETE
    assert "can be removed" in verdict.reason


def test_nothing_but_folders_is_salvaged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        assert examine(path).kind is Kind.HOPELESS
        with pytest.raises(SpoolError, match="the folder does not exist"):
            salvage(path)


def test_examining_all_covers_every_folder_and_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path, 1, sequence=0)
    record(tmp_path, 1, sequence=1, save=False)
    pending = Workspace(tmp_path).pending
    (pending / "episode-000002-empty").mkdir()
    with begin(tmp_path, sequence=3):
        size = tree_bytes(tmp_path)
        kinds = [verdict.kind for verdict in examine_all(tmp_path)]
        assert tree_bytes(tmp_path) == size
    assert kinds == [Kind.COMPLETE, Kind.SALVAGEABLE, Kind.HOPELESS, Kind.LIVE]


def test_a_copy_of_an_unsaved_episode_can_be_salvaged_elsewhere(tmp_path: Path) -> None:
    episode = record(tmp_path, ROWS, save=False)
    shutil.copytree(episode.path, tmp_path / "copy")
    check_arm(salvage(tmp_path / "copy"))
    assert PendingEpisode.open(episode.path).state is State.RECORDING
