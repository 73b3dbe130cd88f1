"""Whether pictures repeat: a camera that has frozen keeps sending the last one."""

from __future__ import annotations

_START_OF_SCAN = b"\xff\xda"


def is_same_picture(one: bytes, other: bytes) -> bool:
    """Whether two packets, each a picture of its own, are the same picture.

    JPEGs may differ in what stands before the picture itself: some cameras write the time there.
    """
    if one == other:
        return True
    begins = one.find(_START_OF_SCAN), other.find(_START_OF_SCAN)
    if min(begins) < 0 or len(one) - begins[0] != len(other) - begins[1]:
        return False
    return one.startswith(b"\xff\xd8") and one[begins[0] :] == other[begins[1] :]


class FreezeWatch:
    """Notices when the same picture has come for longer than a limit. One thread notes, any may ask.

    Args:
        limit_ns: nanoseconds.
    """

    def __init__(self, limit_ns: int) -> None:
        self._limit_ns = limit_ns
        self._since_ns: int | None = None
        self.is_frozen = False

    def note(self, arrived_ns: int, *, is_repeat: bool) -> bool:
        """Note a picture and return whether the camera is found frozen by this one."""
        if self._since_ns is None or not is_repeat:
            self._since_ns, self.is_frozen = arrived_ns, False
            return False
        was_frozen = self.is_frozen
        self.is_frozen = arrived_ns - self._since_ns > self._limit_ns
        return self.is_frozen and not was_frozen
