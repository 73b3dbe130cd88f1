"""Is a dataset in order, does LeRobot load it, and what can be repaired: found by looking, without LeRobot.

`check` looks and changes nothing. It expects nothing of a dataset: every file may be missing, damaged, or made to do
harm.
"""

from lerotool.checking.check import Depth, check
from lerotool.checking.codes import Code, Loading, Remedy, Severity
from lerotool.checking.findings import Finding, Place, Report

__all__ = ["Code", "Depth", "Finding", "Loading", "Place", "Remedy", "Report", "Severity", "check"]
