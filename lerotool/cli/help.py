"""How commands are put together and how their help reads: whole paragraphs, examples first, no types of Python."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from lerotool.cli.output import Output

_C = TypeVar("_C", bound=Callable[..., Any])
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
Examples = Mapping[str, str | Sequence[str]]
"""What each example is for, as a sentence, and its command line or lines."""
WHOLE: ContextVar[bool] = ContextVar("whole", default=False)
"""Whether help has every option, as that of the command ``help`` has."""

EVERYDAY = "Everyday options"
RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "encode": {"--only": "--episodes"},
        "stats": {"--only": "--feature", "--episodes": "--per-episode", "--pad": "--pad-to"},
        "benchmark": {"--only": "--part"},
    }
)
"""Options that had another name until the last release, by command: new names by old ones, which work for one more."""


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
        lines += [
            f"  [not dim]$ {escape(line)}[/]" for line in ((commands,) if isinstance(commands, str) else commands)
        ]
    return "\n".join(lines)


def add_command(
    app: typer.Typer,
    name: str,
    shown: Examples,
    notes: str = "",
    context: dict[str, Any] | None = None,
    short: Short | None = None,
) -> Callable[[_C], _C]:
    """Return what adds a command to an app; its docstring's first paragraph stands in the list of commands too.

    Args:
        app: that it becomes part of.
        name: as it is typed.
        shown: its examples, shown between description and options.
        notes: shown at the end.
        context: settings of Click's context.
        short: what ``--help`` leaves in; None has everything there.
    """
    epilog = examples(shown) + (f"\f{notes}" if notes else "")
    kind = Command if short is None else _shortened(short, shown)

    def add(command: _C) -> _C:
        app.command(name, cls=kind, epilog=epilog, context_settings=context)(_with_groups_spread(command))
        return command

    return add


def _with_groups_spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command for Typer: a parameter that is a dataclass of options becomes these options, in its place."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    spread: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            types = get_type_hints(kind, include_extras=True)
            spread += [_option(field.name, types[field.name], field.default) for field in fields(kind)]
        else:
            spread.append(_option(parameter.name, kind, parameter.default))

    @wraps(command)
    def run(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    run.__annotations__ = {parameter.name: parameter.annotation for parameter in spread}
    vars(run)["__signature__"] = Signature(spread)
    return run


def _option(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def with_new_names(command: str, words: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Return the words behind a command as they are spelled now; what stands behind ``--`` is not lerotool's."""
    names = RENAMED.get(command, {})
    own = words.index("--") if "--" in words else len(words)
    parts = [word.partition("=") for word in words[:own]]
    for old in dict.fromkeys(name for name, _, _ in parts if name in names):
        warn(f"{old} is called {names[old]} now; the old name goes with the next release")
    return [*(f"{names.get(name, name)}{sign}{value}" for name, sign, value in parts), *words[own:]]


class _Readable:
    """A command, or a group of them, whose help reads like all others."""

    help: str | None
    epilog: str | None
    short_help: str | None

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        paragraphs = [" ".join(paragraph.split()) for paragraph in (self.help or "").split("\n\n")]
        shown, _, notes = (self.epilog or "").partition("\f")
        self.short_help = paragraphs[0]
        self.help = "\n\n".join([*paragraphs, *([shown] if shown else [])])
        self.epilog = notes or None

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, Typer's own ``--help`` among them, as the help shows them."""
        return [_without_type(parameter) for parameter in super().get_params(ctx)]  # type: ignore[misc]


class Group(_Readable, TyperGroup):
    """A group of commands."""


class Command(_Readable, TyperCommand):
    """A command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words behind the command; options that had another name are found by that one too."""
        return super().parse_args(ctx, with_new_names(self.name or "", args, Output().warn))


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
