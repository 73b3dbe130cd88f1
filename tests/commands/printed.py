"""Every command line that the product prints: in its source (hints, advice, examples of help), README and docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from lerotool.cli.app import make_app

ROOT = Path(__file__).resolve().parents[2]
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_HOLE = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_WORD = re.compile(rf"(?:{_HOLE}|{_QUOTED}|[^\s\"'{{}}])+")
_DOC_LINE = re.compile(r"^ +(?:[a-z0-9]*\$ )?(lerotool .*)$")
_MAY_PRINT = re.compile(r"(?<!from )(?<!import )\blerotool ")
_COMMENT = re.compile(r"\s{2,}.*|\s+#.*")


@dataclass(frozen=True)
class Printed:
    """A command line as it is printed; what is put in when it is printed stands in braces."""

    line: str
    place: str

    @property
    def words(self) -> list[str]:
        return _WORD.findall(self.line)


def printed_lines() -> list[Printed]:
    """Return every line once, with the first place where it stands; the source comes before documents."""
    found: dict[str, Printed] = {}
    for printed in (*_in_source(), *_in_documents()):
        found.setdefault(printed.line, printed)
    return list(found.values())


def command_of(words: list[str]) -> tuple[Any, int]:
    """Return the command that the words after ``lerotool`` name, and how many of them name it."""
    command, depth = _whole(), 0
    while depth < len(words) and words[depth] in getattr(command, "commands", {}):
        command, depth = command.commands[words[depth]], depth + 1
    return command, depth


@cache
def _whole() -> Any:
    return typer.main.get_command(make_app())


def _in_source() -> Iterator[Printed]:
    own = [path for path in sorted((ROOT / "lerotool").rglob("*.py")) if "testing" not in path.parts]
    for path in own:
        text = path.read_text(encoding="utf-8")
        if not _MAY_PRINT.search(text):
            continue  # most files; parsing all of them is what takes long
        tree = ast.parse(text)
        parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
        # What a regular expression looks for is not printed.
        patterns = [node.args[0] for node in ast.walk(tree) if _is_pattern(node)]
        parts |= {id(node) for node in patterns}
        passed_over = parts | _docstrings(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in passed_over:
                for line in _lines_of(_text(node), is_example="cli" in path.parts):
                    yield Printed(line, f"{path.relative_to(ROOT)}:{node.lineno}")


def _is_pattern(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"


def _docstrings(tree: ast.Module) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners)]
    return {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.Constant) else f"{{{ast.unparse(v.value)}}}" for v in node.values]
        return "".join(str(part) for part in parts)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _lines_of(text: str, *, is_example: bool) -> Iterator[str]:
    """Find the command lines in a text: each goes on as long as its words are what a command takes."""
    for match in re.finditer(r"\blerotool (?=[a-z{[\-])", text):
        rest = re.split(r"\n|, or lerotool", text[match.end() :])[0]
        if match.start() and text[match.start() - 1] == '"':
            rest = rest.split('"')[0]
        words = _WORD.findall(rest)
        command, depth = command_of([word.rstrip(",;.:)") for word in words])
        if depth == 0:
            continue
        if match.start() == 0 and is_example:
            yield f"lerotool {_COMMENT.sub('', rest)}"
            continue
        taken = words[:depth]
        while not _ends(taken[-1]) and len(taken) < len(words) and _belongs(words[len(taken)], taken[-1], command):
            taken.append(words[len(taken)])
        yield "lerotool " + " ".join(taken).rstrip(",;.:)")


def _ends(word: str) -> bool:
    return word[-1] in ",;:)" or (word[-1] == "." and not word.endswith(("...", "…")))


def _belongs(word: str, before: str, command: Any) -> bool:
    takes_value = any(
        before in option.opts and not option.is_flag for option in command.params if option.param_type_name == "option"
    )
    return takes_value or bool(re.match(r"-|\{|\[|[A-Z]{2,}|[\"']|.*[/:=]|.*\.(json|csv)$|[0-9]|…", word))


def _in_documents() -> Iterator[Printed]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            place = f"{path.relative_to(ROOT)}:{number}"
            if line := _DOC_LINE.match(text):
                yield Printed(_COMMENT.sub("", line[1]), place)
            for quoted in re.findall(r"`(lerotool [^`]*)`", text):
                yield Printed(quoted, place)
