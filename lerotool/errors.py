"""The error tree: every error that lerotool raises on purpose, with its exit code.

    LerotoolError (1)
    ├── UsageError (2)                 options that do not go together
    ├── DatasetError (3)               a dataset is missing or not what it should be
    │   ├── DatasetNotFoundError       also FileNotFoundError
    │   ├── MetadataError              also ValueError; a metadata file cannot be understood
    │   ├── CorruptDatasetError        files that contradict each other or cannot be read
    │   ├── ReadOnlyDatasetError       it must not be written to
    │   └── UnsupportedVersionError
    ├── SpoolError (3)                 a pending episode is not what it should be
    ├── IncompatibleDatasetError (4)   what is to be added does not fit the dataset
    ├── TargetExistsError (5)          also FileExistsError
    ├── DatasetLockedError (5)         another process works there
    ├── MediaError (6)                 video or pictures that cannot be read or written
    ├── DeviceError (7)                a robot or camera
    │   ├── DeviceNotFoundError
    │   ├── DeviceBusyError            another process holds it
    │   ├── DevicePermissionError      also PermissionError; the user may not open it
    │   ├── DeviceLostError            was there and has gone, or has been silent for too long
    │   ├── DeviceTimeoutError         also TimeoutError
    │   └── CalibrationError           an arm's calibration is missing or cannot be
    ├── IncompleteError (8)            finished, but something is left
    └── HubError (9)                   the Hugging Face Hub refuses, lacks or does not answer

Texts start in lower case and have no full stop; ``hint`` says what to do next. ``OSError`` passes through unchanged.
"""

from __future__ import annotations

from typing import ClassVar


class LerotoolError(Exception):
    """Root of all errors that lerotool raises on purpose.

    Attributes:
        exit_code: what the command line exits with.
        hint: what the reader can do next, or None.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries; keyword-only arguments need telling.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[LerotoolError], message: str, hint: str | None) -> LerotoolError:
    error = kind.__new__(kind)
    LerotoolError.__init__(error, message, hint=hint)
    return error


class UsageError(LerotoolError):
    """Options that do not go together, or a value outside its range."""

    exit_code = 2


class DatasetError(LerotoolError):
    """A dataset is missing or not what it should be."""

    exit_code = 3


class DatasetNotFoundError(DatasetError, FileNotFoundError):
    """No dataset was found at the place named."""


class MetadataError(DatasetError, ValueError):
    """A metadata file cannot be understood."""


class CorruptDatasetError(DatasetError):
    """Files of a dataset contradict each other or cannot be read."""


class ReadOnlyDatasetError(DatasetError):
    """The dataset belongs to somebody else's cache and must not be written to."""


class UnsupportedVersionError(DatasetError):
    """The dataset's format version is not one that lerotool knows."""


class SpoolError(LerotoolError):
    """A pending episode cannot be read or is not what it should be."""

    exit_code = 3


class IncompatibleDatasetError(LerotoolError):
    """What is to be added does not fit the dataset."""

    exit_code = 4


class TargetExistsError(LerotoolError, FileExistsError):
    """The target exists already and is not overwritten."""

    exit_code = 5


class DatasetLockedError(LerotoolError):
    """Another process works on the dataset."""

    exit_code = 5


class MediaError(LerotoolError):
    """A video or picture cannot be read or written."""

    exit_code = 6


class DeviceError(LerotoolError):
    """A robot or camera does not do what it should."""

    exit_code = 7


class DeviceNotFoundError(DeviceError):
    """A device is not there."""


class DeviceBusyError(DeviceError):
    """Another process holds a device."""


class DevicePermissionError(DeviceError, PermissionError):
    """The user may not open a device."""


class DeviceLostError(DeviceError):
    """A device was there and has gone, or has been silent for too long."""


class DeviceTimeoutError(DeviceError, TimeoutError):
    """A device does not answer in time."""


class CalibrationError(DeviceError):
    """The calibration of an arm is missing, cannot be read, or describes an arm that cannot be."""


class IncompleteError(LerotoolError):
    """The work is finished but something is left, which the text lists."""

    exit_code = 8


class HubError(LerotoolError):
    """The Hugging Face Hub refuses what is asked, does not have it, or does not answer."""

    exit_code = 9
