"""All tests of merging run with tiny batches; those of what limits do set their own."""

from __future__ import annotations

import pytest

from tests.limits import small_limits

__all__ = ["small_limits"]


@pytest.fixture(autouse=True)
def _small_limits(small_limits: None) -> None: ...
