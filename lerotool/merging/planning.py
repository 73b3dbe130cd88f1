"""Makes the plan: opens the sources, compares them, looks at their videos, and decides what goes where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.info import FormatVersion
from lerotool.dataset.writing.build import check_free
from lerotool.dataset.writing.measures import picture_size
from lerotool.dataset.writing.numbering import FileNumber, numbers_after
from lerotool.errors import DatasetError, TargetExistsError, UsageError
from lerotool.features import DEFAULT_FEATURES, Kind, cameras, columns
from lerotool.media.format import EncoderSettings
from lerotool.merging.data_part import ColumnRule
from lerotool.merging.differences import Difference, Verdict, listed
from lerotool.merging.episode_columns import settle_episode_columns
from lerotool.merging.notes import source_notes
from lerotool.merging.options import MergeOptions, MergeRequest
from lerotool.merging.plan import Contribution, DataFile, Plan
from lerotool.merging.settle import Schema, settle_features, settle_fps, settle_robot
from lerotool.merging.sources import Source, fingerprint, open_sources, unused_names
from lerotool.merging.units import Factors, settle_units
from lerotool.merging.video_placement import Rules, place_camera
from lerotool.merging.video_survey import Streams, survey_videos
from lerotool.merging.videos import CameraPlan, Resampling

Ints = npt.NDArray[np.int64]
MB = 1024**2
MOST_EPISODES = 5000
"""Episodes of a data file: each is a row group, and a footer of very many of them fills the memory."""
_KNOWN_KEYS = ("total_videos", "total_chunks", "total_episodes", "total_frames", "total_tasks")


def make_plan(request: MergeRequest) -> Plan:
    """Plan a merge; nothing is written, and no source is changed.

    What is not settled and what is damaged is in the plan; `Plan.check` raises it.

    Raises:
        UsageError: there is nothing to merge, or options do not go together.
        DatasetError: the only source cannot be read.
    """
    options = request.options
    _check_options(options)
    sources, damage = open_sources(request.sources, options)
    problems = unused_names(sources, options) if not damage else []
    obstacle = _obstacle(request.target, [argument.root for argument in request.sources])
    if not sources:
        return _empty_plan(request, damage, obstacle)
    schema = settle_features(sources, options)
    fps, fps_differences = settle_fps(sources, options)
    robot_type, robot_differences = settle_robot(sources, options)
    factors, unit_differences, unit_problems = settle_units(sources, options)
    columns_of, column_differences = settle_episode_columns(sources, options)
    info_keys, key_differences = _info_keys(sources)
    differences = [*fps_differences, *robot_differences, *unit_differences, *schema.differences]
    differences += [*column_differences, *key_differences, *_version_differences(schema, options)]
    tasks, numbers, task_damage = _settle_tasks(sources)
    damage += [*problems, *unit_problems, *task_damage]
    camera_plans, video_damage = _plan_cameras(sources, schema, fps, options)
    damage += video_damage
    contributions, data, data_damage = _contributions(sources, schema, fps, factors, numbers, options)
    return Plan(
        request.target,
        options,
        contributions,
        fps,
        robot_type,
        schema.features,
        schema.filled,
        tasks,
        data,
        camera_plans,
        columns_of,
        info_keys,
        tuple(differences),
        tuple(dict.fromkeys([*damage, *data_damage])),
        obstacle,
        tuple(source_notes(sources, schema.features, options)),
    )


def _check_options(options: MergeOptions) -> None:
    if options.version is FormatVersion.V20:
        raise UsageError("v2.0 cannot be written", hint="--to v3.0 or --to v2.1")
    if options.fps is not None and not 0 < options.fps <= 1000:
        raise UsageError(f"--fps {options.fps:g}: expected a rate above 0 and up to 1000")


def _empty_plan(request: MergeRequest, damage: Sequence[str], obstacle: TargetExistsError | None) -> Plan:
    return Plan(
        request.target, request.options, (), 0, None, {}, {}, (), (), {}, {}, {}, (), tuple(damage), obstacle, ()
    )


def _obstacle(target: Path, roots: Sequence[Path]) -> TargetExistsError | None:
    real = target.resolve()
    for root in roots:
        if real == root.resolve():
            return TargetExistsError(f"{str(target)!r} is a source and the target", hint="choose another target")
        if real.is_relative_to(root.resolve()):
            return TargetExistsError(
                f"{str(target)!r} lies inside the source {str(root)!r}", hint="choose another target"
            )
    try:
        check_free(target)
    except TargetExistsError as error:
        return error
    return None


def _settle_tasks(sources: Sequence[Source]) -> tuple[tuple[str, ...], list[Ints], list[str]]:
    """Number the tasks by first appearance: sources in order, the tasks of each in the order of its own numbers."""
    texts: dict[str, int] = {}
    numbers: list[Ints] = []
    damage: list[str] = []
    for source in sources:
        own = np.full(len(source.dataset.tasks), -1, np.int64)
        try:
            used = range(len(own)) if source.is_whole else _used_tasks(source)
        except DatasetError as error:
            damage.append(str(error))
            used = range(0)
        for task in used:
            if task >= len(own):
                damage.append(f"{source.label}: a row has task {task}, but there are only {len(own)} tasks")
                break
            own[task] = texts.setdefault(source.dataset.tasks[task], len(texts))
        if not len(own):
            damage.append(f"{source.label}: there are no tasks")
        numbers.append(own)
    return tuple(texts), numbers, damage


def _used_tasks(source: Source) -> list[int]:
    used: set[int] = set()
    starts = source.dataset.episodes.starts
    for first, stop in source.runs():
        used |= set(np.unique(source.dataset.numpy("task_index", int(starts[first]), int(starts[stop]))).tolist())
    return sorted(used)


def _info_keys(sources: Sequence[Source]) -> tuple[dict[str, Any], list[Difference]]:
    """Return the unknown keys of ``info.json`` that all sources that have them agree on."""
    kept: dict[str, Any] = {}
    left_out = []
    known = [dict(source.dataset.info.model_extra or {}) for source in sources]
    for key in dict.fromkeys(key for keys in known for key in keys if key not in _KNOWN_KEYS):
        values = [keys[key] for keys in known if key in keys]
        if all(value == values[0] for value in values):
            kept[key] = values[0]
        else:
            left_out.append(key)
    if not left_out:
        return kept, []
    found = f"the sources disagree on {listed(left_out)}"
    return kept, [Difference("keys of info.json", found, Verdict.WARNING, "left out")]


def _version_differences(schema: Schema, options: MergeOptions) -> list[Difference]:
    """Return what the target's format cannot hold."""
    if options.version is not FormatVersion.V21:
        return []
    return [
        Difference(f"feature {name!r}", "v2.1 has no language columns", Verdict.OPEN, flags=(f"--drop {name}",))
        for name, feature in schema.features.items()
        if feature.kind is Kind.LANGUAGE
    ]


def _plan_cameras(
    sources: Sequence[Source], schema: Schema, fps: float, options: MergeOptions
) -> tuple[dict[str, CameraPlan], list[str]]:
    streams, plans, damage = Streams(), {}, []
    for name in cameras(schema.features):
        shots = {}
        is_sound = True
        for source in sources:
            if name in source.features:
                found, problems = survey_videos(source, name, streams)
                damage += problems
                is_sound = is_sound and found is not None
                if found is not None:
                    shots[source.place] = found
            elif source.place not in schema.filled.get(name, ()):
                is_sound = False  # an open difference
        if not is_sound:
            continue
        plans[name], problems = place_camera(name, sources, shots, _rules(name, schema, fps, options))
        damage += problems
    return plans, damage


def _rules(name: str, schema: Schema, fps: float, options: MergeOptions) -> Rules:
    feature = schema.features[name]
    height, width, _ = picture_size(feature)
    return Rules(
        options.version,
        options.files,
        options.video_files_size_in_mb * MB,
        options.chunks_size,
        fps,
        options.reencode,
        clip_settings(feature.info),
        int(feature.info.get("video.height") or height),
        int(feature.info.get("video.width") or width),
    )


def clip_settings(info: Mapping[str, Any]) -> EncoderSettings:
    """Return the encoder settings that a camera's ``info`` block tells of; what it does not tell is the default."""
    codec = str(info.get("video.codec") or "av1")
    pix_fmt = str(info.get("video.pix_fmt") or "yuv420p")
    settings = EncoderSettings(vcodec="libsvtav1" if codec == "av1" else codec, pix_fmt=pix_fmt)
    if pix_fmt == "gray12le":
        return EncoderSettings("hevc", pix_fmt, 2, None, None, 0, {"x265-params": "lossless=1"})
    given = {key: info[f"video.{key}"] for key in ("g", "crf", "preset") if info.get(f"video.{key}") is not None}
    preset = given.get("preset", settings.preset if codec == "av1" else None)
    return EncoderSettings(settings.vcodec, pix_fmt, given.get("g", settings.g), given.get("crf", settings.crf), preset)


def _contributions(
    sources: Sequence[Source],
    schema: Schema,
    fps: float,
    factors: Factors,
    tasks: Sequence[Ints],
    options: MergeOptions,
) -> tuple[tuple[Contribution, ...], tuple[DataFile, ...], list[str]]:
    contributions: list[Contribution] = []
    damage: list[str] = []
    sizes: list[npt.NDArray[np.float64]] = []
    episode = index = 0
    for source, numbers in zip(sources, tasks, strict=True):
        rate = source.dataset.fps
        resampling = None if rate == fps else Resampling(rate, fps)
        lengths = source.lengths
        if resampling is not None:
            lengths = np.array([resampling.length(n) for n in lengths.tolist()], np.int64)
        if not (source.lengths > 0).all():
            empty = source.episodes[source.lengths == 0].tolist()
            damage.append(f"{source.label}: episode {empty[0]} has no rows")
        try:
            own = _episode_bytes(source)
        except (DatasetError, OSError) as error:
            damage.append(str(error))
            own = np.zeros(len(lengths))
        sizes.append(own * lengths / np.maximum(source.lengths, 1))
        rules = _column_rules(source, schema, factors)
        print_ = fingerprint(source.dataset.root)
        contributions.append(
            Contribution(source, episode, index, lengths, rules, numbers, resampling, int(own.sum()), print_)
        )
        episode += len(lengths)
        index += int(lengths.sum())
    all_sizes = np.concatenate([np.empty(0), *sizes])
    return tuple(contributions), _place_data(all_sizes, options), damage


def _column_rules(source: Source, schema: Schema, factors: Factors) -> dict[str, ColumnRule]:
    rules = {}
    for name in columns(schema.features):
        if name in DEFAULT_FEATURES or name not in source.features:
            continue
        places = schema.alignments.get(name, {}).get(source.place)
        is_moved = places is not None and places != tuple(range(schema.features[name].shape[0]))
        rules[name] = ColumnRule(
            source.originals[name], places if is_moved else None, factors.get((source.place, name))
        )
    return rules


def _episode_bytes(source: Source) -> npt.NDArray[np.float64]:
    """Return about how many bytes of data files each chosen episode takes: by its share of the rows of its file.

    Raises:
        DatasetError: a data file is missing.
    """
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


def _place_data(sizes: npt.NDArray[np.float64], options: MergeOptions) -> tuple[DataFile, ...]:
    if options.version.has_files_of_episodes:
        return tuple(
            DataFile(FileNumber(episode // options.chunks_size, episode), episode, episode + 1, int(size))
            for episode, size in enumerate(sizes.tolist())
        )
    limit = options.data_files_size_in_mb * MB
    edges, total = [0], 0.0
    for episode, size in enumerate(sizes.tolist()):
        is_full = total + size >= limit or episode - edges[-1] >= MOST_EPISODES
        if is_full and episode > edges[-1]:
            edges.append(episode)
            total = 0.0
        total += size
    edges.append(len(sizes))
    numbers = numbers_after(None, len(edges) - 1, options.chunks_size)
    summed = np.concatenate([[0], np.cumsum(sizes)])
    return tuple(
        DataFile(number, first, stop, int(summed[stop] - summed[first]))
        for number, first, stop in zip(numbers, edges[:-1], edges[1:], strict=True)
    )
