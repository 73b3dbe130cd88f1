"""Record, encode, merge, measure and check LeRobot datasets.

The names below are the public API: what does the work, the values that it takes and returns, and the errors that it
raises. They are loaded on first use, so that importing the package costs nothing. docs/api.md describes them,
docs/stability.md says what of them is stable.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lerotool.api.checks import check, check_quality, forget, plan_repair, plan_undo, repair, undo
    from lerotool.api.datasets import CameraSummary, DatasetSummary, PendingSummary, info
    from lerotool.api.edits import EditPlan, KeptChange, edit, list_changes, plan_edit, plan_split
    from lerotool.api.merges import MergePlan, MergeSource, merge, plan_merge
    from lerotool.api.numbers import export_statistics, measure_statistics, verify_statistics, write_statistics
    from lerotool.checking.quality.report import QualityReport
    from lerotool.checking.report import CheckReport
    from lerotool.choices import Depth, Export, FileMode, Fill, Frames, Priority, Units, Version
    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.formats import FormatVersion
    from lerotool.dataset.reading.episodes import Episode
    from lerotool.dataset.reading.windows import Windows
    from lerotool.editing.changes import (
        AddFeature,
        DeleteEpisodes,
        DropFeature,
        KeepEpisodes,
        RenameFeature,
        RenameTask,
        RepackFiles,
        SetTask,
        TrimEpisodes,
    )
    from lerotool.editing.plan import EditReport
    from lerotool.encoding.events import EncodeReport
    from lerotool.encoding.plan import EncodeOptions
    from lerotool.encoding.reencode import ReencodeOptions, ReencodePlan, ReencodeReport, plan_reencoding, reencode
    from lerotool.encoding.run import encode_pending, plan_pending
    from lerotool.errors import (
        CalibrationError,
        CorruptDatasetError,
        DatasetError,
        DatasetLockedError,
        DatasetNotFoundError,
        DeviceBusyError,
        DeviceError,
        DeviceLostError,
        DeviceNotFoundError,
        DevicePermissionError,
        DeviceTimeoutError,
        HubError,
        IncompatibleDatasetError,
        IncompleteError,
        LerotoolError,
        MediaError,
        MetadataError,
        ReadOnlyDatasetError,
        SpoolError,
        TargetExistsError,
        UnsupportedVersionError,
        UsageError,
    )
    from lerotool.execution import (
        ClusterError,
        DaskCluster,
        StoppedError,
        ThisMachine,
        WorkerDiedError,
        WorkersLostError,
    )
    from lerotool.features import Feature
    from lerotool.findings import Advice, Code, Finding, FindingPlace, Loading, Remedy, Severity
    from lerotool.media.format import EncoderSettings
    from lerotool.mending.forgetting import Forgotten
    from lerotool.mending.repair_plan import RepairPlan, RepairReport
    from lerotool.mending.undoing import Undone
    from lerotool.merging.plan import MergeReport
    from lerotool.moments import FeatureStats
    from lerotool.sharing.api import pull, push
    from lerotool.sharing.listing import ListedDataset, list_datasets
    from lerotool.sharing.pull import PullReport
    from lerotool.sharing.push import PushReport
    from lerotool.statistics.export import OpenpiOptions
    from lerotool.statistics.report import FeatureReport
    from lerotool.statistics.rewrite import RewriteReport
    from lerotool.statistics.sampling import Sampling
    from lerotool.statistics.verify import VerifyReport
    from lerotool.writer import DatasetWriter

__all__ = [
    "AddFeature",
    "Advice",
    "CalibrationError",
    "CameraSummary",
    "CheckReport",
    "ClusterError",
    "Code",
    "CorruptDatasetError",
    "DaskCluster",
    "Dataset",
    "DatasetError",
    "DatasetLockedError",
    "DatasetNotFoundError",
    "DatasetSummary",
    "DatasetWriter",
    "DeleteEpisodes",
    "Depth",
    "DeviceBusyError",
    "DeviceError",
    "DeviceLostError",
    "DeviceNotFoundError",
    "DevicePermissionError",
    "DeviceTimeoutError",
    "DropFeature",
    "EditPlan",
    "EditReport",
    "EncodeOptions",
    "EncodeReport",
    "EncoderSettings",
    "Episode",
    "Export",
    "Feature",
    "FeatureReport",
    "FeatureStats",
    "FileMode",
    "Fill",
    "Finding",
    "FindingPlace",
    "Forgotten",
    "FormatVersion",
    "Frames",
    "HubError",
    "IncompatibleDatasetError",
    "IncompleteError",
    "KeepEpisodes",
    "KeptChange",
    "LerotoolError",
    "ListedDataset",
    "Loading",
    "MediaError",
    "MergePlan",
    "MergeReport",
    "MergeSource",
    "MetadataError",
    "OpenpiOptions",
    "PendingSummary",
    "Priority",
    "PullReport",
    "PushReport",
    "QualityReport",
    "ReadOnlyDatasetError",
    "ReencodeOptions",
    "ReencodePlan",
    "ReencodeReport",
    "Remedy",
    "RenameFeature",
    "RenameTask",
    "RepackFiles",
    "RepairPlan",
    "RepairReport",
    "RewriteReport",
    "Sampling",
    "SetTask",
    "Severity",
    "SpoolError",
    "StoppedError",
    "TargetExistsError",
    "ThisMachine",
    "TrimEpisodes",
    "Undone",
    "Units",
    "UnsupportedVersionError",
    "UsageError",
    "VerifyReport",
    "Version",
    "Windows",
    "WorkerDiedError",
    "WorkersLostError",
    "__version__",
    "check",
    "check_quality",
    "edit",
    "encode_pending",
    "export_statistics",
    "forget",
    "info",
    "list_changes",
    "list_datasets",
    "measure_statistics",
    "merge",
    "plan_edit",
    "plan_merge",
    "plan_pending",
    "plan_reencoding",
    "plan_repair",
    "plan_split",
    "plan_undo",
    "pull",
    "push",
    "reencode",
    "repair",
    "undo",
    "verify_statistics",
    "write_statistics",
]

_HOMES = {
    "api.checks": "check check_quality forget plan_repair plan_undo repair undo",
    "api.datasets": "CameraSummary DatasetSummary PendingSummary info",
    "api.edits": "EditPlan KeptChange edit list_changes plan_edit plan_split",
    "api.merges": "MergePlan MergeSource merge plan_merge",
    "api.numbers": "export_statistics measure_statistics verify_statistics write_statistics",
    "checking.quality.report": "QualityReport",
    "checking.report": "CheckReport",
    "choices": "Depth Export FileMode Fill Frames Priority Units Version",
    "dataset.dataset": "Dataset",
    "dataset.formats": "FormatVersion",
    "dataset.reading.episodes": "Episode",
    "dataset.reading.windows": "Windows",
    "editing.changes": (
        "AddFeature DeleteEpisodes DropFeature KeepEpisodes RenameFeature RenameTask RepackFiles SetTask TrimEpisodes"
    ),
    "editing.plan": "EditReport",
    "encoding.events": "EncodeReport",
    "encoding.plan": "EncodeOptions",
    "encoding.reencode": "ReencodeOptions ReencodePlan ReencodeReport plan_reencoding reencode",
    "encoding.run": "encode_pending plan_pending",
    "errors": (
        "CalibrationError CorruptDatasetError DatasetError DatasetLockedError DatasetNotFoundError "
        "DeviceBusyError DeviceError DeviceLostError DeviceNotFoundError DevicePermissionError "
        "DeviceTimeoutError HubError IncompatibleDatasetError IncompleteError LerotoolError MediaError "
        "MetadataError ReadOnlyDatasetError SpoolError TargetExistsError UnsupportedVersionError UsageError"
    ),
    "execution": "ClusterError DaskCluster StoppedError ThisMachine WorkerDiedError WorkersLostError",
    "features": "Feature",
    "findings": "Advice Code Finding Loading FindingPlace Remedy Severity",
    "media.format": "EncoderSettings",
    "mending.forgetting": "Forgotten",
    "mending.repair_plan": "RepairPlan RepairReport",
    "mending.undoing": "Undone",
    "merging.plan": "MergeReport",
    "moments": "FeatureStats",
    "sharing.api": "pull push",
    "sharing.listing": "ListedDataset list_datasets",
    "sharing.pull": "PullReport",
    "sharing.push": "PushReport",
    "statistics.export": "OpenpiOptions",
    "statistics.report": "FeatureReport",
    "statistics.rewrite": "RewriteReport",
    "statistics.sampling": "Sampling",
    "statistics.verify": "VerifyReport",
    "writer": "DatasetWriter",
}
"""The modules that have the names."""


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("lerotool")
    for home, names in _HOMES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"lerotool.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
