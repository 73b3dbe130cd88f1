"""How vectors of the sources come to stand side by side: by the names of their dimensions, else by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lerotool.features import Feature
from lerotool.merging.options import MergeOptions
from lerotool.merging.plan import Difference, Verdict, by_value
from lerotool.rewriting.source import Source
from lerotool.wording import counted, flag

_NAMES_SHOWN = 8
Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The dimensions of a vector in the target, and where each source's dimensions go."""

    names: tuple[str, ...] | None  # of the dimensions in the target, if known
    width: int  # how many there are
    places: tuple[Places, ...]  # per source, the place in the target of each of its dimensions

    @classmethod
    def by_position(cls, names: tuple[str, ...] | None, widths: Sequence[int]) -> Alignment:
        """Return that of vectors of these widths, from the first dimension on."""
        return cls(names, max(widths), tuple(tuple(range(width)) for width in widths))


def align(
    name: str, features: Sequence[Feature], sources: Sequence[Source], options: MergeOptions
) -> tuple[Alignment, Difference | None]:
    """Align one vector feature, (n,) in every source; with what differs, if something does."""
    widths = [feature.shape[0] for feature in features]
    named = [feature.dimension_names for feature in features]
    known = [names for names in named if names is not None]
    what = f"feature {name!r}"
    if options.ignore_names or not known:
        return _by_position(name, widths, known, sources, options)
    if len(known) < len(named):
        if len(set(known)) == len(set(widths)) == 1:
            return _by_position(name, widths, known, sources, options)
        return _contradicting(name, widths, named, sources, options)
    if len(set(known)) == 1:
        return Alignment.by_position(known[0], widths), None
    if any(len(set(names)) < len(names) for names in known):
        return _contradicting(name, widths, named, sources, options)
    target = _joint_names(known)
    places = tuple(tuple(target.index(joint) for joint in names) for names in known)
    alignment = Alignment(target, len(target), places)
    found = by_value((s.label, _compared(names, target)) for s, names in zip(sources, known, strict=True))
    if all(len(names) == len(target) for names in known):
        action = "the dimensions are put in the order of the first source, by their names"
        return alignment, Difference(what, found, Verdict.TRIVIAL, action)
    if options.pad:
        return alignment, Difference(what, found, Verdict.CHOSEN, f"padded to {len(target)} dimensions by name")
    flags: tuple[str, ...] = ("--pad", flag("--drop", name))
    if len(set(widths)) == 1:
        flags = ("--ignore-names", *flags)
    return alignment, Difference(what, found, Verdict.OPEN, flags=flags)


def _contradicting(
    name: str,
    widths: list[int],
    named: Sequence[tuple[str, ...] | None],
    sources: Sequence[Source],
    options: MergeOptions,
) -> tuple[Alignment, Difference | None]:
    """Ask before values are taken by position that could be those of other joints."""
    found = by_value((s.label, _described(own, w)) for s, own, w in zip(sources, named, widths, strict=True))
    needs_width = len(set(widths)) > 1 and not options.pad
    flags = ("--pad --ignore-names" if needs_width else "--ignore-names", flag("--drop", name))
    difference = Difference(f"feature {name!r}", found, Verdict.OPEN, flags=flags)
    return Alignment.by_position(None, widths), difference


def _described(names: tuple[str, ...] | None, width: int) -> str:
    if names is None:
        return f"{counted(width, 'dimension')} without names"
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    return f"{counted(width, 'dimension')}, " + (f"{_shown(twice)} more than once" if twice else _shown(names))


def _by_position(
    name: str, widths: list[int], known: list[tuple[str, ...]], sources: Sequence[Source], options: MergeOptions
) -> tuple[Alignment, Difference | None]:
    what = f"feature {name!r}"
    width = max(widths)
    alignment = Alignment.by_position(next((names for names in known if len(names) == width), None), widths)
    if len(set(widths)) > 1:
        found = by_value((s.label, counted(own, "dimension")) for s, own in zip(sources, widths, strict=True))
        if options.pad:
            action = f"padded to {width} dimensions by position"
            return alignment, Difference(what, found, Verdict.CHOSEN, action)
        return alignment, Difference(what, found, Verdict.OPEN, flags=("--pad", flag("--drop", name)))
    if len(set(known)) > 1:
        found = f"dimensions are called {' or '.join(_shown(names) for names in dict.fromkeys(known))}"
        return alignment, Difference(what, found, Verdict.CHOSEN, "taken by position, with the first names")
    if known and len(known) < len(sources):
        found = "the names of the dimensions are missing in some sources"
        return alignment, Difference(what, found, Verdict.TRIVIAL, "taken by position, with the known names")
    return alignment, None


def _joint_names(named: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return all names: those of the widest (the first one of that width), then what else there is."""
    widest = max(named, key=len)
    return tuple(dict.fromkeys([*widest, *(name for names in named for name in names)]))


def _compared(names: Sequence[str], target: Sequence[str]) -> str:
    """Return what is special about the names of a vector, as short as possible."""
    missing = [name for name in target if name not in names]
    if not missing:
        return f"{len(names)} dimensions, {_shown(names)}"
    return f"{len(names)} dimensions, without {_shown(missing)}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
