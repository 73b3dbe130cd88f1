"""Merging datasets: planned, then carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from lerotool.api.plans import RewritingPlan, check_carrying_out
from lerotool.arguments import as_choice, as_count, as_instance, as_list, as_path, as_rate, as_text, as_texts
from lerotool.choices import FileMode, Fill, Units, Version
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.selection import Selection
from lerotool.errors import LerotoolError, UsageError
from lerotool.execution import Place, ignore_event
from lerotool.features import Feature
from lerotool.merging.options import MergeOptions, Rename, SourceArgument, in_python
from lerotool.merging.plan import MergeReport, Plan, execute_plan
from lerotool.merging.planning import make_plan
from lerotool.rewriting.events import Listener

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MergeSource:
    """A dataset to merge, or some of its episodes.

    Attributes:
        dataset: its folder, or ``user/name`` in the LeRobot home; taken as it is.
        episodes: their numbers, in the order wanted, or a slice of them; None is all.
    """

    dataset: str | Path
    episodes: slice | Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class MergePlan(RewritingPlan):
    """What a merge will do: looked at first, then carried out.

    Attributes:
        target: the folder to make.
        details: what is planned, in terms of the code; not part of the stable API.
    """

    target: Path
    details: Plan = field(repr=False)

    @property
    def version(self) -> FormatVersion:
        """The format of the target."""
        return self.details.options.version

    @property
    def bytes(self) -> int:
        """About how large the target will be."""
        return self.details.work.bytes

    @property
    def features(self) -> Mapping[str, Feature]:
        """What the columns and cameras of the target are."""
        return self.details.work.features

    @property
    def differences(self) -> tuple[str, ...]:
        """How the sources differ, each with what will be done about it, or the arguments that settle it."""
        return tuple(self._spoken(str(difference)) for difference in self.details.differences)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the merge from being done; empty when it can be."""
        return tuple(map(self._spoken, self.details.problems))

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is worth knowing."""
        return tuple(map(self._spoken, self.details.notes))

    def carry_out(self, on_event: Listener = ignore_event, *, place: Place | None = None) -> MergeReport:
        """Do it; the target appears complete and durable, in one step, or not at all.

        Args:
            on_event: called with its progress, in this thread.
            place: where the work runs; None is this machine, one job per core.

        Raises:
            IncompatibleDatasetError: differences that no argument settles; the text lists all.
            CorruptDatasetError: a source is damaged, or has changed meanwhile.
            TargetExistsError: something is at the target.
            MediaError: a video cannot be read or encoded.
            OSError: the disk is full or fails.
        """
        check_carrying_out(on_event, place)
        with _of_arguments(self._labels):
            done = execute_plan(self.details, on_event, place)
        return replace(done, differences=self.differences, notes=self.notes)

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(contribution.source.label for contribution in self.details.work.contributions)

    def _spoken(self, text: str) -> str:
        return in_python(text, self._labels)


def merge(
    sources: Sequence[str | Path | MergeSource],
    target: str | Path,
    *,
    to: Version | str = Version.V30,
    files: FileMode | str = FileMode.PACK,
    rename: Mapping[str, str] | Mapping[Any, Mapping[str, str]] | None = None,
    drop: Iterable[str] = (),
    pad: bool = False,
    ignore_names: bool = False,
    fill_camera: Fill | str | None = None,
    robot_type: str | None = None,
    fps: float | None = None,
    units: Units | str | None = None,
    source_units: Units | str | Mapping[Any, Units | str] | None = None,
    calibration: str | Path | Mapping[Any, str | Path] | None = None,
    retime: bool = False,
    reencode: bool = False,
    keep_sizes: bool = False,
    gr00t: bool = False,
    on_event: Listener = ignore_event,
    place: Place | None = None,
) -> MergeReport:
    """Merge datasets into a new one; with one source, convert it. Sources are only read.

    The target appears complete and durable, in one step, or not at all. What is said of sources one by one is a mapping
    whose keys are sources as they are given in ``sources``, or their places there, from 0.

    Args:
        sources: folders, or ``user/name`` in the LeRobot home; ``:0-9,15`` behind one chooses episodes, ``:success``
            those that are marked so (docs/viewing.md), and `MergeSource` by number.
        target: the folder to make.
        to: its format.
        files: what becomes of video files.
        rename: new names of features by their old ones, for all sources or by source.
        drop: features that are left out.
        pad: widen vectors with zeros, aligned by the names of their dimensions.
        ignore_names: align vectors by position only.
        fill_camera: what becomes of cameras that some sources lack.
        robot_type: of the target.
        fps: of the target; sources with other rates are resampled by the nearest row.
        units: of an SO arm's joints in the target.
        source_units: of the sources, where nothing tells; for all or by source.
        calibration: LeRobot's calibration file of the follower, to convert units; for all sources or by source.
        retime: replace timestamps that are not frame number / fps.
        reencode: encode videos again that do not fit those of the first source.
        keep_sizes: pictures of one camera may have several sizes, which training does not read as they are.
        gr00t: also write what GR00T reads: ``meta/stats.json`` in v2.1, and ``meta/modality.json``.
        on_event: called with its progress, in this thread.
        place: where the work runs; None is this machine, one job per core.

    Raises:
        UsageError: arguments that cannot be or do not go together.
        IncompatibleDatasetError: differences that no argument settles; the text lists all, with what settles them.
        CorruptDatasetError: a source is damaged, or has changed meanwhile.
        TargetExistsError: something is at the target.
        MediaError: a video cannot be read or encoded.
        OSError: the disk is full or fails.
    """
    plan = plan_merge(
        sources,
        target,
        to=to,
        files=files,
        rename=rename,
        drop=drop,
        pad=pad,
        ignore_names=ignore_names,
        fill_camera=fill_camera,
        robot_type=robot_type,
        fps=fps,
        units=units,
        source_units=source_units,
        calibration=calibration,
        retime=retime,
        reencode=reencode,
        keep_sizes=keep_sizes,
        gr00t=gr00t,
    )
    return plan.carry_out(on_event, place=place)


def plan_merge(
    sources: Sequence[str | Path | MergeSource],
    target: str | Path,
    *,
    to: Version | str = Version.V30,
    files: FileMode | str = FileMode.PACK,
    rename: Mapping[str, str] | Mapping[Any, Mapping[str, str]] | None = None,
    drop: Iterable[str] = (),
    pad: bool = False,
    ignore_names: bool = False,
    fill_camera: Fill | str | None = None,
    robot_type: str | None = None,
    fps: float | None = None,
    units: Units | str | None = None,
    source_units: Units | str | Mapping[Any, Units | str] | None = None,
    calibration: str | Path | Mapping[Any, str | Path] | None = None,
    retime: bool = False,
    reencode: bool = False,
    keep_sizes: bool = False,
    gr00t: bool = False,
) -> MergePlan:
    """Return what `merge` with the same arguments would do; nothing is written.

    Raises:
        UsageError: arguments that cannot be or do not go together.
        DatasetError: a source cannot be read.
    """
    if isinstance(sources, str) or not isinstance(sources, Sequence):
        raise UsageError(f"sources are {sources!r}, expected a list of folders or user/name")
    target = as_path("target", target)
    dropped = frozenset(as_texts("drop", drop))
    arguments = tuple(map(_source, sources))
    with _of_arguments(tuple(argument.label for argument in arguments)):
        options = MergeOptions(
            version=FormatVersion(as_choice("to", to, Version)),
            files=as_choice("files", files, FileMode),
            renames=_renames(rename, sources),
            drop=dropped,
            pad=pad,
            ignore_names=ignore_names,
            fill_camera=None if fill_camera is None else as_choice("fill_camera", fill_camera, Fill),
            robot_type=None if robot_type is None else as_text("robot_type", robot_type),
            fps=None if fps is None else as_rate("fps", fps),
            units=None if units is None else as_choice("units", units, Units),
            source_units={
                place: as_choice("source_units", value, Units)
                for place, value in _by_source("source_units", source_units, sources).items()
            },
            calibrations={
                place: as_path("calibration", value).expanduser()
                for place, value in _by_source("calibration", calibration, sources).items()
            },
            retime=retime,
            reencode=reencode,
            keep_sizes=keep_sizes,
            gr00t=gr00t,
        )
        return MergePlan(target, make_plan(arguments, target, options))


def _source(given: str | Path | MergeSource) -> SourceArgument:
    if not isinstance(given, MergeSource):
        return SourceArgument.parse(as_path("a source", given))
    whole = SourceArgument.whole(as_path("a source", given.dataset))
    episodes = given.episodes
    if episodes is not None and not isinstance(episodes, slice):
        numbers = [as_count("an episode", number, 0) for number in as_list("episodes", episodes)]
        return replace(whole, episodes=Selection(tuple((number, number) for number in numbers)))
    return replace(whole, episodes=episodes)


def _renames(given: object, sources: Sequence[str | Path | MergeSource]) -> tuple[Rename, ...]:
    if given is None:
        return ()
    found = []
    for key, value in as_instance("rename", given, Mapping, "new names of features by their old ones").items():
        places = _places("rename", key, sources) if isinstance(value, Mapping) else [None]
        for old, new in value.items() if isinstance(value, Mapping) else [(key, value)]:
            if not isinstance(old, str) or not isinstance(new, str) or not new or "/" in new:
                raise UsageError(f"rename has {old!r}: {new!r}, expected names of features, the new one without '/'")
            found += [Rename(place, old, new) for place in places]
    return tuple(found)


def _by_source(
    name: str, given: _T | Mapping[Any, _T] | None, sources: Sequence[str | Path | MergeSource]
) -> dict[int, _T]:
    """Return what is said of each source; what is said last counts."""
    if not isinstance(given, Mapping):
        return {} if given is None else dict.fromkeys(range(len(sources)), given)
    return {place: value for key, value in given.items() for place in _places(name, key, sources)}


def _places(name: str, key: object, sources: Sequence[str | Path | MergeSource]) -> list[int]:
    """Return the places of the sources that a key means."""
    labels = [str(source.dataset if isinstance(source, MergeSource) else source) for source in sources]
    if type(key) is int and 0 <= key < len(labels):
        return [key]
    if isinstance(key, str | Path) and (found := [place for place, label in enumerate(labels) if label == str(key)]):
        return found
    raise UsageError(f"{name} has {key!r}, which is not one of the sources", hint=f"sources: {', '.join(labels)}")


@contextmanager
def _of_arguments(labels: Sequence[str]) -> Iterator[None]:
    """Let errors speak of arguments, where the planner has options of the command line; their cause has those."""
    try:
        yield
    except LerotoolError as error:
        hint = None if error.hint is None or "--dry-run" in error.hint else in_python(error.hint, labels)
        raise type(error)(in_python(error.message, labels), hint=hint) from error
