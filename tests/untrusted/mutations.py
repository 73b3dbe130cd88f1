"""Random damage: bytes of a file are changed, cut out, doubled or filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st


@dataclass(frozen=True)
class Mutation:
    """One change of a file's bytes; places are shares of its size."""

    kind: str
    place: float
    length: int
    value: int

    def apply(self, content: bytes) -> bytes:
        """Return the changed bytes."""
        start = int(self.place * len(content))
        stop = min(len(content), start + self.length)
        match self.kind:
            case "cut":
                return content[:start]
            case "remove":
                return content[:start] + content[stop:]
            case "double":
                return content[:stop] + content[start:]
            case "fill":
                return content[:start] + bytes([self.value]) * (stop - start) + content[stop:]
        flipped = bytes([content[start] ^ (self.value or 1)]) if start < len(content) else b""
        return content[:start] + flipped + content[start + 1 :]


# Damage near the ends, where footers and headers are, is as likely as damage anywhere.
_places = st.one_of(st.floats(0, 1, exclude_max=True), st.floats(0.97, 1, exclude_max=True), st.floats(0, 0.03))
mutations = st.lists(
    st.builds(
        Mutation,
        st.sampled_from(["flip", "flip", "flip", "cut", "remove", "double", "fill"]),
        _places,
        st.integers(1, 40),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damage(path: Path, changes: list[Mutation]) -> None:
    """Change a file."""
    content = path.read_bytes()
    for change in changes:
        content = change.apply(content)
    path.write_bytes(content)
