"""Write docs/api.md, the reference of the public names of `lerotool`, from their docstrings.

    python scripts/api_reference.py [--check]

With --check nothing is written; the exit code is 1 if the page is not what the code says.
"""

from __future__ import annotations

import argparse
import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import lerotool

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
INTRODUCTION = """# Python API

Every public name of `lerotool`, written by `scripts/api_reference.py` from the code. What of it is stable:
[stability.md](stability.md). Whatever takes a dataset takes its folder, or `user/name` in the LeRobot home. Names are
loaded on first use: `import lerotool` is quick.
"""
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):")


def reference() -> str:
    """Return the page."""
    named: dict[str, Any] = {name: getattr(lerotool, name) for name in lerotool.__all__ if name != "__version__"}
    errors = {name: value for name, value in named.items() if _is_class(value, Exception)}
    choices = {name: value for name, value in named.items() if _is_class(value, enum.Enum)}
    functions = {name: value for name, value in named.items() if inspect.isfunction(value)}
    rest = {name: value for name, value in named.items() if name not in {*errors, *choices, *functions}}
    values = {name: value for name, value in rest.items() if is_dataclass(value)}
    classes = {name: value for name, value in rest.items() if name not in values}
    parts = [INTRODUCTION]
    groups: list[tuple[str, dict[str, Any], Callable[[str, Any], Iterator[str]]]] = [
        ("Functions", functions, _function),
        ("Classes", classes, _class),
        ("Values", values, _value),
        ("Choices", choices, _choice),
    ]
    for heading, group, render in groups:
        parts.append(f"## {heading}\n")
        parts += ["\n".join(render(name, value)) + "\n" for name, value in group.items()]
    parts.append("## Errors\n")
    parts.append("All are `LerotoolError`, with `message`, `hint` and the `exit_code` of the command line.\n")
    parts.append("| error | is a | exit code | meaning |\n|---|---|---|---|")
    parts += [_error(name, error) for name, error in errors.items()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)) + "\n"


def _is_class(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def _function(name: str, function: Callable[..., Any], level: int = 3) -> Iterator[str]:
    yield f"{'#' * level} `{name}`\n"
    yield f"```python\n{_signature(name, function)}\n```\n"
    yield from _docstring(function.__doc__)


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    shown = []
    is_keyword = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword:
            shown.append("*")
            is_keyword = True
        stars = {parameter.VAR_POSITIONAL.value: "*", parameter.VAR_KEYWORD.value: "**"}.get(parameter.kind.value, "")
        annotation = f": {_type(parameter.annotation)}" if parameter.annotation is not parameter.empty else ""
        default = f" = {_default(parameter.default)}" if parameter.default is not parameter.empty else ""
        shown.append(f"{stars}{parameter.name}{annotation}{default}")
    returned = "" if signature.return_annotation is signature.empty else f" -> {_type(signature.return_annotation)}"
    line = f"{name}({', '.join(shown)}){returned}"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(shown) + f",\n){returned}"


def _type(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _default(value: object) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return value.__name__ if inspect.isfunction(value) else repr(value)


def _docstring(text: str | None) -> Iterator[str]:
    """Yield a Google docstring as Markdown: sections become lists."""
    section = ""
    for line in inspect.cleandoc(text or "").splitlines():
        found = _SECTION.fullmatch(line)
        if found:
            section = found[1]
            yield f"{ {'Args': 'Arguments'}.get(section, section) }:\n"
        elif section in ("Args", "Attributes", "Raises") and line:
            entry = re.match(r"    (\w+): (.*)", line)
            yield f"- `{entry[1]}`: {entry[2]}" if entry else f"  {line.strip()}"
        else:
            yield line.strip() if section else line
    yield ""


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class has, what it shares with others of the package that have no entry of their own first."""
    public = {getattr(lerotool, name) for name in lerotool.__all__ if inspect.isclass(getattr(lerotool, name))}
    shared = [base for base in kind.__mro__[1:] if base.__module__.startswith("lerotool.") and base not in public]
    members = {name: member for base in (*reversed(shared), kind) for name, member in vars(base).items()}
    for name, member in members.items():
        if not name.startswith("_"):
            yield name, member


def _class(name: str, kind: type) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield from _docstring(kind.__doc__)
    for member, value in _members(kind):
        if isinstance(value, property):
            yield f"- `{member}`: {_first_line(value.fget)}"
    yield ""
    for member, value in _members(kind):
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if inspect.isfunction(function):
            yield from _function(f"{name}.{member}", function, level=4)


def _value(name: str, kind: type) -> Iterator[str]:
    yield f"### `{name}`\n"
    shown = []
    for field in fields(kind):
        default = "" if field.default is MISSING else f" = {_default(field.default)}"
        shown.append(f"{field.name}: {_type(field.type)}{default or (' = ...' if _is_made(field) else '')}")
    yield f"```python\n{name}(\n    " + ",\n    ".join(shown) + ",\n)\n```\n"
    yield from _docstring(kind.__doc__)
    for member, value in _members(kind):
        if isinstance(value, property):
            yield f"- `{member}`: {_first_line(value.fget)}"
        elif inspect.isfunction(value) or isinstance(value, classmethod):
            function = value.__func__ if isinstance(value, classmethod) else value
            yield f"- `{_signature(member, function)}`: {_first_line(function)}"


def _is_made(field: Any) -> bool:
    return field.default_factory is not MISSING


def _choice(name: str, kind: type[enum.Enum]) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield _first_line(kind) + "\n"
    yield ", ".join(f"`{member.name}` = `{member.value!r}`" for member in kind) + "\n"


def _error(name: str, kind: type[Exception]) -> str:
    bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    return f"| `{name}` | {bases} | {getattr(kind, 'exit_code', '')} | {_first_line(kind)} |"


def _first_line(documented: object) -> str:
    return inspect.cleandoc(getattr(documented, "__doc__", None) or "").split("\n\n")[0].replace("\n", " ")


def main() -> int:
    """Write or check the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is out of date")
    page = reference()
    if parser.parse_args().check:
        return int(PAGE.read_text(encoding="utf-8") != page)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
