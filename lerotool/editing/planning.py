"""Makes the plan of an edit: what becomes of the dataset, in its place or in a new folder. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import read_object
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import STATS, inside
from lerotool.dataset.parquet import arrow_schema, open_parquet
from lerotool.dataset.partial import load_partial
from lerotool.dataset.reading.columns import check_widths
from lerotool.editing.changes import Change
from lerotool.editing.draft import Draft, draft
from lerotool.editing.plan import EditPlan, video_bytes
from lerotool.errors import IncompatibleDatasetError, UsageError
from lerotool.features import Feature, cameras, columns, recorded_features, with_defaults
from lerotool.rewriting.build import check_free
from lerotool.rewriting.data_part import ColumnRule
from lerotool.rewriting.modality import MODALITY, changed_modality
from lerotool.rewriting.preparing import VideoChoices, contribute, place_cameras, used_tasks
from lerotool.rewriting.rewriting import Rewriting, TargetFormat
from lerotool.rewriting.source import Source
from lerotool.rewriting.source_table import unknown_columns
from lerotool.rewriting.standing_files import packed_videos, standing_data, standing_videos
from lerotool.rewriting.video_plan import CameraPlan
from lerotool.wording import as_argument, listed, one_line
from lerotool.workspace import dataset_name

Ints = npt.NDArray[np.int64]
_COUNTED_KEYS = ("total_videos", "total_chunks")


def make_plan(dataset: Dataset, change: Change, target: Path | None = None) -> EditPlan:
    """Plan an edit; nothing is written.

    `target`: a folder to make, which leaves the dataset alone; None changes the dataset in its place.
    """
    _check_here(dataset)
    if target is None:
        _check_place(dataset)
    else:
        check_free(target)
        if not dataset.version.can_be_built:
            raise UsageError(
                f"{dataset.version} is read and edited in its place; new datasets are v3.0 or v2.1",
                hint=f"lerotool merge {as_argument(dataset.root)} -o {as_argument(target)}",
            )
    found = draft(dataset, change)
    work, damage = _rewriting(dataset, found, target)
    freed = 0
    if found.files is FileMode.PACK and target is None:
        planned = sum(output.bytes for camera in work.cameras.values() for output in camera.outputs)
        freed = max(0, video_bytes(dataset) - planned)
    return EditPlan(dataset, change, found, work, target, tuple(dict.fromkeys(damage)), freed)


def _check_here(dataset: Dataset) -> None:
    """Refuse what is not whole, or not understood."""
    if (partial := load_partial(dataset.root)) is not None and not partial.is_whole:
        raise UsageError(
            f"of {str(dataset.root)!r} there is only a part here: {partial}", hint=f"get the rest: {partial.command}"
        )
    check_widths(dataset, list(dataset.features))
    for number in range(min(1, len(dataset.data_files))):
        path = dataset.data_files.path(number)
        with open_parquet(path) as file:
            unknown = [name for name in arrow_schema(file, path).names if name not in dataset.features]
        if unknown:
            raise IncompatibleDatasetError(
                f"{path}: the columns {listed(unknown)} are not features in meta/info.json and would be lost",
                hint="describe them in 'features' of meta/info.json, or take them out of the data files",
            )


def _check_place(dataset: Dataset) -> None:
    """Refuse what cannot be changed where it stands."""
    version, layout = dataset.version, dataset.layout
    version.check_is_known(dataset.root)
    usual = [(layout.data.text, version.data_path)]
    usual += [(layout.video.text, version.video_path)] if cameras(dataset.features) else []
    if other := [text for text, own in usual if text != own]:
        raise IncompatibleDatasetError(
            f"{str(dataset.root)!r} names its files in its own way ({other[0]!r}), and cannot be changed in its place",
            hint=f"make a copy with the usual names: lerotool merge {as_argument(dataset.root)} -o COPY",
        )


def _rewriting(dataset: Dataset, found: Draft, target: Path | None) -> tuple[Rewriting, list[str]]:
    info = dataset.info
    kept = {found.names.get(n, n): f for n, f in dataset.features.items() if n not in found.dropped}
    added = {name: column.feature for name, column in found.added.items()}
    features = with_defaults({**kept, **added}) if added else kept
    sources = list(_sources(dataset, found, kept))
    tasks, numbers = _tasks(dataset, found, sources)
    sizes = (info.data_files_size_in_mb, info.video_files_size_in_mb, info.chunks_size)
    form = TargetFormat(dataset.version, *sizes)
    rules = {n: ColumnRule(o) for n, o in sources[0].originals.items() if n in columns(kept)}
    rules |= {name: ColumnRule(name, added=column.values) for name, column in found.added.items()}
    contributions, data, damage = contribute(sources, [rules] * len(sources), numbers, dataset.fps, form)
    if target is not None:
        videos, problems, _ = place_cameras(sources, features, {}, dataset.fps, form, VideoChoices())
    else:
        data = standing_data(contributions, data, found.files)
        videos, problems = _standing_cameras(sources, features, found.files, form)
    damage += problems
    has_stats = (dataset.root / STATS).is_file() or dataset.version.has_dataset_statistics
    work = Rewriting(
        form,
        contributions,
        dataset.fps,
        dataset.robot_type,
        features,
        tasks,
        data,
        videos,
        {name: kind for source in sources for name, kind in unknown_columns(source).items()},
        {key: value for key, value in (info.model_extra or {}).items() if key not in _COUNTED_KEYS},
        with_stats=has_stats,
        documents=_documents(dataset, found),
        in_place=_new_info(info, found, features) if target is None else None,
    )
    return work, damage


def _standing_cameras(
    sources: list[Source], features: Mapping[str, Feature], files: FileMode, form: TargetFormat
) -> tuple[dict[str, CameraPlan], list[str]]:
    """Return the videos by camera where the dataset stands, and what cannot be done."""
    dataset, damage = sources[0].dataset, []
    videos: dict[str, CameraPlan] = {}
    for name in cameras(features):
        videos[name], problems = standing_videos(name, sources)
        damage += problems
    if files is FileMode.PACK and not dataset.version.has_files_of_episodes:
        packed, problems, _ = place_cameras(sources, features, {}, dataset.fps, form, VideoChoices())
        videos |= {name: packed_videos(dataset, name, videos[name], plan) for name, plan in packed.items()}
        damage += problems
    return videos, damage


def _sources(dataset: Dataset, found: Draft, features: Mapping[str, Feature]) -> Iterator[Source]:
    """Yield the pieces, those with the same new task side by side."""
    own = recorded_features(features)
    old_names = {new: old for old, new in found.names.items()}
    originals = {name: old_names.get(name, name) for name in own}
    label, place, begin = one_line(dataset_name(dataset.root)), 0, 0
    for _, group in groupby(found.episodes.tolist(), key=found.tasks.get):
        end = begin + len(list(group))
        pieces = slice(begin, end)
        yield Source(
            place, label, dataset, found.episodes[pieces], found.starts[pieces], found.lengths[pieces], own, originals
        )
        place, begin = place + 1, end


def _tasks(dataset: Dataset, found: Draft, sources: list[Source]) -> tuple[tuple[str, ...], list[Ints]]:
    """Return the texts by number, and of each source the numbers of its tasks among them; old ones keep their order."""
    is_whole = len(sources) == 1 and sources[0].is_whole and not found.tasks
    new_tasks = [found.tasks.get(int(source.episodes[0])) for source in sources]
    used: set[int] = set(range(len(dataset.tasks))) if is_whole else set()
    for source, text in zip(sources, new_tasks, strict=True):
        used |= set(used_tasks(source)) if text is None and not is_whole else set()
    texts = {number: found.task_names.get(dataset.tasks[number], dataset.tasks[number]) for number in sorted(used)}
    names = tuple(dict.fromkeys([*texts.values(), *(text for text in new_tasks if text is not None)]))
    numbers = []
    for text in new_tasks:
        own = np.full(max(1, len(dataset.tasks)), -1, np.int64)
        for number, name in texts.items():
            own[number] = names.index(name)
        numbers.append(own if text is None else np.full_like(own, names.index(text)))
    return names, numbers


def _documents(dataset: Dataset, found: Draft) -> dict[str, Mapping[str, Any]]:
    path = inside(dataset.root, MODALITY)
    if not path.is_file():
        return {}
    document = read_object(path)
    return {MODALITY: changed_modality(document, found.names, found.dropped)}


def _new_info(info: DatasetInfo, found: Draft, features: Mapping[str, Feature]) -> DatasetInfo:
    """Return ``info.json`` with everything but its totals as it will be."""
    splits = info.splits
    if splits and set(splits) != {"train"}:
        splits = {name: _moved_split(text, found.episodes) for name, text in splits.items()}
    return info.model_copy(update={"features": dict(features), **({"splits": splits} if splits else {})})


def _moved_split(text: object, episodes: Ints) -> object:
    """Return a range ``first:stop`` of episodes with their new numbers; what is something else stays."""
    first, sign, stop = str(text).partition(":")
    if not sign or not first.isdecimal() or not stop.isdecimal():
        return text
    return f"{np.searchsorted(episodes, int(first))}:{np.searchsorted(episodes, int(stop))}"
