"""How help reads: descriptions in whole paragraphs, examples before the options, no types of Python."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from lerotool.cli.output import Output
from lerotool.cli.renamed import with_new_names

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
Examples = Mapping[str, str | Sequence[str]]
"""What each example is for, as a sentence, and its command line or lines."""
WHOLE: ContextVar[bool] = ContextVar("whole", default=False)
"""Whether help has every option, as that of the command ``help`` has."""

EVERYDAY = "Everyday options"


@dataclass(frozen=True, slots=True)
class Short:
    """What the ``--help`` of a command with many options has, so that it fits two screens."""

    options: Collection[str]  # names of the parameters, each an option that one needs on most days
    whole: str  # the line that shows all of them
    examples: int  # how many of the command's, from the first
    notes: str  # shown at the end


def examples(shown: Examples) -> str:
    """Return the examples as the help shows them, in Rich's markup."""
    lines = ["[bold not dim]Examples[/]"]
    for sentence, commands in shown.items():
        lines += ["", f"  {escape(sentence)}"]
        lines += [f"  [not dim]$ {escape(line)}[/]" for line in command_lines(commands)]
    return "\n".join(lines)


def command_lines(commands: str | Sequence[str]) -> Sequence[str]:
    """Return the command lines of one example."""
    return (commands,) if isinstance(commands, str) else commands


def arguments(line: str) -> list[str]:
    """Return what follows ``lerotool`` in an example's command line."""
    return shlex.split(line)[1:]


def add_command(
    app: typer.Typer,
    name: str,
    command: Callable[..., Any],
    shown: Examples,
    notes: str = "",
    context: dict[str, Any] | None = None,
    short: Short | None = None,
) -> None:
    """Add a command to an app.

    Args:
        app: that it becomes part of.
        name: as it is typed.
        command: its docstring is the description: the first paragraph stands in the list of commands too.
        shown: its examples, shown between description and options.
        notes: shown at the end.
        context: settings of Click's context.
        short: what ``--help`` leaves in; None has everything there.
    """
    epilog = examples(shown) + (f"\f{notes}" if notes else "")
    kind = Command if short is None else _shortened(short, shown)
    app.command(name, cls=kind, epilog=epilog, context_settings=context)(command)


class Command(TyperCommand):
    """A command whose help reads like all others."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        _arrange(self)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words behind the command; options that had another name are found by that one too."""
        warn = Output.of(json=False, quiet=True).warn
        return super().parse_args(ctx, with_new_names(self.name or "", args, warn))

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, Typer's own ``--help`` among them, as the help shows them."""
        return [_without_type(parameter) for parameter in super().get_params(ctx)]


def _shortened(short: Short, shown: Examples) -> type[Command]:
    """Return the class of a command whose ``--help`` is short, and that of ``lerotool help`` whole."""
    few = examples(dict(islice(shown.items(), short.examples)))

    class ShortCommand(Command):
        """A command with many options."""

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Write the help of most days; for whoever types them, and for the shell, all options are there."""
            if WHOLE.get():
                super().format_help(ctx, formatter)
                return
            first, second, *_ = (self.help or "").split("\n\n")
            whole = f"All options, keys and examples: [not dim]{escape(short.whole)}[/]"
            short_help = copy(self)
            short_help.help, short_help.epilog = f"{first}\n\n{second}\n\n{whole}\n\n{few}", short.notes
            short_help.params = [_everyday(each, short.options) for each in self.params]
            Command.format_help(short_help, ctx, formatter)

    return ShortCommand


def _everyday(parameter: Any, options: Collection[str]) -> Any:
    """Return a parameter as the help of most days shows it, or hides it."""
    shown = copy(parameter)
    shown.hidden |= shown.name not in options
    if isinstance(shown, TyperOption):
        shown.rich_help_panel = None if shown.is_flag else EVERYDAY
    return shown


class Group(TyperGroup):
    """A group of commands whose help reads like all others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _arrange(self)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, Typer's own ``--help`` among them, as the help shows them."""
        return [_without_type(parameter) for parameter in super().get_params(ctx)]


def _arrange(command: TyperCommand | TyperGroup) -> None:
    paragraphs = [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]
    shown, _, notes = (command.epilog or "").partition("\f")
    command.short_help = paragraphs[0]
    command.help = "\n\n".join([*paragraphs, *([shown] if shown else [])])
    command.epilog = notes or None


def _without_type(parameter: Any) -> Any:
    """Let the help show no type where the name says it all, and no bounds: who goes beyond them reads them then."""
    if hasattr(parameter, "_get_number_range_help_str"):
        vars(parameter)["_get_number_range_help_str"] = _nothing
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        parameter.metavar = ""
    elif isinstance(parameter, TyperArgument) and hasattr(parameter, "display_type_rich"):
        vars(parameter)["display_type_rich"] = _nothing
    return parameter


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for Typer's description of a type."""
