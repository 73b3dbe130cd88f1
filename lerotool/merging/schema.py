"""From the features of all sources to those of the target: every difference is settled, or reported with its flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.choices import Fill
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.joints import SO_ARMS
from lerotool.features import Feature, Kind, picture_size, with_defaults
from lerotool.merging.options import MergeOptions
from lerotool.merging.plan import Difference, Verdict, by_value
from lerotool.merging.vectors import Alignment, align
from lerotool.rewriting.source import Source
from lerotool.rewriting.source_table import unknown_columns
from lerotool.wording import flag, listed

_ENCODER_KEYS = ("g", "crf", "preset", "fast_decode", "video_backend", "extra_options")
_MOST_RENAMES = 3


@dataclass(slots=True)
class Schema:
    """What the target's features are; filled in feature by feature."""

    differences: list[Difference]  # those found on the way come to them
    features: dict[str, Feature] = field(default_factory=dict)  # of the target, the five default ones last
    # Of vectors, by feature; places are those of the sources that have it, by number of the source.
    alignments: dict[str, Mapping[int, tuple[int, ...]]] = field(default_factory=dict)
    # Cameras that get black pictures, and the sources that lack them.
    filled: dict[str, tuple[int, ...]] = field(default_factory=dict)


def settle_features(sources: Sequence[Source], options: MergeOptions, differences: list[Difference]) -> Schema:
    """Settle every feature."""
    schema = Schema(differences)
    for name in dict.fromkeys(name for source in sources for name in source.features):
        owners = [source for source in sources if name in source.features]
        lacking = [source for source in sources if name not in source.features]
        if lacking and not _settle_missing(schema, name, owners, lacking, options):
            continue
        feature = _settle_feature(schema, name, owners, options)
        if feature is not None:
            schema.features[name] = _plain_entry(schema, name, feature, owners, options)
    schema.features = with_defaults(schema.features)
    return schema


def _settle_missing(
    schema: Schema, name: str, owners: Sequence[Source], lacking: Sequence[Source], options: MergeOptions
) -> bool:
    """Settle a feature that some sources lack; return whether the target has it."""
    feature = owners[0].features[name]
    found = f"missing in {listed(s.label for s in lacking)}, there in {listed(s.label for s in owners)}"
    if feature.is_camera:
        what = f"camera {name!r}"
        if options.fill_camera is Fill.DROP:
            schema.differences.append(Difference(what, found, Verdict.CHOSEN, "left out"))
            return False
        if options.fill_camera is Fill.BLACK and feature.kind is Kind.VIDEO:
            schema.filled[name] = tuple(source.place for source in lacking)
            schema.differences.append(Difference(what, found, Verdict.CHOSEN, "black pictures where it is missing"))
            return True
        flags: list[str] = ["--fill-camera drop", flag("--drop", name)]
        if feature.kind is Kind.VIDEO:
            flags.insert(0, "--fill-camera black")
    else:
        what, flags = f"feature {name!r}", [flag("--drop", name)]
    flags = _possible_renames(name, owners, lacking) + flags
    schema.differences.append(Difference(what, found, Verdict.OPEN, flags=tuple(flags)))
    return True


def _possible_renames(name: str, owners: Sequence[Source], lacking: Sequence[Source]) -> list[str]:
    """Return renames of what only the sources that lack a feature have and looks alike."""
    feature = owners[0].features[name]
    owned = {other for source in owners for other in source.features}
    alike = [
        [
            source.originals[other]
            for other, candidate in source.features.items()
            if other not in owned and (candidate.dtype, candidate.shape) == (feature.dtype, feature.shape)
        ]
        for source in lacking
    ]
    common = [other for other in alike[0] if all(other in names for names in alike)]
    if common:
        return [flag("--rename", f"{other}={name}") for other in common[:_MOST_RENAMES]]
    if not all(len(names) == 1 for names in alike):
        return []
    each = zip(lacking, alike, strict=True)
    return [" ".join(flag("--rename", f"{source.place + 1}:{names[0]}={name}") for source, names in each)]


def _settle_feature(schema: Schema, name: str, owners: Sequence[Source], options: MergeOptions) -> Feature | None:
    entries = [source.features[name] for source in owners]
    first = entries[0]
    if any(entry.is_camera for entry in entries):
        return _settle_camera(schema, name, owners, options)
    what = f"feature {name!r}"
    if len({entry.dtype for entry in entries}) > 1:
        dtype = _common_dtype([entry.dtype for entry in entries])
        found = by_value((s.label, e.dtype) for s, e in zip(owners, entries, strict=True))
        if dtype is None:
            schema.differences.append(Difference(what, found, Verdict.OPEN, flags=(flag("--drop", name),)))
            return None
        schema.differences.append(Difference(what, found, Verdict.TRIVIAL, f"{dtype}, which changes no value"))
        first = replace(first, dtype=dtype)
    if all(len(entry.shape) == 1 for entry in entries) and first.kind is Kind.NUMERIC:
        alignment, difference = align(name, entries, owners, options)
        schema.differences += [difference] if difference is not None else []
        schema.alignments[name] = {s.place: p for s, p in zip(owners, alignment.places, strict=True)}
        return _vector_feature(first, alignment)
    if len({entry.shape for entry in entries}) > 1:
        found = by_value((s.label, str(list(e.shape))) for s, e in zip(owners, entries, strict=True))
        schema.differences.append(Difference(what, found, Verdict.OPEN, flags=(flag("--drop", name),)))
        return None
    return first


def _vector_feature(first: Feature, alignment: Alignment) -> Feature:
    names: Any = first.names
    if alignment.names is not None and (alignment.width != first.shape[0] or first.dimension_names != alignment.names):
        names = list(alignment.names)
    elif alignment.width != first.shape[0]:
        names = None
    return replace(first, shape=(alignment.width,), names=names)


def _common_dtype(dtypes: Sequence[str]) -> str | None:
    """Return the dtype that holds all values unchanged, if there is one."""
    try:
        kinds = {np.dtype(dtype).kind for dtype in dtypes}
        common = np.result_type(*(np.dtype(dtype) for dtype in dtypes))
    except TypeError:
        return None
    return common.name if len(kinds) == 1 else None


def _settle_camera(schema: Schema, name: str, owners: Sequence[Source], options: MergeOptions) -> Feature | None:
    entries = [source.features[name] for source in owners]
    what = f"camera {name!r}"
    kinds = [f"{e.dtype}{', depth' if e.is_depth else ''}" for e in entries]
    if len(set(kinds)) > 1:
        found = by_value(zip((s.label for s in owners), kinds, strict=True))
        flags = (flag("--drop", name), flag("--rename", f"{owners[-1].place + 1}:{owners[-1].originals[name]}={name}2"))
        schema.differences.append(Difference(what, found, Verdict.OPEN, flags=flags))
        return None
    _settle_sizes(schema, name, owners, options)
    return entries[0]


def _settle_sizes(schema: Schema, name: str, owners: Sequence[Source], options: MergeOptions) -> None:
    """Settle pictures of several sizes, which no plain training reads; what is encoded anyway gets the first's size."""
    entries = [source.features[name] for source in owners]
    sizes = [picture_size(entry)[:2] for entry in entries]
    if len(set(sizes)) == 1:
        return
    what, is_video = f"camera {name!r}", entries[0].kind is Kind.VIDEO
    shown = by_value((s.label, f"{w}x{h}") for s, (h, w) in zip(owners, sizes, strict=True))
    height, width = sizes[0]
    is_kept = [not options.reencode and source.dataset.fps == (options.fps or source.dataset.fps) for source in owners]
    kept = {size for size, is_as_it_was in zip(sizes, is_kept, strict=True) if is_as_it_was}
    if is_video and kept <= {sizes[0]}:
        difference = Difference(what, shown, Verdict.CHOSEN, f"encoded again at {width}x{height}")
    elif options.keep_sizes:
        action = "pictures keep their sizes; training on them needs one size"
        difference = Difference(what, shown, Verdict.WARNING, action)
    else:
        others = [(s, size) for s, size in zip(owners, sizes, strict=True) if size != sizes[0]]
        apart = " ".join(flag("--rename", f"{s.place + 1}:{s.originals[name]}={name}_{w}x{h}") for s, (h, w) in others)
        flags = ("--reencode", "--keep-sizes") if is_video else ("--keep-sizes",)
        difference = Difference(what, shown, Verdict.OPEN, flags=(*flags, apart, flag("--drop", name)))
    schema.differences.append(difference)


def _plain_entry(
    schema: Schema, name: str, feature: Feature, owners: Sequence[Source], options: MergeOptions
) -> Feature:
    """Return the feature as LeRobot writes it, without what only its converter leaves behind."""
    extras = [source.features[name].extra for source in owners]
    kept = {key: value for key, value in extras[0].items() if all(extra.get(key) == value for extra in extras)}
    for key in ("info", "video_info", "fps"):
        kept.pop(key, None)
    if not feature.is_camera:
        if any("fps" in extra for extra in extras):
            _note_once(schema, "some carry an fps key, as LeRobot's converter leaves it", "it is left out")
        return replace(feature, extra=kept)
    if any("video_info" in extra for extra in extras):
        _note_once(schema, "video_info is what older datasets call info", "called info")
    blocks = [dict(source.features[name].info) for source in owners]
    block = _common_block([b for b in blocks if b], feature, options)
    return replace(feature, extra={**kept, "info": block} if block else kept)


def _note_once(schema: Schema, found: str, action: str) -> None:
    note = Difference("features", found, Verdict.TRIVIAL, action)
    if note not in schema.differences:
        schema.differences.append(note)


def _common_block(blocks: Sequence[dict[str, Any]], feature: Feature, options: MergeOptions) -> dict[str, Any]:
    """Return one ``info`` block for a camera: that of the first source; encoder settings that differ are unknown."""
    if not blocks:
        return {"is_depth_map": feature.is_depth} if options.version.depth_marker == "is_depth_map" else {}
    first = dict(blocks[0])
    for short in _ENCODER_KEYS:
        key = f"video.{short}"
        if key in first and any(block.get(key) != first[key] for block in blocks):
            first[key] = {} if short == "extra_options" else None
    for version in FormatVersion.registered():
        first.pop(version.depth_marker, None)
    return {options.version.depth_marker: feature.is_depth, **first}


def with_complete_blocks(features: Mapping[str, Feature], fps: float) -> dict[str, Feature]:
    """Return features whose videos say what follows from their shapes and the rate: GR00T's loader asks for it."""
    return {name: _with_complete_block(f, fps) if f.kind is Kind.VIDEO else f for name, f in features.items()}


def _with_complete_block(feature: Feature, fps: float) -> Feature:
    height, width, channels = picture_size(feature)
    shape = {"video.height": height, "video.width": width, "video.channels": channels}
    block = {**feature.info, "video.fps": fps}
    block |= {key: value for key, value in shape.items() if block.get(key) is None}
    return replace(feature, extra={**feature.extra, "info": block})


def settle_fps(sources: Sequence[Source], options: MergeOptions, differences: list[Difference]) -> float:
    """Return the rate of the target."""
    rates = [source.dataset.fps for source in sources]
    found = by_value((s.label, f"{rate:g}") for s, rate in zip(sources, rates, strict=True))
    fps = rates[0] if options.fps is None else options.fps
    if options.fps is None and len(set(rates)) > 1:
        flags = tuple(f"--fps {rate:g}" for rate in sorted(set(rates), reverse=True))
        differences.append(Difference("fps", found, Verdict.OPEN, flags=flags))
    elif any(rate != fps for rate in rates):
        action = f"resampled to {fps:g}: rows by the nearest time, videos encoded again"
        differences.append(Difference("fps", found, Verdict.CHOSEN, action))
    return int(fps) if float(fps).is_integer() else fps


def settle_robot(sources: Sequence[Source], options: MergeOptions, differences: list[Difference]) -> str | None:
    """Return the robot type of the target."""
    types = [source.dataset.robot_type for source in sources]
    known = list(dict.fromkeys(t for t in types if t))
    found = by_value((s.label, str(t or "unknown")) for s, t in zip(sources, types, strict=True))
    if options.robot_type is not None:
        if set(types) != {options.robot_type}:
            differences.append(Difference("robot_type", found, Verdict.CHOSEN, options.robot_type))
        return options.robot_type
    if not known:
        return None
    modern = {"so_follower" if name in SO_ARMS else name for name in known}
    robot = modern.copy().pop() if len(known) > 1 == len(modern) else known[0]
    if len(modern) > 1 or not all(types):
        flags = tuple(flag("--robot-type", name) for name in known)
        differences.append(Difference("robot_type", found, Verdict.OPEN, flags=flags))
    elif len(set(types)) > 1:
        action = f"{robot}, another name of the same"
        differences.append(Difference("robot_type", found, Verdict.TRIVIAL, action))
    return robot


def settle_episode_columns(
    sources: Sequence[Source], options: MergeOptions, differences: list[Difference]
) -> dict[str, pa.DataType]:
    """Return the unknown columns of all sources with one type for each that has one."""
    found: dict[str, list[tuple[str, pa.DataType]]] = {}
    for source in sources:
        for name, data_type in unknown_columns(source).items():
            if name not in options.drop:
                found.setdefault(name, []).append((source.label, data_type))
    settled: dict[str, pa.DataType] = {}
    for name, types in found.items():
        try:
            schemas = [pa.schema([(name, data_type)]) for _, data_type in types]
            settled[name] = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except MemoryError:
            raise
        except pa.ArrowException:
            shown = by_value((label, str(data_type)) for label, data_type in types)
            what = f"column {name!r} of the episode table"
            differences.append(Difference(what, shown, Verdict.OPEN, flags=(flag("--drop", name),)))
    return settled
