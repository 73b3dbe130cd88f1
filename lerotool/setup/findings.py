"""What a finding on a bus is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    PROBLEM = "problem"
    """The arm cannot be used, or will fail."""
    WARNING = "warning"
    """It works, but something should be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        severity: how bad it is.
        text: what is wrong, in words.
        remedy: what to do.
        motors: ids of the motors it is about; empty for the bus itself.
        code: a short name of its kind, for machines.
    """

    severity: Severity
    code: str
    text: str
    remedy: str
    motors: tuple[int, ...] = ()


def problem(code: str, text: str, remedy: str, *motors: int) -> Finding:
    """Return a finding that keeps the arm from being used."""
    return Finding(Severity.PROBLEM, code, text, remedy, motors)


def warning(code: str, text: str, remedy: str, *motors: int) -> Finding:
    """Return a finding to look at."""
    return Finding(Severity.WARNING, code, text, remedy, motors)
