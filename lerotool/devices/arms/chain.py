"""What silent motors mean: an arm's motors hang on one chain of cables, from the adapter to motor 1 on to motor 6."""

from __future__ import annotations

from collections.abc import Collection

from lerotool.devices.arms.joints import JOINTS


def describe_silence(silent: Collection[int]) -> tuple[str, str]:
    """Return which motors do not answer, and where to look, for people.

    Args:
        silent: ids of ``JOINTS``, one at least.
    """
    ids = sorted(silent)
    who = (
        f"motors {', '.join(map(str, ids))} do not answer" if len(ids) > 1 else f"{JOINTS[ids[0] - 1]} does not answer"
    )
    return who, _where(ids)


def _where(ids: list[int]) -> str:
    first = JOINTS[ids[0] - 1]
    if len(ids) == len(JOINTS):
        return (
            "check the arm's power supply and the cable between the adapter and motor 1; "
            "if the motors are new: lerotool setup motors NAME"
        )
    if ids == list(range(first.id, JOINTS[-1].id + 1)):
        return f"check the cable between {JOINTS[first.id - 2]} and {first}"
    which = f"{first} has" if len(ids) == 1 else "they have"
    return f"motors behind answer, so the cables carry data: check that {which} the right id (lerotool setup bus NAME)"
