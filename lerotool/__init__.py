"""Record, encode, merge, measure and check LeRobot datasets.

The names below are the public API. They are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.errors import LerotoolError
    from lerotool.media.format import EncoderSettings
    from lerotool.merging.api import merge
    from lerotool.merging.events import MergeReport
    from lerotool.writer import DatasetWriter

__all__ = ["Dataset", "DatasetWriter", "EncoderSettings", "LerotoolError", "MergeReport", "__version__", "merge"]

_HOMES = {
    "Dataset": "lerotool.dataset.dataset",
    "DatasetWriter": "lerotool.writer",
    "EncoderSettings": "lerotool.media.format",
    "LerotoolError": "lerotool.errors",
    "MergeReport": "lerotool.merging.events",
    "merge": "lerotool.merging.api",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("lerotool")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
