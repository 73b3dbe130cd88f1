"""What a dataset has already: episodes in it, episodes that wait, takes that were interrupted; whether more fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lerotool.dataset.info import INFO, load_info
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.errors import IncompatibleDatasetError, TargetExistsError
from lerotool.features import Feature, parse_features, recorded_features
from lerotool.spool.pending import PendingEpisode, State, list_pending, next_sequence, remove_leftovers
from lerotool.spool.recovery import Kind, Verdict, examine_all
from lerotool.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Shape:
    """What all episodes of a dataset have in common."""

    origin: str
    fps: Fraction  # rows per second
    robot_type: str | None  # as in ``info.json``
    features: Mapping[str, Feature]


@dataclass(frozen=True, slots=True)
class Stock:
    """What a dataset has."""

    committed: int
    waiting: int  # saved episodes that are not in it yet
    # Takes that were never saved; they are not counted and nobody removes them by itself.
    interrupted: tuple[Verdict, ...]
    next_sequence: int  # above those of all pending episodes
    shapes: tuple[Shape, ...]  # of the dataset and of the pending episodes, each different one once

    @property
    def total(self) -> int:
        """Episodes that count."""
        return self.committed + self.waiting


def take_stock(root: Path) -> Stock:
    """Finish a commit that was interrupted, remove what interrupted removals have left, and look at what there is.

    The caller holds the dataset's recording lock.
    """
    require_dataset(root)
    finish_interrupted(Workspace(root))
    remove_leftovers(root)
    return look_at(root)


def require_dataset(root: Path) -> None:
    """Refuse a folder that holds something else than a dataset; one that is not there or empty is fine."""
    if root.exists() and not root.is_dir():
        raise TargetExistsError(f"{str(root)!r} is a file, expected a dataset's folder")
    if root.is_dir() and not (root / INFO).exists() and not Workspace(root).folder.exists() and any(root.iterdir()):
        raise TargetExistsError(
            f"{str(root)!r} holds other files and is not a dataset",
            hint="name a new folder, or one that holds a dataset",
        )


def look_at(root: Path) -> Stock:
    """Look at what there is and change nothing."""
    require_dataset(root)
    shapes: list[Shape] = []
    committed = 0
    if (root / INFO).exists():
        info = load_info(root)
        committed = info.total_episodes
        shapes.append(Shape("the dataset", Fraction(info.fps), info.robot_type, recorded_features(info.features)))
    saved = [pending for pending in list_pending(root) if pending.state in (State.SAVED, State.ENCODING)]
    for pending in saved:
        shape = _shape_of(pending)
        if all(_differences(known, shape) for known in shapes):
            shapes.append(shape)
    verdicts = examine_all(root)
    return Stock(
        committed=committed,
        waiting=len(saved),
        interrupted=tuple(v for v in verdicts if v.kind in (Kind.SALVAGEABLE, Kind.HOPELESS)),
        next_sequence=next_sequence(root, committed),
        shapes=tuple(shapes),
    )


def require_fit(stock: Stock, fps: Fraction, robot_type: str | None, features: Mapping[str, Feature]) -> None:
    """Refuse to add episodes that are unlike the ones there are."""
    new = Shape("this session", fps, robot_type, recorded_features(features))
    problems = [text for shape in stock.shapes for text in _differences(shape, new)]
    if problems:
        raise IncompatibleDatasetError(
            "what this session records does not fit what is there:\n  " + "\n  ".join(problems),
            hint="use the same options as before, or record into another dataset with --repo-id or --root",
        )


def _shape_of(pending: PendingEpisode) -> Shape:
    header = pending.header
    features = recorded_features(parse_features(header.features))
    return Shape(f"pending {pending.path.name}", Fraction(header.fps), header.robot_type, features)


def _differences(old: Shape, new: Shape) -> list[str]:
    problems = []
    for name, ours, theirs in (("fps", new.fps, old.fps), ("robot_type", new.robot_type, old.robot_type)):
        if ours != theirs:
            problems.append(f"{name}: {theirs} in {old.origin}, {ours} in {new.origin}")
    for name in dict.fromkeys([*old.features, *new.features]):
        ours_is, theirs_is = new.features.get(name), old.features.get(name)
        if ours_is is None:
            problems.append(f"feature {name!r}: missing in {new.origin}")
        elif theirs_is is None:
            problems.append(f"feature {name!r}: missing in {old.origin}")
        elif (before := _describe(theirs_is)) != (now := _describe(ours_is)):
            problems.append(f"feature {name!r}: {before} in {old.origin}, {now} in {new.origin}")
    return problems


def _describe(feature: Feature) -> str:
    size = "x".join(map(str, feature.shape))
    names = "" if feature.is_camera or feature.names is None else f" ({', '.join(feature.dimension_names or ('?',))})"
    return f"{feature.dtype} {size}{names}"
