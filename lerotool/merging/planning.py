"""Makes the plan: opens the sources, compares them, looks at their videos, and decides what goes where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lerotool.errors import TargetExistsError, UsageError
from lerotool.execution import Place, ignore_event
from lerotool.features import DEFAULT_FEATURES, Kind, columns
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.plan import Difference, MergeReport, Plan, Verdict, execute_plan
from lerotool.merging.schema import (
    Schema,
    settle_episode_columns,
    settle_features,
    settle_fps,
    settle_robot,
    with_complete_blocks,
)
from lerotool.merging.sources import open_sources, source_notes, unused_names
from lerotool.merging.units import Factors, settle_units
from lerotool.rewriting.build import check_free
from lerotool.rewriting.data_part import ColumnRule
from lerotool.rewriting.events import Listener
from lerotool.rewriting.modality import MODALITY, carried_modality, drafted_modality
from lerotool.rewriting.preparing import VideoChoices, contribute, number_tasks, place_cameras
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.row_check import RowProblems, look_at_own_columns, look_at_values
from lerotool.rewriting.source import Source
from lerotool.wording import flag, listed

_KNOWN_KEYS = ("total_videos", "total_chunks", "total_episodes", "total_frames", "total_tasks")
DEFAULTS = MergeOptions()


def merge_datasets(
    arguments: Sequence[SourceArgument],
    target: Path,
    options: MergeOptions = DEFAULTS,
    listen: Listener = ignore_event,
    place: Place | None = None,
) -> MergeReport:
    """Plan a merge and do it."""
    return execute_plan(make_plan(arguments, target, options), listen, place)


def make_plan(arguments: Sequence[SourceArgument], target: Path, options: MergeOptions = DEFAULTS) -> Plan:
    """Plan a merge; nothing is written, and no source is changed.

    Episodes come in the order of ``arguments``; ``target`` is the folder to make. What is not settled and what is
    damaged is in the plan; `Plan.check` raises it.
    """
    _check_options(options)
    sources, damage = open_sources(arguments, options)
    if not damage:
        damage += unused_names(sources, options)
    obstacle = _obstacle(target, [argument.root for argument in arguments])
    if not sources:
        work = Rewriting(options.format, (), 0, None, {}, (), (), {}, {}, {})
        return Plan(target, options, work, (), tuple(damage), obstacle, ())
    differences: list[Difference] = []
    fps = settle_fps(sources, options, differences)
    robot_type = settle_robot(sources, options, differences)
    factors = settle_units(sources, options, differences, damage)
    schema = settle_features(sources, options, differences)
    features = with_complete_blocks(schema.features, fps)
    columns_of = settle_episode_columns(sources, options, differences)
    info_keys = _info_keys(sources, differences)
    if not options.version.has_language_columns:
        differences += [
            Difference(
                f"feature {name!r}",
                f"{options.version} has no language columns",
                Verdict.OPEN,
                flags=(flag("--drop", name),),
            )
            for name, feature in features.items()
            if feature.kind is Kind.LANGUAGE
        ]
    tasks, numbers, task_damage = number_tasks(sources)
    camera_plans, video_damage, video_notes = place_cameras(
        sources, features, schema.filled, fps, options.format, VideoChoices(options.files, options.reencode)
    )
    rules = [_column_rules(source, schema, factors) for source in sources]
    contributions, data, data_damage = contribute(sources, rules, numbers, fps, options.format, retime=options.retime)
    modality, unmapped = carried_modality(contributions, features)
    if modality is None and options.gr00t:
        modality = drafted_modality(features)
    work = Rewriting(
        options.format,
        contributions,
        fps,
        robot_type,
        features,
        tasks,
        data,
        camera_plans,
        columns_of,
        info_keys,
        with_stats=options.version.has_dataset_statistics or options.gr00t,
        documents={} if modality is None else {MODALITY: modality},
    )
    notes = (*source_notes(sources, features, options), *video_notes, *([unmapped] if unmapped else ()))
    found = tuple(dict.fromkeys([*damage, *task_damage, *video_damage, *data_damage]))
    plan = Plan(target, options, work, tuple(differences), found, obstacle, notes)
    if plan.damage or plan.obstacle is not None:
        return plan
    plan = _with_problems(plan, look_at_own_columns(plan.work))
    # Encoding can take hours, and must not end at a row; what copying takes is soon known.
    return with_values_surveyed(plan) if plan.work.frames_to_encode else plan


def with_values_surveyed(plan: Plan) -> Plan:
    """Return a sound plan with everything that is wrong with rows; all of them are read, but for pictures in them."""
    return plan if plan.problems else _with_problems(plan, look_at_values(plan.work))


def _with_problems(plan: Plan, found: RowProblems) -> Plan:
    untimely = [Difference("timestamps", text, Verdict.OPEN, flags=("--retime",)) for text in found.untimely]
    return replace(plan, damage=found.damage, differences=(*plan.differences, *untimely))


def _check_options(options: MergeOptions) -> None:
    if not options.version.can_be_built:
        raise UsageError(f"--to {options.version}: this format is read, not written", hint="--to v3.0 or --to v2.1")
    if options.fps is not None and not 0 < options.fps <= 1000:
        raise UsageError(f"--fps {options.fps:g}: expected a rate above 0 and up to 1000")


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


def _info_keys(sources: Sequence[Source], differences: list[Difference]) -> dict[str, Any]:
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
    if left_out:
        found = f"the sources disagree on {listed(left_out)}"
        differences.append(Difference("keys of info.json", found, Verdict.WARNING, "left out"))
    return kept


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
