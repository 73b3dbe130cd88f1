"""The fast stage leaves out slow tests, but no part of the product."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp

from lerotool.cli.app import COMMANDS, GROUPS

TESTS = Path(__file__).parent
ELSEWHERE = {
    "lerotool.__main__",
    "lerotool.benchmarking.lerobot_peer",
    "lerotool.devices.lerobot.child",
    "lerotool.lerobot.__main__",
}
"""What the real LeRobot's interpreter runs, and what ``python -m lerotool`` does."""


def _is_slow(tree: ast.Module) -> bool:
    """Whether every test of a module is marked slow."""
    marks = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return any("mark.slow" in ast.unparse(mark.value) for mark in marks)


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_module_is_within_reach_of_a_test_of_the_fast_stage() -> None:
    graph = grimp.build_graph("lerotool", cache_dir=None)
    # It imports the modules of the command that is asked for.
    for name in COMMANDS:
        graph.add_import(importer="lerotool.cli.app", imported=f"lerotool.cli.{name}")
    for name in GROUPS:
        graph.add_import(importer="lerotool.cli.app", imported=f"lerotool.cli.{name}.app")
    trees = [ast.parse(path.read_text()) for path in sorted(TESTS.rglob("*.py"))]
    named = set().union(*(_imported(tree) for tree in trees if not _is_slow(tree)))
    reached = {module for module in graph.modules if module in named}
    for module in list(reached):
        reached |= graph.find_upstream_modules(module)

    packages = {module for module in graph.modules if graph.find_children(module)}
    missed = graph.modules - reached - packages - ELSEWHERE
    assert sorted(missed) == []
