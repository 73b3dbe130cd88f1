"""From sources and what becomes of their columns to a rewriting: tasks, data files and videos get their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.choices import FileMode
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.errors import DatasetError, MediaError
from lerotool.features import Feature, cameras, picture_size
from lerotool.media.counting import uneven_notes
from lerotool.media.encode import probe_encoder
from lerotool.media.format import EncoderSettings
from lerotool.media.video_codecs import SVT_AV1, check_size, setting_of
from lerotool.rewriting.data_part import ColumnRule
from lerotool.rewriting.rewriting import Contribution, DataFile, TargetFormat
from lerotool.rewriting.source import Source
from lerotool.rewriting.video_placement import Rules, place_camera
from lerotool.rewriting.video_plan import CameraPlan, Resampling
from lerotool.rewriting.video_probe import Streams, survey_videos

Ints = npt.NDArray[np.int64]
MB = 1024**2
MOST_EPISODES = 1000
"""Episodes of a data file: each is a row group, whose description takes 6 kB of every reader's memory."""


@dataclass(frozen=True, slots=True)
class VideoChoices:
    """What becomes of videos: of whole files, and of those that do not fit the first source's."""

    files: FileMode = FileMode.PACK
    reencode: bool = False


def number_tasks(sources: Sequence[Source]) -> tuple[tuple[str, ...], list[Ints], list[str]]:
    """Number the tasks by first appearance: sources in order, the tasks of each in the order of its own numbers."""
    texts: dict[str, int] = {}
    numbers: list[Ints] = []
    damage: list[str] = []
    for source in sources:
        own = np.full(len(source.dataset.tasks), -1, np.int64)
        try:
            used = range(len(own)) if source.is_whole else used_tasks(source)
        except DatasetError as error:
            damage.append(str(error))
            used = range(0)
        for task in used:
            if task >= len(own):
                damage.append(f"{source.label}: a row has task {task}, but there are only {len(own)} tasks")
                break
            own[task] = texts.setdefault(source.dataset.tasks[task], len(texts))
        if not len(own):
            damage.append(f"{source.label}: no tasks were found")
        numbers.append(own)
    return tuple(texts), numbers, damage


def used_tasks(source: Source) -> list[int]:
    """Return the numbers of the tasks that rows of a source have."""
    used: set[int] = set()
    for a, b in source.stretches(0, len(source.episodes)):
        first = int(source.first_rows(a, b)[0])
        stop = first + int(source.lengths[a:b].sum())
        used |= set(np.unique(source.dataset.numpy("task_index", first, stop)).tolist())
    return sorted(used)


def place_cameras(
    sources: Sequence[Source],
    features: Mapping[str, Feature],
    filled: Mapping[str, tuple[int, ...]],
    fps: float,
    target: TargetFormat,
    choices: VideoChoices,
) -> tuple[dict[str, CameraPlan], list[str], list[str]]:
    """Look at the videos of all sources; return those of the target, what is wrong, and what a user should know.

    `filled`: cameras that get black pictures, and the numbers of the sources that lack them.
    """
    streams, plans, damage = Streams(), {}, []
    notes: list[str] = []
    for name in cameras(features):
        shots = {}
        is_sound = True
        for source in sources:
            if name in source.features:
                found, problems = survey_videos(source, name, streams)
                damage += problems
                is_sound = is_sound and found is not None and not problems
                if found is not None:
                    shots[source.place] = found
                    place = f"{source.label}, camera {source.originals[name]!r}"
                    notes += uneven_notes(place, [(file.path, file.fit) for file in found.files])
            elif source.place not in filled.get(name, ()):
                is_sound = False  # an open difference
        if not is_sound:
            continue
        rules = _rules(features[name], fps, target, choices)
        plans[name], problems = place_camera(name, sources, shots, rules)
        damage += problems
        if plans[name].clips:
            damage += _encoder_problems(name, rules)
    return plans, damage, notes


def _encoder_problems(name: str, rules: Rules) -> list[str]:
    """Return why clips of a camera cannot be encoded here."""
    try:
        check_size(rules.settings, rules.width, rules.height)
        probe_encoder(rules.settings)
    except MediaError as error:
        return [f"camera {name!r}: {error}" + (f" ({error.hint})" if error.hint else "")]
    return []


def _rules(feature: Feature, fps: float, target: TargetFormat, choices: VideoChoices) -> Rules:
    height, width, _ = picture_size(feature)
    return Rules(
        target.version,
        choices.files,
        target.sizes.video_files_size_in_mb * MB,
        target.sizes.chunks_size,
        fps,
        choices.reencode,
        clip_settings(feature.info),
        int(feature.info.get("video.height") or height),
        int(feature.info.get("video.width") or width),
    )


def clip_settings(info: Mapping[str, Any]) -> EncoderSettings:
    """Return the encoder settings that a camera's ``info`` block tells of; what it does not tell is the default."""
    codec = str(info.get("video.codec") or "av1")
    pix_fmt = str(info.get("video.pix_fmt") or "yuv420p")
    settings = EncoderSettings(vcodec=setting_of(codec), pix_fmt=pix_fmt)
    if pix_fmt == "gray12le":
        return EncoderSettings("hevc", pix_fmt, 2, None, None, 0, {"x265-params": "lossless=1"})
    given = {key: info[f"video.{key}"] for key in ("g", "crf", "preset") if info.get(f"video.{key}") is not None}
    preset = given.get("preset", settings.preset if settings.vcodec == SVT_AV1 else None)
    return EncoderSettings(settings.vcodec, pix_fmt, given.get("g", settings.g), given.get("crf", settings.crf), preset)


def contribute(
    sources: Sequence[Source],
    rules: Sequence[Mapping[str, ColumnRule]],
    tasks: Sequence[Ints],
    fps: float,
    target: TargetFormat,
    *,
    retime: bool = False,
) -> tuple[tuple[Contribution, ...], tuple[DataFile, ...], list[str]]:
    """Number episodes and rows, and put them into data files; return what each source brings, the files, what is wrong.

    `rules`, `tasks`: of each source, how the target's columns are made of its own, and the numbers of its tasks there.
    """
    contributions: list[Contribution] = []
    damage: list[str] = []
    sizes: list[npt.NDArray[np.float64]] = []
    prints: dict[Path, str] = {}
    episode = index = 0
    for source, own_rules, numbers in zip(sources, rules, tasks, strict=True):
        rate = source.dataset.fps
        resampling = None if rate == fps else Resampling(rate, fps)
        lengths = source.lengths if resampling is None else resampling.lengths(source.lengths)
        if not (source.lengths > 0).all():
            empty = source.episodes[source.lengths == 0].tolist()
            damage.append(f"{source.label}: episode {empty[0]} has no rows")
        try:
            own = _episode_bytes(source)
        except (DatasetError, OSError) as error:
            damage.append(str(error))
            own = np.zeros(len(lengths))
        sizes.append(own * lengths / np.maximum(source.lengths, 1))
        if source.dataset.root not in prints:
            prints[source.dataset.root] = source.dataset.fingerprint()
        contributions.append(
            Contribution(
                source,
                episode,
                index,
                lengths,
                own_rules,
                numbers,
                resampling,
                retime,
                int(own.sum()),
                prints[source.dataset.root],
            )
        )
        episode += len(lengths)
        index += int(lengths.sum())
    return tuple(contributions), _place_data(np.concatenate([np.empty(0), *sizes]), target), damage


def _episode_bytes(source: Source) -> npt.NDArray[np.float64]:
    """Return about how many bytes of data files each chosen episode takes: by its share of the rows of its file."""
    files = source.dataset.data_files
    starts = source.dataset.episodes.starts
    # An episode without rows at the end begins where the last file ends.
    numbers = np.searchsorted(files.starts[:-1], starts[source.episodes], side="right") - 1
    per_row: dict[int, float] = {}
    missing: list[Path] = []
    for number in np.unique(numbers).tolist():
        path = files.path(number)
        try:
            per_row[number] = path.stat().st_size / max(1, int(files.starts[number + 1] - files.starts[number]))
        except FileNotFoundError:
            missing.append(path)
    if missing:
        raise DatasetError(f"{source.label}: {len(missing)} data files are missing, the first is {missing[0]}")
    return np.array([per_row[number] for number in numbers.tolist()]) * source.lengths


def _place_data(sizes: npt.NDArray[np.float64], target: TargetFormat) -> tuple[DataFile, ...]:
    if target.version.has_files_of_episodes:
        return tuple(
            DataFile(FileNumber(episode // target.sizes.chunks_size, episode), episode, episode + 1, int(size))
            for episode, size in enumerate(sizes.tolist())
        )
    limit = target.sizes.data_files_size_in_mb * MB
    edges, total = [0], 0.0
    for episode, size in enumerate(sizes.tolist()):
        is_full = total + size >= limit or episode - edges[-1] >= MOST_EPISODES
        if is_full and episode > edges[-1]:
            edges.append(episode)
            total = 0.0
        total += size
    edges.append(len(sizes))
    numbers = numbers_after(None, len(edges) - 1, target.sizes.chunks_size)
    summed = np.concatenate([[0], np.cumsum(sizes)])
    return tuple(
        DataFile(number, first, stop, int(summed[stop] - summed[first]))
        for number, first, stop in zip(numbers, edges[:-1], edges[1:], strict=True)
    )
