"""The command ``lerotool``: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from lerotool.cli.help import HELP_OPTIONS, WHOLE, Examples, Group, add_command, examples
from lerotool.cli.output import print_error
from lerotool.cli.running import INTERRUPTED
from lerotool.errors import LerotoolError, UsageError

CommandLineError: type[Any] = typer.BadParameter.__mro__[2]
"""The root of what Typer raises about the command line itself: Click's ClickException, or Typer's own copy of it."""

START: Examples = {
    "Start here, without a robot: record three short episodes, then look at them": [
        "lerotool record --robot sim --episodes 3 --episode-time 5",
        "lerotool info local/so101_sim",
    ],
    "With an arm: ports, motors, calibration and cameras, step by step": "lerotool setup",
    "What a command does, with examples": "lerotool record --help",
}
COMMANDS = {
    "record": "record",
    "replay": "replay",
    "encode": "encode",
    "merge": "merge",
    "stats": "stats",
    "check": "check",
    "benchmark": "benchmark",
    "info": "info",
    "push": "push",
    "pull": "pull",
    "config": "config",
    "list": "list_all",
    "view": "view",
}
"""Commands, each in a module of its name, and the functions there; then the groups of commands."""
GROUPS = ("edit", "setup")


def make_app(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """Return the command line with some of its commands; the modules of the others are not imported."""
    app = typer.Typer(
        name="lerotool",
        cls=Group,
        help="Record, encode, merge, measure and check LeRobot datasets: fast, without torch, never losing a frame.",
        epilog=examples(START),
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=HELP_OPTIONS,
    )
    app.callback()(_root)
    for name in names:
        if name in GROUPS:
            app.add_typer(importlib.import_module(f"lerotool.cli.{name}.app").app, name=name)
        else:
            module = importlib.import_module(f"lerotool.cli.{name}")
            notes, short = getattr(module, "NOTES", ""), getattr(module, "SHORT", None)
            add_command(app, name, module.EXAMPLES, notes, short=short)(getattr(module, COMMANDS[name]))
    app.command("help", hidden=True)(_help)
    app.command("version", hidden=True)(_version)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"lerotool {version('lerotool')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    del version  # its callback has printed it
    if debug:
        os.environ["LEROTOOL_DEBUG"] = "1"


def _help(command: Annotated[list[str] | None, typer.Argument()] = None) -> int:
    """Show the help of a command, with every option that it has."""
    WHOLE.set(True)
    try:
        return run([*(command or []), "--help"])
    finally:
        WHOLE.set(False)


def _version() -> None:
    """Print the version, as ``lerotool --version`` does."""
    _print_version(asked=True)


def main() -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 unexpected or I/O, 2 usage, 3 dataset or spool missing or invalid, 4 does not fit,
    5 target exists or is locked, 6 media, 7 device, 8 finished but incomplete, 9 the Hugging Face Hub,
    130 stopped by Ctrl-C at a safe point.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with the given arguments and return its exit code."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in options
    asked = next((word for word in options if not word.startswith("-")), "")
    app = make_app([asked]) if asked in COMMANDS or asked in GROUPS else make_app()
    try:
        code = app(arguments, prog_name="lerotool", standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except CommandLineError as error:
        return print_error(_usage_error(error), as_json=as_json) if error.format_message() else UsageError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (``lerotool info … | head``); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LerotoolError, OSError, MemoryError) as error:
        if os.environ.get("LEROTOOL_DEBUG"):
            raise
        return print_error(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _usage_error(error: Any) -> UsageError:
    """Return what Typer says about the command line as an error of ours."""
    message = str(error.format_message()).strip().removesuffix(".")
    context = getattr(error, "ctx", None)
    return UsageError(
        message[:1].lower() + message[1:], hint=f"{context.command_path if context else 'lerotool'} --help"
    )
