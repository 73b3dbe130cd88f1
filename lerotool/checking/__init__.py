"""Is a dataset in order, does LeRobot load it, and what can be repaired: found by looking, without LeRobot.

`check` looks and changes nothing. It expects nothing of a dataset: every file may be missing, damaged, or made to do
harm.
"""

from lerotool.checking.check import check
from lerotool.checking.report import CheckReport
from lerotool.choices import Depth
from lerotool.findings import Code, Finding, FindingPlace, Loading, Remedy, Severity

__all__ = ["CheckReport", "Code", "Depth", "Finding", "FindingPlace", "Loading", "Remedy", "Severity", "check"]
