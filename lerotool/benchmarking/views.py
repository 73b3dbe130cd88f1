"""How figures are laid out for people, whatever draws them: groups with titles, bars, cells in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lerotool.benchmarking import beside, codecs, merges, reading, strategies
from lerotool.benchmarking.figures import Basis, Better, Figure, Found, Report

ESTIMATED = "≈"
TIMES = "x"
"""The unit of ratios, which stands right behind the number."""
_NOISY = 0.1
_MOST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class View:
    """One group."""

    group: str
    title: str
    note: str
    bars: str | None  # name of the figure that bars show; None for none
    cases: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_upright(self) -> bool:
        """Whether each case has a column rather than a row."""
        return len(self.names) > _MOST_COLUMNS and len(self.cases) <= _MOST_COLUMNS


def views(report: Report) -> list[View]:
    """Return the groups of a report in the order that they are shown in: what people ask first comes first."""
    found = report.found
    order = sorted(found.groups, key=lambda group: _rank(group, found))
    return [_view(group, found) for group in order]


def _rank(group: str, found: Found) -> int:
    if group.startswith(strategies.GROUP):
        return 1 if _is_estimated(group, found) else 2
    return 3 + (_FIRST.index(group) if group in _FIRST else len(_FIRST))


def _is_estimated(group: str, found: Found) -> bool:
    return all(figure.basis is Basis.ESTIMATED for figure in found if figure.group == group)


def _view(group: str, found: Found) -> View:
    own = [figure for figure in found if figure.group == group]
    title, note, bars = _WORDS.get(group, (group, "", None))
    if group.startswith(strategies.GROUP):
        title, bars = f"When to encode: {group}", strategies.WAIT
        note = _ESTIMATED_NOTE if _is_estimated(group, found) else _MEASURED_NOTE
    elif group.startswith("beside"):
        title, bars = f"The same work {group}", beside.WAIT
        note = "in turn; lerotool record encodes the last take in the wait at the end"
    cases, names = dict.fromkeys(f.case for f in own), dict.fromkeys(f.name for f in own)
    return View(group, title, note, bars, tuple(cases), tuple(names))


_ESTIMATED_NOTE = "≈ estimated: the short takes below, and what longer takes were measured to take longer to encode"
_MEASURED_NOTE = "measured at the operator's clock; the wait is the time from a take's end until the next can begin"
_FIRST = (strategies.ONE_TAKE, codecs.GROUP, codecs.DISK, reading.GROUP, merges.GROUP, merges.STEPS)
_WORDS = {
    strategies.ONE_TAKE: (
        "How long one take takes to encode",
        "in a process that starts for it",
        strategies.TAKE_WAIT,
    ),
    codecs.GROUP: ("Codecs on all cores", "PSNR against the camera's pictures", codecs.RATE),
    codecs.DISK: ("Disk", "", None),
    merges.GROUP: (
        "Merging two v2.1 datasets with padding, to v2.1",
        "results are compared before any figure is shown; lerotool's is synced to the disk",
        merges.RATIO,
    ),
    merges.STEPS: ("Single steps of merging", "equal results are asserted first", merges.RATIO),
    reading.GROUP: (
        "Reading for training, in one process",
        "windows of two pictures of each camera and 16 states, at random; by CPU time",
        reading.RATE,
    ),
    reading.PEER_GROUP: (
        "Reading for training, beside LeRobot",
        "in one process each, by CPU time; LeRobot with PyAV",
        reading.RATIO,
    ),
    beside.MERGE_GROUP: ("Merging copies of one v3.0 dataset, beside LeRobot", "", beside.MERGE_RATIO),
}
"""Of groups: title, note, and the name of the figure that bars show."""


def number(value: float) -> str:
    """Return a number with three digits that matter."""
    size = abs(value)
    digits = 0 if size >= 100 or (value == int(value) and size >= 10) else 1 if size >= 10 else 2
    return f"{value:.{digits}f}"


def label(view: View, name: str, found: Found) -> str:
    """Return what stands above or before the figures of a name: the name and their unit."""
    unit = next((f.unit for c in view.cases if (f := found.get(view.group, c, name)) is not None), "")
    return f"{name}, {unit}" if unit and unit != TIMES else name


def value(figure: Figure) -> str:
    """Return a figure's median in words, ≈ before it where it is estimated."""
    is_count = figure.better is Better.ZERO or not figure.unit
    text = f"{figure.typical:.0f}" if is_count else number(figure.typical)
    return (f"{ESTIMATED} " if figure.basis is Basis.ESTIMATED else "") + text + ("x" if figure.unit == TIMES else "")


def cell(figure: Figure | None) -> str:
    """Return what a table says of a figure: its median without unit, and the range where repeats differ."""
    if figure is None:
        return ""
    if figure.spread > _NOISY and len(figure.values) > 1:
        return f"{value(figure)} ({number(min(figure.values))}–{number(max(figure.values))})"
    return value(figure)


def words(figure: Figure) -> str:
    """Return a figure's median with its unit."""
    return value(figure) if figure.unit in ("", TIMES) else f"{value(figure)} {figure.unit}"


def is_wrong(figure: Figure | None) -> bool:
    """Whether a figure must be zero and is not."""
    return figure is not None and figure.better is Better.ZERO and figure.typical > 0


def bars(view: View, found: Found) -> Iterator[tuple[str, Figure, float]]:
    """Yield a group's bars: the case, the figure, and the length as a share of the longest."""
    if view.bars is None:
        return
    figures = [(case, found.get(view.group, case, view.bars)) for case in view.cases]
    known = [(case, figure) for case, figure in figures if figure is not None]
    longest = max((figure.typical for _, figure in known), default=0.0)
    for case, figure in known:
        yield case, figure, figure.typical / longest if longest > 0 else 0.0
