"""What a recorder lends to the monitor; needs none of the packages that serve pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.recording.controls import Key
from lerotool.recording.status import Status


@dataclass(frozen=True, slots=True)
class Watched:
    """What the recorder lends to the monitor."""

    root: Path  # the dataset, which need not be there yet
    cameras: Sequence[Any]  # running, with ``name`` and ``format``
    status: Callable[[], Status]  # of the session; from any thread
    press: Callable[[Key], None]  # takes a key that was pressed on the page
