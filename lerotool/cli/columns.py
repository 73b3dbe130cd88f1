"""Tables that are not cut where the output is narrow or no terminal."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Return rows under their titles as lines."""
    table = [titles, *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(titles))]
    lines = []
    for row in table:
        cells = zip(titles, row, widths, strict=True)
        lines.append(GAP.join(c.rjust(width) if title in right else c.ljust(width) for title, c, width in cells))
    return "\n".join(line.rstrip() for line in lines)
