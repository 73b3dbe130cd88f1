"""Errors about a damaged dataset name the command that cures it, where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lerotool.errors import CorruptDatasetError, LerotoolError, MetadataError


@contextmanager
def naming_cures(roots: Sequence[Path]) -> Iterator[None]:
    """Give an error about damage the hint that cures it; only then are the datasets looked at."""
    try:
        yield
    except (CorruptDatasetError, MetadataError) as error:
        _check_whole(roots, error)
        commands = [command for root in dict.fromkeys(roots) if (command := _cure(root)) is not None]
        if not commands:
            raise
        raise type(error)(error.message, hint=" && ".join(commands)) from error


def _check_whole(roots: Sequence[Path], error: LerotoolError) -> None:
    """Say that a file is not missing but was not pulled, where that is so."""
    from lerotool.dataset.partial import load_partial

    for root in roots:
        if (partial := load_partial(root)) is not None:
            message = f"only a part of {str(root)!r} is here ({partial}): {error.message}"
            raise type(error)(message, hint=partial.command) from error


def _cure(root: Path) -> str | None:
    """Return the command that repairs a dataset, if no error is left then."""
    from lerotool.checking import Severity
    from lerotool.checking.check import look
    from lerotool.choices import Depth
    from lerotool.mending.repair import plan_quickly
    from lerotool.wording import as_argument

    try:
        report, sight = look(root, Depth.FAST)
        plan = plan_quickly(report, sight)
    except (LerotoolError, OSError):
        return None  # what is wrong has been said already
    harmful = {finding.code for finding in report.findings if finding.severity is not Severity.NOTE}
    is_left = any(finding.severity is Severity.ERROR for finding, _ in plan.left)
    is_cured = not is_left and any(harmful.intersection(step.codes) for step in plan.steps)
    return f"lerotool check {as_argument(root)} --repair" if is_cured else None
