"""One form for everything that is found, whoever looks: a code with its meaning, the place, the text, what mends it."""

from lerotool.findings.codes import Code, Loading, Meaning, Page, Remedy, Severity
from lerotool.findings.finding import (
    Advice,
    Finding,
    FindingPlace,
    bus_finding,
    count,
    loading_of,
    ordered,
    worst_first,
)

__all__ = [
    "Advice",
    "Code",
    "Finding",
    "FindingPlace",
    "Loading",
    "Meaning",
    "Page",
    "Remedy",
    "Severity",
    "bus_finding",
    "count",
    "loading_of",
    "ordered",
    "worst_first",
]
