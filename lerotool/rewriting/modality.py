"""GR00T's map of a dataset, ``meta/modality.json``: carried over where it still fits, else drafted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from lerotool.dataset.documents import read_object
from lerotool.dataset.layout import inside
from lerotool.errors import DatasetError
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, cameras
from lerotool.rewriting.rewriting import Contribution
from lerotool.wording import listed

MODALITY = "meta/modality.json"
_DEFAULT_KEYS = {"state": STATE, "action": ACTION}


def carried_modality(
    contributions: Sequence[Contribution], features: Mapping[str, Feature]
) -> tuple[Mapping[str, Any] | None, str | None]:
    """Return the sources' map if it is true of the target, and else why it is not carried over."""
    owners = [c for c in contributions if (c.source.dataset.root / MODALITY).is_file()]
    if not owners:
        return None, None
    place = f"{MODALITY} of {listed(c.source.label for c in owners)} is not carried over"
    try:
        documents = [read_object(inside(c.source.dataset.root, MODALITY)) for c in owners]
    except DatasetError as error:
        return None, f"{place}: {error}"
    if any(document != documents[0] for document in documents):
        return None, f"{place}: they differ"
    for contribution in contributions:
        if reason := _moved(contribution, features):
            return None, f"{place}: {reason}"
    if missing := [key for key in dict.fromkeys(_keys(documents[0])) if key not in features]:
        return None, f"{place}: it names {listed(missing)}, which the result does not have"
    return documents[0], None


def changed_modality(document: Mapping[str, Any], names: Mapping[str, str], left: Collection[str]) -> dict[str, Any]:
    """Return a map of a dataset whose features get other names, given by their old ones, or leave."""
    changed: dict[str, Any] = {}
    for kind, groups in document.items():
        if not isinstance(groups, dict):
            changed[kind] = groups
            continue
        changed[kind] = {}
        for name, group in groups.items():
            key = _key(kind, name, group)
            if key is None or key not in names:
                changed[kind] |= {} if key in left else {name: group}
            else:
                changed[kind][name] = {**group, "original_key": names[key]}
    return changed


def _moved(contribution: Contribution, features: Mapping[str, Feature]) -> str | None:
    """Return what of a source does not stand in the target as it did."""
    for name, rule in contribution.rules.items():
        if rule.original != name or rule.places is not None:
            return f"{rule.original!r} of {contribution.source.label} has another name or order in the result"
    renamed = [n for n, old in contribution.source.originals.items() if n != old and n in features]
    return f"{listed(renamed)} had another name in {contribution.source.label}" if renamed else None


def _keys(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the features that a map names."""
    for kind, groups in document.items():
        for name, group in groups.items() if isinstance(groups, dict) else ():
            if (key := _key(kind, name, group)) is not None:
                yield key


def _key(kind: str, name: str, group: object) -> str | None:
    default = f"{CAMERA_PREFIX}{name}" if kind == "video" else _DEFAULT_KEYS.get(kind)
    key = group.get("original_key", default) if isinstance(group, dict) else None
    return key if isinstance(key, str) else None


def drafted_modality(features: Mapping[str, Feature]) -> dict[str, Any]:
    """Return a draft of GR00T's ``meta/modality.json``, made from the names of dimensions and cameras."""
    return {
        "state": _parts(features.get(STATE)),
        "action": _parts(features.get(ACTION)),
        "video": {name.removeprefix(CAMERA_PREFIX): {"original_key": name} for name in cameras(features)},
        "annotation": {"human.task_description": {"original_key": "task_index"}},
    }


def _parts(feature: Feature | None) -> dict[str, Any]:
    """Return the dimensions in groups: grippers and arms, left and right."""
    if feature is None:
        return {}
    names = feature.dimension_names
    if names is None:
        return {"all": {"start": 0, "end": feature.shape[0]}}
    parts: dict[str, dict[str, int]] = {}
    last = ""
    for place, name in enumerate(names):
        side = next((f"{side}_" for side in ("left", "right") if side in name.lower()), "")
        kind = "gripper" if "gripper" in name.lower() else "arm" if side else "single_arm"
        group = f"{side}{kind}"
        if group != last:
            # A group that comes again, behind another one, gets a number.
            same = sum(1 for key in parts if key == group or key.startswith(f"{group}_"))
            last = group
            key = f"{group}_{same + 1}" if same else group
            parts[key] = {"start": place, "end": place}
        parts[key]["end"] = place + 1
    return parts
