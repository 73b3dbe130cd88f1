"""Pending episodes: written, saved, moved, listed, removed."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from lerotool.errors import IncompatibleDatasetError, SpoolError, TargetExistsError
from lerotool.features import ACTION, STATE, Feature
from lerotool.spool.pending import PendingEpisode, State, list_pending, next_sequence, pending_folders, remove_leftovers
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace
from tests.spool.episodes import FRONT, WRIST, add_row, begin, check_arm, header, packet, record


def test_a_saved_episode_holds_what_was_recorded(tmp_path: Path) -> None:
    episode = record(tmp_path, 7)
    assert episode.state is State.SAVED
    assert episode.length == 7
    assert episode.report == {"ended": "time"}
    assert not episode.is_live
    assert episode.file_bytes > sum(len(packet(number)) for number in range(7)) * 2
    check_arm(episode)
    check_arm(PendingEpisode.open(episode.path))


def test_saved_json_says_how_much_counts(tmp_path: Path) -> None:
    episode = record(tmp_path, 3)
    document = json.loads((episode.path / "saved.json").read_text())
    assert document["rows"] == 3
    assert document["packets"] == {FRONT: 3, WRIST: 3}
    sizes = {name: (episode.path / name).stat().st_size for name in document["bytes"]}
    assert document["bytes"] == sizes
    assert sorted(sizes) == ["front.index", "front.mjpeg", "rows.log", "wrist.index", "wrist.mjpeg"]


def test_what_the_files_hold_beyond_saved_json_does_not_count(tmp_path: Path) -> None:
    episode = record(tmp_path, 5)
    path = episode.path / "saved.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows": 4, "packets": {FRONT: 4, WRIST: 5}}))
    shorter = PendingEpisode.open(episode.path)
    check_arm(shorter)
    assert shorter.length == 4
    assert len(shorter.camera(FRONT)) == 4


def test_an_episode_can_be_moved(tmp_path: Path) -> None:
    """Nothing in the folder says where it was."""
    episode = record(tmp_path / "here", 4)
    for file in episode.path.rglob("*"):
        assert str(tmp_path).encode() not in file.read_bytes()
    moved = tmp_path / "there"
    shutil.move(episode.path, moved)
    check_arm(PendingEpisode.open(moved))


def test_rows_may_repeat_and_skip_pictures(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    for key in (FRONT, WRIST):
        for number in range(3):
            writer.camera(key).append(packet(number), number)
    for row, number in enumerate([0, 0, 2]):
        assert add_row(writer, row, {FRONT: number, WRIST: 1}) == row
    table = writer.save({}).rows()
    assert table[f"picture/{FRONT}"].to_pylist() == [0, 0, 2]


def test_a_row_names_only_pictures_that_exist(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        add_row(writer, 0)
        for number in (1, -1):
            with pytest.raises(SpoolError, match=f"row 1: picture {number} of camera .*wrist.* does not exist, 1 have"):
                add_row(writer, 1, {FRONT: 0, WRIST: number})
        assert writer.count == 1


def test_a_refused_row_leaves_no_trace(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    with pytest.raises(IncompatibleDatasetError, match="missing"):
        writer.append_row({}, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures={FRONT: 0, WRIST: 0})
    add_row(writer, 1)
    check_arm(writer.save({}))


def test_a_new_folder_is_taken_once(tmp_path: Path) -> None:
    top = header()
    with PendingWriter.create(tmp_path, top), pytest.raises(TargetExistsError, match="exists already"):
        PendingWriter.create(tmp_path, top)
    assert [path.name for path in tmp_path.iterdir()] == [f"episode-000000-{top.recording_id[:8]}"]


def test_an_episode_without_rows_is_not_saved(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        with pytest.raises(SpoolError, match="no rows"):
            writer.save({})
        add_row(writer, 0)
        check_arm(writer.save({}))


@pytest.mark.parametrize("report", [{"x": float("nan")}, {"x": object()}, {"x": "\udc80"}, {1: 2, "1": {3}}])
def test_a_report_that_is_no_json_does_not_close_the_episode(tmp_path: Path, report: dict[str, object]) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    with pytest.raises(SpoolError, match="report"):
        writer.save(report)
    assert PendingEpisode.open(writer.path).state is State.RECORDING
    add_row(writer, 1)
    episode = writer.save({"fine": None})
    check_arm(episode)
    assert not list(episode.path.glob("*.partial*"))


def test_saving_notices_a_file_that_was_cut_meanwhile(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        add_row(writer, 0)
        (writer.path / "front.mjpeg").write_bytes(b"")
        with pytest.raises(SpoolError, match="bytes were written, found 0"):
            writer.save({})


def test_after_saving_nothing_is_added_and_closing_is_harmless(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    episode = writer.save({})
    with pytest.raises(SpoolError, match="closed"):
        writer.camera(FRONT).append(b"late", 0)
    with pytest.raises(SpoolError, match="closed"):
        add_row(writer, 1, {FRONT: 0, WRIST: 0})
    writer.sync()
    writer.close()
    check_arm(episode)


def test_cameras_append_while_rows_are_written_and_synced(tmp_path: Path) -> None:
    """Three threads at once, as in a recording: no packet and no row is lost or mixed up."""
    writer = begin(tmp_path)
    stop = threading.Event()
    first = threading.Barrier(3)

    def capture(key: str) -> None:
        for number in range(400):
            writer.camera(key).append(packet(number), number)
            if number == 0:
                first.wait()

    def keep_syncing() -> None:
        while not stop.is_set():
            writer.sync()

    threads = [threading.Thread(target=capture, args=[key]) for key in (FRONT, WRIST)]
    syncing = threading.Thread(target=keep_syncing)
    for thread in [*threads, syncing]:
        thread.start()
    first.wait()
    chosen = []
    for row in range(100):
        chosen.append({key: writer.camera(key).newest[0] for key in (FRONT, WRIST)})
        add_row(writer, row, chosen[-1])
    for thread in threads:
        thread.join()
    episode = writer.save({})
    stop.set()
    syncing.join()
    table = episode.rows()
    for key in (FRONT, WRIST):
        assert table[f"picture/{key}"].to_pylist() == [pictures[key] for pictures in chosen]
        with episode.camera(key) as reader:
            assert [reader.packet(number) for number in range(len(reader))] == [packet(n) for n in range(400)]


def test_numbers_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    writer = begin(tmp_path, {"x": Feature("float32", (2,)), "y": Feature("float32", (1,))})
    for value in (0.0, np.nan, np.inf):
        values = {"x": np.array([1, value], np.float32), "y": 1.0}
        writer.append_row(values, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures={})
    assert writer.not_finite == {"x": 2}
    episode = writer.save({})
    assert episode.saved is not None
    assert episode.saved.not_finite == {"x": 2}


def test_states_are_told_by_files_alone(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    live = PendingEpisode.open(writer.path)
    assert (live.state, live.is_live, live.length) == (State.RECORDING, True, 1)
    episode = writer.save({})
    assert (episode.state, episode.is_live) == (State.SAVED, False)
    episode.encoded_dir.mkdir()
    (episode.encoded_dir / "front.mp4").touch()
    assert episode.state is State.SAVED
    (episode.encoded_dir / "front.json").touch()
    assert episode.state is State.ENCODING
    (episode.path / "committed.json").touch()
    assert PendingEpisode.open(episode.path).state is State.COMMITTED


def test_an_unknown_camera_lists_the_known_ones(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        with pytest.raises(SpoolError, match=r"no camera 'top'; it has .*front.*wrist"):
            writer.camera("top")
        add_row(writer, 0)
        with pytest.raises(SpoolError, match="no camera 'top'"):
            writer.save({}).camera("top")


def test_discarding_removes_the_folder(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    add_row(writer, 0)
    writer.discard()
    episode = record(tmp_path, 1)
    episode.discard()
    assert list(Workspace(tmp_path).pending.iterdir()) == []


def test_a_live_episode_is_not_discarded_by_others(tmp_path: Path) -> None:
    with begin(tmp_path) as writer:
        with pytest.raises(SpoolError, match="in use by recording"):
            PendingEpisode.open(writer.path).discard()
        assert writer.path.is_dir()


def test_listing_is_in_order_and_passes_over_what_cannot_be_opened(tmp_path: Path) -> None:
    for sequence in (2, 10, 1):
        record(tmp_path, 1, sequence=sequence)
    pending = Workspace(tmp_path).pending
    (pending / "episode-000003-00000000").mkdir()
    (pending / "notes.txt").touch()
    (pending / ".discarded-episode-000004-00000000-aa").mkdir()
    assert [episode.header.sequence for episode in list_pending(tmp_path)] == [1, 2, 10]
    assert len(pending_folders(tmp_path)) == 4


def test_the_next_sequence_is_after_everything(tmp_path: Path) -> None:
    """Also after folders that cannot be opened, whose rows may yet be had."""
    assert next_sequence(tmp_path, 0) == 0
    assert next_sequence(tmp_path, 5) == 5
    record(tmp_path, 1, sequence=7)
    assert next_sequence(tmp_path, 5) == 8
    assert next_sequence(tmp_path, 20) == 20
    (Workspace(tmp_path).pending / "episode-000030-broken").mkdir()
    assert next_sequence(tmp_path, 20) == 31


def test_leftovers_go_and_episodes_stay(tmp_path: Path) -> None:
    remove_leftovers(tmp_path)
    kept = record(tmp_path, 1)
    pending = Workspace(tmp_path).pending
    for name in (".discarded-episode-1-aa", ".creating-episode-000001-aa"):
        (pending / name).mkdir()
        (pending / name / "header.json").touch()
    remove_leftovers(tmp_path)
    assert list(pending.iterdir()) == [kept.path]
    check_arm(kept)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"rows": 1}', '{"schema": 1, "rows": 0, "packets": {}, "saved_at": ""}', "\0\0\0"]
)
def test_a_saved_json_that_cannot_be_understood_is_told(tmp_path: Path, content: str) -> None:
    episode = record(tmp_path, 1)
    (episode.path / "saved.json").write_text(content)
    with pytest.raises(SpoolError, match=r"saved\.json"):
        PendingEpisode.open(episode.path)


def test_a_saved_json_of_other_cameras_is_told(tmp_path: Path) -> None:
    episode = record(tmp_path, 1)
    path = episode.path / "saved.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "packets": {"top": 1}}))
    with pytest.raises(SpoolError, match=r"cameras .*top"):
        PendingEpisode.open(episode.path)


def test_a_row_whose_picture_is_not_counted_is_told(tmp_path: Path) -> None:
    episode = record(tmp_path, 3)
    path = episode.path / "saved.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "packets": {FRONT: 3, WRIST: 2}}))
    with pytest.raises(SpoolError, match=r"row 2: picture 2 of camera .*wrist.* does not exist, there are 2"):
        PendingEpisode.open(episode.path).rows()


def test_an_episode_needs_no_cameras(tmp_path: Path) -> None:
    writer = begin(tmp_path, {ACTION: Feature("float32", (2,)), STATE: Feature("float32", (2,))})
    for number in range(3):
        add_row(writer, number)
    check_arm(writer.save({}))
