"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, for machines.", rich_help_panel="Output")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the result, warnings and errors.", rich_help_panel="Output")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and change nothing.")]
