"""What macOS itself calls each camera, whatever is plugged in beside it: the ids of AVFoundation, from system_profiler.

libav's device does not tell them. It knows a camera by its number, which changes with what is plugged in.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

_COMMAND = ("/usr/sbin/system_profiler", "SPCameraDataType", "-json")
_LONGEST_S = 20


def report() -> str:
    """Return what macOS says of its cameras, JSON; nothing where it does not answer."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(_COMMAND, capture_output=True, text=True, timeout=_LONGEST_S, check=True).stdout
    return ""


def read_ids(text: str) -> Mapping[str, Sequence[str]]:
    """Return by name the ids of the cameras that have it, in their order, out of ``report``."""
    found: dict[str, list[str]] = {}
    with suppress(ValueError, AttributeError, TypeError):
        for camera in json.loads(text)["SPCameraDataType"]:
            name, unique_id = camera.get("_name"), camera.get("spcamera_unique-id")
            if isinstance(name, str) and isinstance(unique_id, str) and unique_id:
                found.setdefault(name, []).append(unique_id)
    return found


def match_ids(names: Sequence[str], ids: Mapping[str, Sequence[str]]) -> tuple[str | None, ...]:
    """Return the id of each camera that libav lists, None where the two lists do not fit together.

    Both come from AVFoundation, so cameras of the same name are taken to be in the same order in both.
    """
    left = {name: list(known) for name, known in ids.items() if len(known) == names.count(name)}
    return tuple(left[name].pop(0) if left.get(name) else None for name in names)
