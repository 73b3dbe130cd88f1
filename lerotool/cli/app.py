"""The command ``lerotool``: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from lerotool.cli import benchmark, check, encode, info, merge, record, replay, stats
from lerotool.cli.output import print_error
from lerotool.cli.setup import app as setup
from lerotool.errors import LerotoolError

INTERRUPTED = 130
CommandLineError: type[Any] = typer.BadParameter.__mro__[2]
"""The root of what Typer raises about the command line itself: Click's ClickException, or Typer's own copy of it."""

app = typer.Typer(
    name="lerotool",
    help="Record, encode, merge and read LeRobot datasets: fast, without torch, never losing a frame.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("record", epilog=record.EXAMPLES)(record.record)
app.command("replay", epilog=replay.EXAMPLES)(replay.replay)
app.command("encode", epilog=encode.EXAMPLES)(encode.encode)
app.command("merge", epilog=merge.EXAMPLES)(merge.merge)
app.command("stats", epilog=stats.EXAMPLES)(stats.stats)
app.command("check", epilog=check.EXAMPLES)(check.check)
app.command("benchmark", epilog=benchmark.EXAMPLES)(benchmark.benchmark)
app.command("info", epilog=info.EXAMPLES)(info.info)
app.add_typer(setup.app, name="setup")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"lerotool {version('lerotool')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    del version  # its callback has printed it
    if debug:
        os.environ["LEROTOOL_DEBUG"] = "1"


def main() -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 unexpected or I/O, 2 usage, 3 dataset or spool missing or invalid, 4 does not fit,
    5 target exists or is locked, 6 media, 7 device, 8 finished but incomplete, 130 stopped by Ctrl-C at a safe point.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with the given arguments and return its exit code."""
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except CommandLineError as error:
        error.show()
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (``lerotool info … | head``); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LerotoolError, OSError) as error:
        if os.environ.get("LEROTOOL_DEBUG"):
            raise
        return print_error(error, as_json=as_json)
    return code if isinstance(code, int) else 0
