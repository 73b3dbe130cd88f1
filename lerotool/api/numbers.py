"""Measuring, verifying and writing the statistics of datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lerotool.arguments import as_choice, as_path, as_texts
from lerotool.choices import Export
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.selection import Selection as Episodes
from lerotool.errors import TargetExistsError, UsageError
from lerotool.execution import Place, Progress, ignore_progress
from lerotool.statistics.export import OpenpiOptions, document_text, export_groot, export_openpi
from lerotool.statistics.measure import Selection, workers
from lerotool.statistics.report import FeatureReport, report_features
from lerotool.statistics.rewrite import RewriteReport, rewrite
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.verify import VerifyReport, verify
from lerotool.storage import write_atomic


def measure_statistics(
    dataset: Dataset | str | Path,
    *,
    only: Iterable[str] = (),
    episodes: Episodes | str | int | Sequence[int] | None = None,
    sampling: Sampling | None = None,
    with_stored: bool = True,
    with_episodes: bool = False,
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> list[FeatureReport]:
    """Measure a dataset's statistics exactly, from all rows; nothing is written.

    Args:
        dataset: opened, or its folder, or ``user/name`` in the LeRobot home.
        only: names of features; empty is all.
        episodes: numbers, or a text such as ``0-9,15``, ``-1`` or ``success``; None is all.
        sampling: which frames of cameras are decoded; None decodes none.
        with_stored: cameras that are not decoded are reported as their statistics are stored; never where episodes
            are chosen, because those of the whole dataset are stored.
        with_episodes: those of every episode, too.
        place: where jobs run; None is one process for each core, if it is worth it.
        on_progress: called with rows and frames done, of all.

    Raises:
        DatasetError: the dataset cannot be read.
        UsageError: the feature is unknown or has no statistics, or no episode is meant.
    """
    opened = _opened(dataset)
    chosen = None if episodes is None else Episodes.of(episodes).choose(opened, str(opened.root))
    meant = None if chosen is None else frozenset(chosen.tolist())
    selection = Selection(as_texts("only", only), sampling, meant)
    with workers(opened, selection, place) as executor:
        reports = report_features(
            opened,
            selection,
            executor,
            on_progress,
            with_episodes=with_episodes,
            with_stored=with_stored and chosen is None,
        )
        return list(reports)


def verify_statistics(
    dataset: Dataset | str | Path,
    *,
    only: Iterable[str] = (),
    sampling: Sampling | None = Sampling(),  # noqa: B008 - frozen
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> VerifyReport:
    """Measure a dataset and compare what it states with that; nothing is written.

    Args:
        dataset: opened, or its folder, or ``user/name`` in the LeRobot home.
        only: names of features; empty is all.
        sampling: which frames of cameras are decoded; None leaves cameras out.
        place: where jobs run; None is one process for each core, if it is worth it.
        on_progress: called with rows and frames done, of all.

    Raises:
        DatasetError: the dataset cannot be read.
        UsageError: the feature is unknown or has no statistics.
    """
    opened, selection = _opened(dataset), Selection(as_texts("only", only), sampling)
    with workers(opened, selection, place) as executor:
        return verify(opened, selection, executor, on_progress)


def write_statistics(
    dataset: Dataset | str | Path,
    *,
    only: Iterable[str] = (),
    sampling: Sampling | None = Sampling(),  # noqa: B008 - frozen
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> RewriteReport:
    """Recompute a dataset's statistics and write them, those of episodes and of the dataset, in one commit.

    A camera of which some episodes cannot be decoded keeps its old statistics.

    Args:
        dataset: opened, or its folder, or ``user/name`` in the LeRobot home.
        only: names of features; empty is all.
        sampling: which frames of cameras are decoded; None leaves cameras out.
        place: where jobs run; None is one process for each core, if it is worth it.
        on_progress: called with rows and frames done, of all.

    Raises:
        UsageError: the dataset has no frames, or the feature is unknown.
        DatasetError: the dataset cannot be read, or has changed meanwhile.
        DatasetLockedError: another process changes the dataset.
        OSError: the disk is full or fails.
    """
    opened, selection = _opened(dataset), Selection(as_texts("only", only), sampling)
    with workers(opened, selection, place) as executor:
        return rewrite(opened, selection, executor, on_progress)


def export_statistics(
    dataset: Dataset | str | Path,
    target: str | Path,
    export: Export | str,
    openpi: OpenpiOptions | None = None,
    *,
    place: Place | None = None,
    on_progress: Progress = ignore_progress,
) -> None:
    """Write statistics as other training code reads them.

    Args:
        dataset: opened, or its folder, or ``user/name`` in the LeRobot home.
        target: the file to write.
        export: for whose training code.
        openpi: what openpi does to the numbers before it normalises them; for `Export.OPENPI` only.
        place: where jobs run; None is one process for each core, if it is worth it.
        on_progress: called with rows done, of all.

    Raises:
        TargetExistsError: something is at the target.
        DatasetError: the dataset cannot be read.
        UsageError: the dataset has no frames, numbers that are not finite, or not the features that are needed.
        OSError: the disk is full or fails.
    """
    opened, path, export = _opened(dataset), as_path("target", target), as_choice("export", export, Export)
    if openpi is not None and export is not Export.OPENPI:
        raise UsageError("openpi is for the export openpi")
    if path.exists():
        raise TargetExistsError(f"{str(path)!r} exists already", hint="name another file, or move it away")
    with workers(opened, Selection((), None), place) as executor:
        document = (
            export_openpi(opened, openpi, executor, on_progress)
            if export is Export.OPENPI
            else export_groot(opened, executor, on_progress)
        )
    write_atomic(path, document_text(document).encode())


def _opened(dataset: Dataset | str | Path) -> Dataset:
    return dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
