"""A pool of processes for all rescues of a module."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.execution import ProcessExecutor
from tests.mending.rescue.leftovers import Encode


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as pool:
        yield pool


@pytest.fixture
def encode(pool: ProcessExecutor) -> Encode:
    return functools.partial(encode_pending, options=EncodeOptions(rescue=True), executor=pool)
