"""The dataset's card, ``README.md`` on the Hub: facts between two marks, and what people wrote, which stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from lerotool.errors import MetadataError

BEGIN = "<!-- lerotool: facts, written at every push -->"
END = "<!-- lerotool: end of facts -->"
_FRONT = re.compile(r"\A---[ \t]*\r?\n(?P<head>.*?)(?:^|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FACTS = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_TAGS = ("LeRobot",)
_CONFIGS = [{"config_name": "default", "data_files": "data/*/*.parquet"}]


@dataclass(frozen=True, slots=True)
class Card:
    """A card: its metadata, and its text."""

    head: Mapping[str, Any]  # the metadata, as the Hub reads them
    text: str  # Markdown

    @classmethod
    def parse(cls, data: bytes, place: str) -> Card:
        """Read a card."""
        try:
            text = data.decode("utf-8-sig")
            front = _FRONT.match(text)
            head = yaml.safe_load(front["head"]) if front else {}
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            problem = " ".join(str(error).split())
            raise MetadataError(
                f"{place}: the card cannot be read: {problem}", hint="correct its first lines"
            ) from None
        if not isinstance(head or {}, dict):
            raise MetadataError(f"{place}: expected keys and values between the first two '---'", hint="correct them")
        return cls(head or {}, text[front.end() :] if front else text)

    @property
    def license(self) -> str | None:
        """The licence that the card states."""
        found = self.head.get("license")
        return None if found is None else str(found)

    def with_facts(self, title: str, facts: str, license_id: str | None) -> bytes:
        """Return the card with new facts; everything else in it stays."""
        head = dict(self.head)
        if license_id is not None:
            head["license"] = license_id
        head["task_categories"] = _with(head.get("task_categories"), ("robotics",))
        head["tags"] = _with(head.get("tags"), _TAGS)
        head.setdefault("configs", _CONFIGS)
        block = f"{BEGIN}\n\n{facts}\n\n{END}"
        if _FACTS.search(self.text):
            text = _FACTS.sub(lambda _: block, self.text, count=1)
        elif self.text.strip():
            text = f"{self.text.rstrip()}\n\n{block}\n"
        else:
            text = f"# {title}\n\n{block}\n"
        front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
        return f"---\n{front}---\n\n{text.lstrip()}".encode()


def _with(found: object, wanted: tuple[str, ...]) -> list[Any]:
    """Return a list of the card with what must be in it, whatever it was before."""
    kept = list(found) if isinstance(found, list) else [] if found is None else [found]
    known = {str(each).lower() for each in kept}
    return [*kept, *(each for each in wanted if each.lower() not in known)]
