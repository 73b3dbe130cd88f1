"""A dataset of which only a part is on this machine: ``.lerotool/partial.json`` says which, and where the rest is.

The metadata are always whole. Whoever reads rows or pictures of an episode that is not here gets an error that says so
here, not that a file is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.errors import MetadataError
from lerotool.wording import as_argument, problems, ranges
from lerotool.workspace import Workspace

PARTIAL = "partial.json"
_Number = Annotated[int, Field(strict=True, ge=0, lt=2**40)]


class _Document(BaseModel):
    """What ``partial.json`` holds."""

    repository: str
    episodes: list[_Number]
    total: _Number


@dataclass(frozen=True, slots=True)
class Partial:
    """What of a dataset is on this machine."""

    repository: str  # ``user/name`` on the Hub, where all of it is
    # The episodes whose rows and pictures are here, ascending; none where only the metadata are.
    episodes: tuple[int, ...]
    total: int  # how many there are in all

    def __str__(self) -> str:
        if not self.episodes:
            return "metadata only"
        return f"episodes {ranges(self.episodes)} of {self.total}"

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return len(self.episodes) == self.total

    def lacking(self, episodes: Iterable[int]) -> tuple[int, ...]:
        """Return those of some episodes that are not here."""
        return tuple(sorted(set(episodes) - set(self.episodes)))

    @property
    def command(self) -> str:
        """The command that gets the rest."""
        return f"lerotool pull {as_argument(self.repository)}"

    def to_json(self) -> dict[str, Any]:
        """Return the document that `load_partial` reads."""
        return {"repository": self.repository, "episodes": list(self.episodes), "total": self.total}


def partial_path(root: Path) -> Path:
    """Return where a dataset says that it is partial."""
    return Workspace(root).folder / PARTIAL


def load_partial(root: Path) -> Partial | None:
    """Return what of a dataset is here; None if that is all of it."""
    path = partial_path(root)
    if not path.is_file():
        return None
    try:
        document = _Document.model_validate(read_object(path))
    except ValidationError as error:
        raise MetadataError(f"{path}: {problems(error)[0]}", hint="pull the dataset again") from None
    return Partial(document.repository, tuple(sorted(set(document.episodes))), document.total)
