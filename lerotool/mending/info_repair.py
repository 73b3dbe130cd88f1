"""``info.json`` and ``stats.json`` are made to say what is there; a file that lies elsewhere moves where they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lerotool.checking.cameras import described
from lerotool.checking.episodes import count_episodes
from lerotool.checking.metadata import named_camera
from lerotool.dataset.formats import Sizes, Totals
from lerotool.dataset.info import INFO, DatasetInfo, recounted
from lerotool.dataset.layout import STATS
from lerotool.findings import Code, Finding
from lerotool.mending.draft import Draft
from lerotool.mending.rebuilding import OPAQUE, Rebuilt
from lerotool.mending.restored_tables import merged_statistics
from lerotool.wording import counted

_TEXT = frozenset([Code.INFO_KEYS, Code.INFO_BOM])
"""Mended by writing the file again, whatever the true numbers are."""
_INFO = frozenset([Code.TOTALS, Code.COUNTS, *_TEXT])


def plan_templates(draft: Draft) -> None:
    """Let ``info.json`` say where the files are; a single file that lies elsewhere moves where it says."""
    layout = draft.sight.layout
    if layout is None:
        return
    moves: dict[Path, list[tuple[Path, Finding]]] = {}
    for finding in draft.found(Code.TEMPLATE_WRONG):
        if (key := finding.place.column) is None:
            continue
        if not finding.episodes:
            draft.info_changes[key] = (layout.data if key == "data_path" else layout.video).text
            draft.add((finding.code,), finding.place.file, f"{key} becomes {draft.info_changes[key]!r}", finding)
        elif len(finding.episodes) == 1:
            number = finding.episodes[0]
            target = layout.data_path(number // layout.chunks_size, number)
            moves.setdefault(target, []).append((draft.root / finding.place.file, finding))
    for target, found in moves.items():
        if len(found) == 1 and not target.exists():
            (source, finding), name = found[0], draft.name(target)
            draft.add((finding.code,), finding.place.file, f"moves to {name}", finding)
            draft.mend(f for f in draft.found(Code.DATA_MISSING) if f.place.file == name)
            draft.moved[source] = target


def plan_features(draft: Draft, info: DatasetInfo) -> None:
    """Let ``info.json`` describe the cameras as they are."""
    features = dict(info.features)
    for finding in draft.found(Code.CAMERA_NAMES, Code.VIDEO_INFO):
        name = finding.place.column or ""
        if name not in features:
            continue
        old = features[name]
        videos = [fact for fact in draft.sight.videos if fact.camera == name]
        new = named_camera(old) if finding.code is Code.CAMERA_NAMES else described(old, videos)
        if new is old:
            continue
        features[name] = new
        text = f"{name!r} is described as {'its videos are' if finding.code is Code.VIDEO_INFO else 'LeRobot does'}"
        draft.add((finding.code,), INFO.as_posix(), text, finding)
    if features != info.features:
        draft.info_changes["features"] = features


def plan_info(draft: Draft, info: DatasetInfo) -> None:
    """Let ``info.json`` count what is there, and have every key that LeRobot writes."""
    changed = draft.report.codes & _INFO
    totals = _totals(draft) if draft.rebuilt is not None or changed - _TEXT else None
    if changed - _TEXT and totals is None:
        draft.leave(changed - _TEXT, "the true numbers are not known until the other findings are mended")
        changed &= _TEXT
    if totals is not None or changed:
        draft.add(tuple(sorted(changed)), INFO.as_posix(), _totals_text(info, totals))
    if totals is not None or changed or draft.info_changes:
        draft.info = new_info(info, totals, draft.info_changes)


def new_info(info: DatasetInfo, totals: Totals | None, changes: Mapping[str, Any]) -> DatasetInfo:
    """Return ``info.json`` with other totals and entries, and with every key that LeRobot writes."""
    counts = {} if totals is None else recounted(info, totals)
    stated = Totals(info.total_episodes, info.total_frames, info.total_tasks)
    usual = info.codebase_version.info_document(info.fps, info.features, None, stated, Sizes(info.chunks_size))
    # What is counted is corrected where everything could be counted, and not made up elsewhere.
    missing = {key: value for key, value in usual.items() if not info.states(key) and not key.startswith("total_")}
    return info.model_copy(update={**missing, **counts, **changes})


def plan_stats(draft: Draft, rebuilt: Rebuilt) -> None:
    """Merge ``stats.json`` from the statistics of the episodes, as far as they have become others."""
    if not (draft.root / STATS).is_file():
        return
    unreadable = tuple(sorted(draft.report.codes & {Code.STATS_UNREADABLE}))
    whole = bool(rebuilt.truth.lost or unreadable)
    what = "all statistics" if whole else "the statistics of LeRobot's own columns"
    if whole or any(file.is_changed for file in rebuilt.tables.files):
        draft.add(unreadable, STATS.as_posix(), f"{what} are merged from those of the episodes")
        draft.stats = merged_statistics(draft.root, rebuilt.tables.episodes, whole=whole)


def _totals(draft: Draft) -> Totals | None:
    rebuilt, sight = draft.rebuilt, draft.sight
    if rebuilt is not None:
        return Totals(len(rebuilt.truth.episodes), rebuilt.frames, len(draft.tasks))
    if draft.report.codes & (OPAQUE | {Code.ROW_COUNT}) or sight.data is None or sight.data.lengths is None:
        return None  # with rows lost, the number that was there before is all that tells of them
    if not len(sight.data.lengths) and not (sight.table is not None and len(sight.table) == 0):
        return None  # what is absent is not a dataset without episodes
    episodes = count_episodes(sight.data.lengths, sight.table)
    return Totals(episodes, int(sight.data.lengths.sum()), len(draft.tasks))


def _totals_text(info: DatasetInfo, totals: Totals | None) -> str:
    if totals is None:
        return "missing keys are added"
    episodes, frames, tasks = totals
    text = f"{counted(episodes, 'episode')}, {counted(frames, 'frame')}, {counted(tasks, 'task')}"
    gone = info.total_episodes - episodes
    if gone > 0:
        are = "is" if gone == 1 else "are"
        text += f"; {gone} of the {info.total_episodes} episodes that it counted {are} not here"
    return text
