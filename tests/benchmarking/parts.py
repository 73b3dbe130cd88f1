"""Small rigs, figures and reports for tests."""

from __future__ import annotations

from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import SCHEMA, Basis, Better, Failure, Figure, Found, Report

TINY = Rig(cameras=2, width=96, height=64, fps=30, take_s=1.0)


def figure(
    name: str = "wait",
    *values: float,
    case: str = "one",
    group: str = "waiting",
    unit: str = "s",
    better: Better = Better.LESS,
    basis: Basis = Basis.MEASURED,
) -> Figure:
    """Return a figure."""
    return Figure(group, case, name, unit, values or (1.0,), better, basis)


def report(*figures: Figure, failures: tuple[Failure, ...] = (), machine: str = "a machine") -> Report:
    """Return a run with these figures."""
    found = Found()
    found.add(figures)
    facts = {"system": "Linux", "processor": machine, "cores": "2", "memory": "8.0 GB", "load before": "0.1"}
    settings = {"cameras": "2 x 640x480 at 30/s", "take": "15 s"}
    return Report(
        version=SCHEMA,
        kind="lerotool benchmark",
        created="2026-01-01T00:00:00+00:00",
        effort="normal",
        seconds=12.3,
        machine=facts,
        versions={"python": "3.11"},
        settings=settings,
        figures=tuple(found),
        failures=failures,
        advice=("do this",),
    )
