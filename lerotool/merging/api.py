"""The Python API of merging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lerotool.dataset.info import FormatVersion
from lerotool.errors import UsageError
from lerotool.execution import Place
from lerotool.merging.events import Listener, MergeReport, ignore_event
from lerotool.merging.options import (
    FileMode,
    Fill,
    MergeOptions,
    MergeRequest,
    SourceArgument,
    Units,
    parse_calibrations,
    parse_renames,
    parse_source_units,
)
from lerotool.merging.run import merge_datasets


def merge(
    sources: Sequence[str | Path],
    target: str | Path,
    *,
    to: str = "v3.0",
    files: str = "pack",
    rename: Iterable[str] = (),
    drop: Iterable[str] = (),
    pad: bool = False,
    ignore_names: bool = False,
    fill_camera: str | None = None,
    robot_type: str | None = None,
    fps: float | None = None,
    units: str | None = None,
    source_units: Iterable[str] = (),
    calibration: Iterable[str] = (),
    retime: bool = False,
    reencode: bool = False,
    gr00t: bool = False,
    listen: Listener = ignore_event,
    place: Place | None = None,
) -> MergeReport:
    """Merge datasets into a new one; with one source, convert it. Sources are only read.

    The target appears complete and durable, in one step, or not at all.

    Args:
        sources: folders, or ``user/name`` in the LeRobot home; ``:0-9,15`` behind one chooses episodes.
        target: the folder to make.
        to: format, ``v3.0`` or ``v2.1``.
        files: ``pack`` copies the packets of videos into few files, ``keep`` copies whole files, ``link`` links them.
        rename: ``old=new`` or ``SOURCE:old=new``, features.
        drop: features that are left out.
        pad: widen vectors with zeros, aligned by the names of their dimensions.
        ignore_names: align vectors by position only.
        fill_camera: ``black`` or ``drop``, for cameras that some sources lack.
        robot_type: of the result.
        fps: of the result; sources with other rates are resampled by the nearest row.
        units: ``degrees`` or ``range``, of an SO arm's joints in the result.
        source_units: ``[SOURCE:]degrees`` or ``[SOURCE:]range``, where nothing tells.
        calibration: ``[SOURCE:]FILE``, of the follower, to convert units.
        retime: replace timestamps that are not frame number / fps.
        reencode: encode videos again that do not fit those of the first source.
        gr00t: also draft ``meta/modality.json``.
        listen: hears how far it is.
        place: where the work runs; None is this machine.

    Raises:
        UsageError: options that do not exist or do not go together.
        IncompatibleDatasetError: differences that no option settles; the text lists all, with what settles them.
        CorruptDatasetError: a source is damaged, or has changed meanwhile.
        TargetExistsError: something is at the target.
        MediaError: a video cannot be read or encoded.
        OSError: the disk is full or fails.
    """
    arguments = tuple(SourceArgument.parse(source) for source in sources)
    try:
        options = MergeOptions(
            version=FormatVersion(to),
            files=FileMode(files),
            renames=parse_renames(rename, arguments),
            drop=frozenset(drop),
            pad=pad,
            ignore_names=ignore_names,
            fill_camera=Fill(fill_camera) if fill_camera else None,
            robot_type=robot_type,
            fps=fps,
            units=Units(units) if units else None,
            source_units=parse_source_units(source_units, arguments),
            calibrations=parse_calibrations(calibration, arguments),
            retime=retime,
            reencode=reencode,
            gr00t=gr00t,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    return merge_datasets(MergeRequest(arguments, Path(target), options), listen, place)
