"""Where the episode table says that pictures are, compared with the video files that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lerotool.checking.data import TOLERANCE_S
from lerotool.checking.report import Gathering
from lerotool.checking.table import CameraColumns, EpisodeTable, Ints
from lerotool.checking.videos import VideoFacts, VideoJob
from lerotool.dataset.documents import MOST
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.errors import DatasetError
from lerotool.features import Feature, cameras
from lerotool.findings import Code
from lerotool.media.video_codecs import BY_TAG
from lerotool.wording import listed, of_episodes, shell_word

_BLOCKS = ("info", "video_info")
_SHAPE = ("height", "width", "channels")
_CHANNELS = (1, 3, 4)
_REPACK = "nothing reads them; free the space that they take: lerotool edit repack DATASET"
_CODECS = {tag: codec.name for tag, codec in BY_TAG.items()}


def video_jobs(
    info: DatasetInfo, layout: Layout, table: EpisodeTable, lengths: Ints | None, gathering: Gathering
) -> tuple[list[VideoJob], list[Path]]:
    """Return the video files to look at, and those that belong to no episode.

    `lengths`: of the episodes, as the rows have them; None where that is unknown.
    """
    if lengths is not None and np.array_equal(table.numbers, np.arange(len(lengths))):
        table = replace(table, lengths=lengths)
    jobs: list[VideoJob] = []
    for camera in cameras(info.features):
        columns = _columns(info, table, camera)
        if columns is None:
            if not gathering.has(Code.VIDEO_POINTER, Code.EPISODES_VALUES) and len(table):
                gathering.add(Code.VIDEO_POINTER, "meta/episodes", "nothing tells where the videos are", column=camera)
            continue
        jobs += _jobs(info, layout, table, camera, columns, gathering)
    used = {job.path for job in jobs}
    there = sorted(path for path in (gathering.root / "videos").glob("**/*.mp4") if path.is_file())
    return jobs, [path for path in there if path not in used and not path.name.startswith(".")]


def _columns(info: DatasetInfo, table: EpisodeTable, camera: str) -> CameraColumns | None:
    if not info.codebase_version.has_files_of_episodes:
        return table.videos.get(camera)
    zeros = np.zeros(len(table))
    return CameraColumns(table.numbers // info.chunks_size, table.numbers, zeros, table.lengths / info.fps)


def _jobs(
    info: DatasetInfo, layout: Layout, table: EpisodeTable, camera: str, columns: CameraColumns, gathering: Gathering
) -> list[VideoJob]:
    frames = columns.start * info.fps
    with np.errstate(invalid="ignore"):
        is_time = (frames >= 0) & (frames < MOST)
    bad = np.flatnonzero(~is_time)
    if len(bad):
        row = int(bad[0])
        name = f"videos/{camera}/from_timestamp"
        text = f"it is {columns.start[row]}, expected seconds from the start of the video"
        episodes = table.numbers[bad].tolist()
        gathering.add(
            Code.EPISODES_VALUES, table.places[row], text, episodes=episodes, row=table.rows[row], column=name
        )
    _check_stops(info, table, camera, columns, is_time, gathering)
    jobs: list[VideoJob] = []
    numbers = np.stack([columns.chunk, columns.file], axis=1)
    files, which = np.unique(numbers, axis=0, return_inverse=True)
    for place, (chunk, file) in enumerate(files.tolist()):
        try:
            path = layout.video_path(camera, chunk, file)
        except DatasetError as error:
            gathering.add_error(Code.LINK_OUTSIDE, f"videos of {camera}", error)
            continue
        rows = np.flatnonzero((which.ravel() == place) & is_time)
        rows = rows[
            np.sort(np.unique(table.numbers[rows], return_index=True)[1])
        ]  # an episode that is there twice, once
        jobs.append(VideoJob(path, camera, info.fps, table.numbers[rows], columns.start[rows], table.lengths[rows]))
    return jobs


def _check_stops(
    info: DatasetInfo,
    table: EpisodeTable,
    camera: str,
    columns: CameraColumns,
    is_time: np.ndarray,
    gathering: Gathering,
) -> None:
    """Compare to_timestamp with where the episode ends."""
    if f"videos/{camera}/to_timestamp" not in table.columns:
        return
    expected = columns.start + table.lengths / info.fps
    wrong = np.flatnonzero(is_time & ~(np.abs(columns.stop - expected) < TOLERANCE_S))
    if len(wrong):
        row = int(wrong[0])
        text = f"{columns.stop[row]:.6g} s, expected {expected[row]:.6g} s"
        name = f"videos/{camera}/to_timestamp"
        episodes = table.numbers[wrong].tolist()
        gathering.add(Code.VIDEO_STOP, table.places[row], text, episodes=episodes, row=table.rows[row], column=name)


def check_videos(info: DatasetInfo, facts: Sequence[VideoFacts], unused: Sequence[Path], gathering: Gathering) -> None:
    """Note what is wrong with the video files."""
    missing: dict[str, list[VideoFacts]] = {}
    for fact in facts:
        for problem in fact.problems:
            if problem.code is Code.VIDEO_MISSING:
                missing.setdefault(fact.camera, []).append(fact)
                continue
            # Files that hold one episode stay as they are when they are repacked.
            is_freed = problem.code is Code.VIDEO_UNUSED and not info.codebase_version.has_files_of_episodes
            gathering.add(
                problem.code,
                fact.path,
                problem.text,
                episodes=problem.episodes,
                column=fact.camera,
                advice=_REPACK if is_freed else "",
            )
    absent = [camera for camera, gone in missing.items() if len(gone) == sum(fact.camera == camera for fact in facts)]
    for camera, gone in missing.items():
        episodes = sorted(number for fact in gone for number in fact.problems[0].episodes)
        text = f"{len(gone)} files are missing" if len(gone) > 1 else "the file is missing"
        text += f"; it has {of_episodes(episodes)}" if episodes else ""
        advice = ""
        if camera in absent:
            advice = f"restore the files from a copy, or leave the camera out: {without(absent)}"
        gathering.add(Code.VIDEO_MISSING, gone[0].path, text, episodes=episodes, column=camera, advice=advice)
    for camera in dict.fromkeys(fact.camera for fact in facts):
        streams = [fact for fact in facts if fact.camera == camera and fact.stream is not None]
        _check_description(camera, info.features[camera], streams, gathering)
    if unused and not gathering.has(Code.VIDEO_POINTER, Code.EPISODES_ORDER, Code.EPISODES_VALUES):
        text = f"{len(unused)} files belong to no episode" if len(unused) > 1 else "the file belongs to no episode"
        gathering.add(Code.VIDEO_UNUSED, unused[0], text)


def without(names: Sequence[str]) -> str:
    """Return the command that makes a dataset without some cameras."""
    options = " ".join(f"--drop {shell_word(name)}" for name in names)
    return f"lerotool merge DATASET -o TARGET {options}"


def _check_description(camera: str, feature: Feature, streams: Sequence[VideoFacts], gathering: Gathering) -> None:
    """Compare the size and codec of a camera's videos with ``info.json``."""
    sizes = _sizes(streams)
    wrong = _wrong(feature, streams)
    advice = ""
    if len(sizes) > 1:
        wrong.append(f"pictures have {len(sizes)} sizes: {listed([f'{w}x{h}' for h, w in sorted(sizes)])}")
        advice = "make them one: lerotool merge DATASET -o TARGET --reencode"
    if wrong:
        gathering.add(Code.VIDEO_INFO, INFO.as_posix(), "; ".join(wrong), column=camera, advice=advice)


def _sizes(streams: Sequence[VideoFacts]) -> set[tuple[int, int]]:
    """Return height and width of a camera's videos."""
    return {(fact.stream[2], fact.stream[1]) for fact in streams if fact.stream is not None}


def _codecs(streams: Sequence[VideoFacts]) -> set[str]:
    return {_CODECS.get(fact.stream[0], fact.stream[0]) for fact in streams if fact.stream is not None}


def _wrong(feature: Feature, streams: Sequence[VideoFacts]) -> list[str]:
    """Return what ``info.json`` says of a camera that its videos are not."""
    sizes, codecs = _sizes(streams), _codecs(streams)
    if not sizes:
        return []
    wrong = []
    height, width = min(sizes)
    if len(feature.shape) == len(_SHAPE) and not any({h, w} <= set(feature.shape) for h, w in sizes):
        wrong.append(f"the pictures are {width}x{height}, declared is the shape {list(feature.shape)}")
    for key in _BLOCKS:
        block = feature.extra.get(key)
        if not isinstance(block, dict):
            continue
        stated = block.get("video.codec")
        if isinstance(stated, str) and stated not in codecs and codecs & set(_CODECS.values()):
            wrong.append(f"the codec is {listed(sorted(codecs))}, declared in {key!r} is {stated}")
        for name, found in (("video.height", {h for h, _ in sizes}), ("video.width", {w for _, w in sizes})):
            if isinstance(block.get(name), int) and block[name] not in found:
                wrong.append(f"{name} is {block[name]}, the videos have {listed(sorted(found))}")
    return wrong


def described(feature: Feature, facts: Sequence[VideoFacts]) -> Feature:
    """Return a camera's feature with the size and codec of its videos, if all are alike; else as it is."""
    sizes, codecs = _sizes(facts), _codecs(facts)
    if len(sizes) != 1 or len(codecs) != 1 or not _wrong(feature, facts):
        return feature
    height, width = next(iter(sizes))
    codec = next(iter(codecs))
    shape, extra = feature.shape, dict(feature.extra)
    if len(shape) == len(_SHAPE) and not {height, width} <= set(shape):
        is_first = shape[0] in _CHANNELS and shape[2] not in _CHANNELS
        shape = (shape[0], height, width) if is_first else (height, width, shape[2])
    true = {"video.codec": codec, "video.height": height, "video.width": width}
    for key in _BLOCKS:
        if isinstance(block := extra.get(key), dict):
            extra[key] = {name: true.get(name, value) for name, value in block.items()}
    return replace(feature, shape=shape, extra=extra)
