"""``push_to_hub`` in terms of lerotool's own push."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lerotool.errors import UsageError

_MEANT = ("branch", "license", "private", "tags")
_WITHOUT_EFFECT = ("allow_patterns", "push_videos", "tag_version", "upload_large_folder")


def push(root: Path, repo_id: str, options: Mapping[str, Any]) -> None:
    """Upload a dataset."""
    if unknown := sorted(set(options) - {*_MEANT, *_WITHOUT_EFFECT}):
        raise UsageError(f"push_to_hub: unknown parameters {', '.join(unknown)}")
    from lerotool.sharing.api import push as push_dataset
    from lerotool.sharing.push_plan import MAIN

    private = options.get("private")
    push_dataset(
        root,
        repo_id,
        visibility=None if private is None else "private" if private else "public",
        license=options.get("license"),
        tags=options.get("tags") or (),
        branch=options.get("branch") or MAIN,
    )
