"""``info.json`` and ``stats.json`` are made to say what is there; a file that lies elsewhere moves where they say."""

from __future__ import annotations

from pathlib import Path

from lerotool.checking.cameras import described
from lerotool.checking.data import count_episodes
from lerotool.checking.metadata import named_camera
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import STATS
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.findings import Code, Finding
from lerotool.mending.draft import Action, Draft
from lerotool.mending.metadata_rewrite import stage_info, stage_stats
from lerotool.mending.rebuilding import OPAQUE, Rebuilt
from lerotool.wording import counted

_TEXT = frozenset([Code.INFO_KEYS, Code.INFO_BOM])
"""Mended by writing the file again, whatever the true numbers are."""
_INFO = frozenset([Code.TOTALS, Code.COUNTS, *_TEXT])

Totals = tuple[int, int, int]


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
            draft.actions.append(_move(source, target))


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
        changes = dict(draft.info_changes)
        draft.actions.append(lambda staging: stage_info(info, draft.root, totals, changes, staging))


def plan_stats(draft: Draft, rebuilt: Rebuilt) -> None:
    """Merge ``stats.json`` from the statistics of the episodes, as far as they have become others."""
    if not (draft.root / STATS).is_file():
        return
    unreadable = tuple(sorted(draft.report.codes & {Code.STATS_UNREADABLE}))
    whole = bool(rebuilt.truth.lost or unreadable)
    what = "all statistics" if whole else "the statistics of LeRobot's own columns"
    if whole or any(file.is_changed for file in rebuilt.files):
        draft.add(unreadable, STATS.as_posix(), f"{what} are merged from those of the episodes")
        draft.actions.append(lambda staging: stage_stats(draft.root, rebuilt.rows, whole=whole, staging=staging))


def _totals(draft: Draft) -> Totals | None:
    rebuilt, sight = draft.rebuilt, draft.sight
    if rebuilt is not None:
        return len(rebuilt.rows), rebuilt.frames, len(draft.tasks)
    if draft.report.codes & (OPAQUE | {Code.ROW_COUNT}) or sight.data is None or sight.data.lengths is None:
        return None  # with rows lost, the number that was there before is all that tells of them
    if not len(sight.data.lengths) and not (sight.table is not None and len(sight.table) == 0):
        return None  # what is absent is not a dataset without episodes
    return count_episodes(sight.data.lengths, sight.table), int(sight.data.lengths.sum()), len(draft.tasks)


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


def _move(source: Path, target: Path) -> Action:
    def move(staging: KeepingStaging) -> None:
        staging.duplicate(source, target)
        staging.remove(source)

    return move
