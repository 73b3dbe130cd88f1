"""From the features of all sources to those of the target: every difference is settled here, or told with its flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lerotool.dataset.info import FormatVersion
from lerotool.dataset.writing.measures import picture_size
from lerotool.features import Feature, Kind, with_defaults
from lerotool.merging.differences import Difference, Verdict, by_value, listed
from lerotool.merging.options import Fill, MergeOptions
from lerotool.merging.sources import Source
from lerotool.merging.vectors import Alignment, align

_ENCODER_KEYS = ("g", "crf", "preset", "fast_decode", "video_backend", "extra_options")
_SO_ARMS = {"so100_follower": "so_follower", "so101_follower": "so_follower", "so_follower": "so_follower"}


@dataclass(slots=True)
class Schema:
    """What the target's features are; filled in feature by feature.

    Attributes:
        features: of the target, the five default ones last.
        alignments: of vectors, by feature; places are those of the sources that have it, by number of the source.
        filled: cameras that get black pictures, and the sources that lack them.
        differences: found on the way.
    """

    features: dict[str, Feature] = field(default_factory=dict)
    alignments: dict[str, Mapping[int, tuple[int, ...]]] = field(default_factory=dict)
    filled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def settle_features(sources: Sequence[Source], options: MergeOptions) -> Schema:
    """Settle every feature; open differences are among those returned."""
    schema = Schema()
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
        flags: list[str] = ["--fill-camera drop", f"--drop {name}"]
        if feature.kind is Kind.VIDEO:
            flags.insert(0, "--fill-camera black")
    else:
        what, flags = f"feature {name!r}", [f"--drop {name}"]
    flags += _possible_renames(name, owners, lacking)
    schema.differences.append(Difference(what, found, Verdict.OPEN, flags=tuple(flags)))
    return True


def _possible_renames(name: str, owners: Sequence[Source], lacking: Sequence[Source]) -> list[str]:
    """Return renames of what only the others have and looks alike."""
    feature = owners[0].features[name]
    owned = set(owners[0].features)
    flags = []
    for source in lacking:
        alike = [
            other
            for other, candidate in source.features.items()
            if other not in owned and (candidate.dtype, candidate.shape) == (feature.dtype, feature.shape)
        ]
        if len(alike) == 1:
            flags.append(f"--rename {source.place + 1}:{alike[0]}={name}")
    return flags[:1]


def _settle_feature(schema: Schema, name: str, owners: Sequence[Source], options: MergeOptions) -> Feature | None:
    entries = [source.features[name] for source in owners]
    first = entries[0]
    if any(entry.is_camera for entry in entries):
        return _settle_camera(schema, name, owners)
    what = f"feature {name!r}"
    if len({entry.dtype for entry in entries}) > 1:
        dtype = _common_dtype([entry.dtype for entry in entries])
        found = by_value((s.label, e.dtype) for s, e in zip(owners, entries, strict=True))
        if dtype is None:
            schema.differences.append(Difference(what, found, Verdict.OPEN, flags=(f"--drop {name}",)))
            return None
        schema.differences.append(Difference(what, found, Verdict.TRIVIAL, f"{dtype}, which changes no value"))
        first = replace(first, dtype=dtype)
    if all(len(entry.shape) == 1 for entry in entries) and first.kind is Kind.NUMERIC:
        alignment, differences = align(name, entries, owners, options)
        schema.differences += differences
        schema.alignments[name] = {s.place: p for s, p in zip(owners, alignment.places, strict=True)}
        return _vector_feature(first, alignment)
    if len({entry.shape for entry in entries}) > 1:
        found = by_value((s.label, str(list(e.shape))) for s, e in zip(owners, entries, strict=True))
        schema.differences.append(Difference(what, found, Verdict.OPEN, flags=(f"--drop {name}",)))
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


def _settle_camera(schema: Schema, name: str, owners: Sequence[Source]) -> Feature | None:
    entries = [source.features[name] for source in owners]
    what = f"camera {name!r}"
    kinds = [f"{e.dtype}{', depth' if e.is_depth else ''}" for e in entries]
    if len(set(kinds)) > 1:
        found = by_value(zip((s.label for s in owners), kinds, strict=True))
        flags = (f"--drop {name}", f"--rename SOURCE:{name}={name}2")
        schema.differences.append(Difference(what, found, Verdict.OPEN, flags=flags))
        return None
    sizes = [picture_size(e) for e in entries]
    if len(set(sizes)) > 1:
        shown = by_value((s.label, f"{w}x{h}") for s, (h, w, _) in zip(owners, sizes, strict=True))
        action = "pictures keep their sizes, in files of their own; training on them needs one size (--reencode)"
        schema.differences.append(Difference(what, shown, Verdict.WARNING, action))
    return entries[0]


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
            _note_once(schema, "features", "some carry an fps key, as LeRobot's converter leaves it", "it is left out")
        return replace(feature, extra=kept)
    if any("video_info" in extra for extra in extras):
        _note_once(schema, "features", "video_info is what older datasets call info", "called info")
    blocks = [dict(source.features[name].info) for source in owners]
    block = _common_block([b for b in blocks if b], feature, options)
    return replace(feature, extra={**kept, "info": block} if block else kept)


def _note_once(schema: Schema, what: str, found: str, action: str) -> None:
    note = Difference(what, found, Verdict.TRIVIAL, action)
    if note not in schema.differences:
        schema.differences.append(note)


def _common_block(blocks: Sequence[dict[str, Any]], feature: Feature, options: MergeOptions) -> dict[str, Any]:
    """Return one ``info`` block for a camera: that of the first source; encoder settings that differ are unknown."""
    if not blocks:
        return {"is_depth_map": feature.is_depth} if options.version is FormatVersion.V30 else {}
    first = dict(blocks[0])
    for short in _ENCODER_KEYS:
        key = f"video.{short}"
        if key in first and any(block.get(key) != first[key] for block in blocks):
            first[key] = {} if short == "extra_options" else None
    old_marker, new_marker = "video.is_depth_map", "is_depth_map"
    first.pop(old_marker, None)
    first.pop(new_marker, None)
    marker = new_marker if options.version is FormatVersion.V30 else old_marker
    return {marker: feature.is_depth, **first}


def settle_fps(sources: Sequence[Source], options: MergeOptions) -> tuple[float, list[Difference]]:
    """Return the rate of the target and the differences."""
    rates = [source.dataset.fps for source in sources]
    found = by_value((s.label, f"{rate:g}") for s, rate in zip(sources, rates, strict=True))
    if options.fps is not None:
        fps = int(options.fps) if float(options.fps).is_integer() else options.fps
        if all(rate == fps for rate in rates):
            return fps, []
        action = f"resampled to {fps:g}: rows by the nearest time, videos encoded again"
        return fps, [Difference("fps", found, Verdict.CHOSEN, action)]
    if len(set(rates)) > 1:
        flags = tuple(f"--fps {rate:g}" for rate in sorted(set(rates), reverse=True))
        return rates[0], [Difference("fps", found, Verdict.OPEN, flags=flags)]
    return (int(rates[0]) if float(rates[0]).is_integer() else rates[0]), []


def settle_robot(sources: Sequence[Source], options: MergeOptions) -> tuple[str | None, list[Difference]]:
    """Return the robot type of the target and the differences."""
    types = [source.dataset.robot_type for source in sources]
    known = list(dict.fromkeys(t for t in types if t))
    found = by_value((s.label, str(t or "unknown")) for s, t in zip(sources, types, strict=True))
    if options.robot_type is not None:
        if set(types) == {options.robot_type}:
            return options.robot_type, []
        return options.robot_type, [Difference("robot_type", found, Verdict.CHOSEN, options.robot_type)]
    if not known:
        return None, []
    modern = {_SO_ARMS.get(name, name) for name in known}
    if len(modern) > 1:
        flags = tuple(f"--robot-type {name}" for name in known)
        return known[0], [Difference("robot_type", found, Verdict.OPEN, flags=flags)]
    robot = known[0] if len(known) == 1 else modern.pop()
    if len(set(types)) > 1:
        return robot, [Difference("robot_type", found, Verdict.TRIVIAL, f"{robot}, another name of the same")]
    return robot, []
