"""One job: one camera of one pending episode."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.encoding.job import EncodeJob, RowPictures, Treatment, run_job
from lerotool.encoding.staged import load_result, mark_committed, result_path, video_path
from lerotool.errors import MediaError, SpoolError
from lerotool.execution import StoppedError
from lerotool.features import Feature, camera
from lerotool.media.depth import raw_depth_format
from lerotool.media.format import EncoderSettings
from lerotool.media.pictures import decode_image
from lerotool.moments import FeatureStats, PictureHistogram
from lerotool.spool.pending import PendingEpisode
from tests.encoding.recordings import FRONT, QUICK, mjpeg, numbers_of, packet, record


def job_for(episode: PendingEpisode, scratch: Path, settings: EncoderSettings = QUICK) -> EncodeJob:
    return EncodeJob(episode.path, FRONT, settings, 1, scratch / "progress", scratch / "stop")


def flip_byte_of_packet(episode: PendingEpisode, number: int) -> None:
    path = episode.path / episode.header.packets_file(FRONT)
    data = bytearray(path.read_bytes())
    place = data.find(packet(number)) + 200
    data[place] ^= 0xFF
    path.write_bytes(data)


@settings(max_examples=8)
@given(steps=st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_frame_i_is_the_picture_that_row_i_names(steps: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever rows repeat and skip: none shifted, none missing."""
    root = tmp_path_factory.mktemp("set")
    picks = np.cumsum(steps).tolist()
    episode = record(root, picks=picks, cameras=[FRONT])
    outcome = run_job(job_for(episode, root))
    assert numbers_of(video_path(episode, FRONT), 0, len(picks)) == picks
    assert outcome.frames == len(picks)
    assert outcome.decoded == len(set(picks))


@settings(max_examples=8)
@given(picks=st.lists(st.integers(0, 9), min_size=2, max_size=30))
def test_rows_may_go_back_to_earlier_pictures(picks: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("set")
    picks = [*picks, max(picks), min(picks)]
    episode = record(root, picks=picks, cameras=[FRONT])
    run_job(job_for(episode, root))
    assert numbers_of(video_path(episode, FRONT), 0, len(picks)) == picks


def test_a_video_with_fewer_frames_than_rows_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever may lose a picture, the promise is one frame for each row."""
    episode = record(tmp_path, cameras=[FRONT])
    whole = RowPictures.of_rows
    monkeypatch.setattr(RowPictures, "of_rows", lambda self, picked: whole(self, picked[:-1]))
    with pytest.raises(MediaError, match="expected one frame for each of 12 rows, found 11"):
        run_job(job_for(episode, tmp_path))
    assert load_result(episode, FRONT, QUICK) is None


def test_a_result_is_used_again_until_something_about_it_changes(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    assert load_result(episode, FRONT, QUICK) is None
    run_job(job_for(episode, tmp_path))
    assert load_result(episode, FRONT, QUICK) is not None
    assert load_result(episode, FRONT, EncoderSettings(vcodec="h264", crf=21, preset="ultrafast")) is None
    video = video_path(episode, FRONT)
    video.write_bytes(video.read_bytes()[:-1])
    assert load_result(episode, FRONT, QUICK) is None


def test_a_job_that_is_repeated_leaves_its_finished_result_alone(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    first = run_job(job_for(episode, tmp_path))
    made = {path: path.stat().st_ino for path in episode.encoded_dir.iterdir()}
    assert run_job(job_for(episode, tmp_path)) == first
    assert {path: path.stat().st_ino for path in episode.encoded_dir.iterdir()} == made


def test_a_job_that_is_repeated_does_not_bring_back_an_episode_that_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = record(tmp_path, cameras=[FRONT])

    def opened_before(folder: Path) -> PendingEpisode:
        shutil.rmtree(folder)
        return episode

    monkeypatch.setattr(PendingEpisode, "open", opened_before)
    with pytest.raises(FileNotFoundError):
        run_job(job_for(episode, tmp_path))
    assert not episode.path.exists()


def test_a_job_that_is_repeated_does_nothing_to_a_kept_episode(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    mark_committed(episode.path)
    with pytest.raises(SpoolError, match=f"{episode.path.name}, camera '{FRONT}': is part of the dataset already"):
        run_job(job_for(episode, tmp_path))
    assert not episode.encoded_dir.exists()


def test_a_result_file_that_is_no_json_is_no_result(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    run_job(job_for(episode, tmp_path))
    result_path(episode, FRONT).write_bytes(b"{")
    assert load_result(episode, FRONT, QUICK) is None


def test_a_damaged_packet_is_named_and_leaves_no_result(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    flip_byte_of_packet(episode, 7)
    with pytest.raises(SpoolError, match=rf"{episode.path.name}, camera '{FRONT}': packet 7: .*packet 7 is damaged"):
        run_job(job_for(episode, tmp_path))
    assert not any(episode.encoded_dir.iterdir())


def test_a_damaged_packet_that_no_row_names_does_no_harm(tmp_path: Path) -> None:
    episode = record(tmp_path, picks=[0, 1, 2, 5, 6], cameras=[FRONT])
    flip_byte_of_packet(episode, 4)
    assert run_job(job_for(episode, tmp_path)).frames == 5


def test_statistics_are_those_of_the_pictures_that_the_camera_sent(tmp_path: Path) -> None:
    episode = record(tmp_path, picks=[0, 1, 1, 3], cameras=[FRONT])
    run_job(job_for(episode, tmp_path))
    result = load_result(episode, FRONT, QUICK)
    assert result is not None
    expected = PictureHistogram()
    for number in (0, 1, 1, 3):
        expected.add(decode_image(packet(number)))
    found = FeatureStats.from_json(result.stats)
    np.testing.assert_array_equal(found.mean, expected.stats().mean)
    np.testing.assert_array_equal(found.std, expected.stats().std)
    assert found.count == 4


def test_the_stop_file_ends_a_job_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    (tmp_path / "stop").touch()
    with pytest.raises(StoppedError):
        run_job(job_for(episode, tmp_path))
    assert not any(episode.encoded_dir.iterdir())


def test_an_encoder_that_is_not_there_is_an_error_of_the_media(tmp_path: Path) -> None:
    episode = record(tmp_path, cameras=[FRONT])
    with pytest.raises(MediaError, match="no_such_codec"):
        run_job(job_for(episode, tmp_path, EncoderSettings(vcodec="no_such_codec")))


def test_depth_that_was_recorded_as_colour_is_refused(tmp_path: Path) -> None:
    depth = Feature("video", (64, 128, 1), None, {"info": {"is_depth_map": True}})
    with pytest.raises(SpoolError, match="pictures are yuvj422p, expected gray16le or grayf32le"):
        Treatment(depth, mjpeg())
    with pytest.raises(SpoolError, match="pictures are gray16le, expected colours"):
        Treatment(camera(64, 128), raw_depth_format(128, 64, 30, "mm"))
