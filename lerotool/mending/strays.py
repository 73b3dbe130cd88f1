"""Files that are not part of a dataset are moved away and kept, if nothing is missing that they may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lerotool.checking.leftovers import find_leftovers
from lerotool.dataset.layout import inside
from lerotool.errors import CorruptDatasetError
from lerotool.findings import Code, Finding, Severity
from lerotool.mending.draft import Draft
from lerotool.wording import listed
from lerotool.workspace import Workspace, committed_by

_NO_TABLE = frozenset([Code.EPISODES_MISSING, Code.EPISODES_UNREADABLE, Code.EPISODES_VALUES, Code.EPISODES_ORDER])
_KIN: Mapping[Code, frozenset[Code]] = MappingProxyType(
    {
        Code.DATA_STRAY: _NO_TABLE
        | {
            Code.DATA_MISSING,
            Code.DATA_NO_FOOTER,
            Code.DATA_DAMAGED,
            Code.ROW_COUNT,
            Code.LINK_OUTSIDE,
            Code.PATH_TEMPLATE,
            Code.TEMPLATE_WRONG,
        },
        Code.EPISODES_STRAY: _NO_TABLE | {Code.EPISODES_COLUMNS},
    }
)
"""A stray is not moved away while one of these is there: it may be what is missing."""


def plan_strays(draft: Draft) -> None:
    """Move away what is not part of the dataset, if nothing is missing that it may be."""
    for finding in draft.sight.found:
        if swept := _swept(draft, finding):
            draft.add((finding.code,), swept[0], f"removed: {listed(swept)}", finding)
        paths = [path for path in _strays(draft, finding) if _is_own(draft, path)]
        if not paths:
            continue
        if missing := _missing_kin(draft, finding.code):
            draft.leave([finding.code], f"it is not moved away before these are mended: {listed(missing)}")
            continue
        names = listed([draft.name(path) for path in paths])
        draft.add((finding.code,), draft.name(paths[0]), f"moved away and kept: {names}", finding)
        draft.removed += paths


def _strays(draft: Draft, finding: Finding) -> list[Path]:
    place = draft.root / finding.place.file
    if finding.code is Code.LEFTOVERS:
        leftovers = find_leftovers(draft.root)
        staging = Workspace(draft.root).staging
        return [path for path in leftovers if path.parent != staging] if place in leftovers else []
    return [place] if finding.code in _KIN else []


def _swept(draft: Draft, finding: Finding) -> list[str]:
    """Return what of a finding needs no action: whoever takes the writing lock sweeps it away."""
    if finding.code is not Code.LEFTOVERS:
        return []
    workspace, place = Workspace(draft.root), draft.root / finding.place.file
    if place.parent == workspace.pending and committed_by(place) is not None:
        return [finding.place.file]
    leftovers = find_leftovers(draft.root)
    return [draft.name(path) for path in leftovers if path.parent == workspace.staging and place in leftovers]


def _is_own(draft: Draft, path: Path) -> bool:
    """Whether a file lies in the dataset's folder, not behind a link."""
    try:
        inside(draft.root, draft.name(path.parent))
    except CorruptDatasetError:
        return False
    return True


def _missing_kin(draft: Draft, code: Code) -> list[Code]:
    """Return what is missing or broken that a stray of some kind may be."""
    if code is Code.LEFTOVERS:
        return sorted({f.code for f in draft.sight.found if f.severity is Severity.ERROR})
    return sorted(draft.report.codes & _KIN[code])
