"""How much disk a take needs, and what must stay free beside it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lerotool.recording.housekeeping import RESERVE_BYTES, DiskNeed, measure_disk, require_space

TAKE = DiskNeed(bytes_per_second=1e6, take_bytes=60_000_000, session_bytes=60_000_000)


@pytest.mark.parametrize("short", [1, 60_000_000, RESERVE_BYTES])
def test_a_take_is_refused_where_it_would_leave_less_than_the_reserve(
    tmp_path: Path, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lerotool.storage.free_bytes", lambda _: TAKE.take_bytes + RESERVE_BYTES - short)
    with pytest.raises(OSError, match=r"a take of 60\.0 MB, with 268 MB that stay free, needs") as refused:
        require_space(tmp_path, TAKE)
    assert refused.value.errno == errno.ENOSPC


def test_a_take_that_fits_beside_the_reserve_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lerotool.storage", "lerotool.recording.housekeeping"):
        monkeypatch.setattr(f"{module}.free_bytes", lambda _: TAKE.take_bytes + RESERVE_BYTES)
    require_space(tmp_path, TAKE)
    assert measure_disk(tmp_path, TAKE).left_s == pytest.approx(60.0)
