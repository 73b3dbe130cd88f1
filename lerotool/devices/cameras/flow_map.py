"""The part of YAML that people type into a command line: maps in braces, of maps and of plain or quoted values.

Everything that is read gives what PyYAML's safe loader gives (YAML 1.1). What YAML would take for something else than
it looks like, and everything else that YAML has, is refused with the place.
"""

from __future__ import annotations

import re

from lerotool.errors import UsageError

Scalar = str | int | float | bool | None
FlowMap = dict[str, "Scalar | FlowMap"]

_LONGEST_KEY = 128
_DEEPEST = 8
_INDICATORS = frozenset(",[]{}")
_NOT_FIRST = frozenset("?:,[]{}#&*!|>'\"%@`")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~"), None),
}
# Booleans, numbers to other bases or with exponents, sexagesimal numbers, infinity, dates, merging (yaml.org/type).
_AMBIGUOUS = re.compile(
    r"(?i:yes|no|on|off|y|n)|<<|=|---.*|\.\.\..*"
    r"|[-+]?0b[01_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(:[0-9]+)*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.(?i:inf|nan)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/"}


def parse_flow_map(text: str) -> FlowMap:
    """Read a map in braces.

    Raises:
        UsageError: what is wrong, and where.
    """
    reader = _Reader(text)
    reader.skip_space()
    document = reader.read_map(0)
    reader.skip_space()
    if reader.peek():
        raise reader.error("expected nothing after the last brace")
    return document


class _Reader:
    """A text and a place in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """Return the character at the place, or so many further; empty at the end."""
        return self._text[self._at + ahead : self._at + ahead + 1]

    def error(self, problem: str, at: int | None = None) -> UsageError:
        """Return an error that shows the place."""
        place = self._at if at is None else at
        before, after = self._text[max(0, place - 24) : place], self._text[place : place + 24]
        return UsageError(
            f"{problem}, at character {place + 1}: {before!r} then {after!r}",
            hint="write it as {front: {type: opencv, index_or_path: 0, width: 640, height: 480, fps: 30}}",
        )

    def skip_space(self, spaces: str = " \n") -> None:
        """Go on to what is no space."""
        while self.peek() and self.peek() in spaces:
            self._at += 1

    def read_map(self, depth: int) -> FlowMap:
        """Read from an opening brace to its closing one."""
        if depth > _DEEPEST:
            raise self.error("braces are nested too deeply")
        self._expect("{")
        entries: FlowMap = {}
        while True:
            self.skip_space()
            if self.peek() == "}":
                break
            began = self._at
            key = self._read_key()
            if key in entries:
                raise self.error(f"{key!r} is there twice", began)
            self.skip_space()
            entries[key] = self.read_map(depth + 1) if self.peek() == "{" else self._read_scalar()
            self.skip_space()
            if self.peek() != ",":
                break
            self._at += 1
        self._expect("}")
        return entries

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise self.error(f"expected {character!r}")
        self._at += 1

    def _read_key(self) -> str:
        began = self._at
        is_quoted = self.peek() in ("'", '"')
        key = self._read_scalar()
        if not isinstance(key, str) or len(key) > _LONGEST_KEY:
            raise self.error("expected a name", began)
        self.skip_space(" ")
        if self.peek() != ":":
            raise self.error("expected a ':' and a space after a name")
        if not is_quoted and self.peek(1) not in (" ", "\n", "{"):
            raise self.error("expected a space after ':'")
        self._at += 1
        return key

    def _read_scalar(self) -> Scalar:
        match self.peek():
            case "'":
                return self._read_single_quoted()
            case '"':
                return self._read_double_quoted()
            case _:
                return self._read_plain()

    def _read_plain(self) -> Scalar:
        began = self._at
        first = self.peek()
        if not first or first in _NOT_FIRST or (first == "-" and self.peek(1) in ("", " ", "\n", *_INDICATORS)):
            raise self.error("expected a name or a value" + ("; lists are not supported" if first == "[" else ""))
        while (character := self.peek()) and character != "\n" and character not in _INDICATORS:
            if character == ":" and (self.peek(1) in ("", " ", "\n") or self.peek(1) in _INDICATORS):
                break
            if character == "?" or (character == "#" and self.peek(-1) == " ") or not character.isprintable():
                raise self.error(f"{character!r} must stand in quotes")
            self._at += 1
        value = self._text[began : self._at].rstrip(" ")
        if value in _WORDS:
            return _WORDS[value]
        if _INTEGER.fullmatch(value):
            return int(value)
        if _FLOAT.fullmatch(value):
            return float(value)
        if _AMBIGUOUS.fullmatch(value):
            raise self.error(f"{value!r} can mean several things, write it in quotes or as a plain number", began)
        return value

    def _read_single_quoted(self) -> str:
        began = self._at
        parts = []
        while True:
            self._at += 1
            parts.append(self._read_until("'", began))
            if self.peek(1) != "'":
                break
            self._at += 1
        self._at += 1
        return "'".join(parts)

    def _read_double_quoted(self) -> str:
        began = self._at
        self._at += 1
        text = ""
        while True:
            text += self._read_until('"\\', began)
            if self.peek() == '"':
                self._at += 1
                return text
            if self.peek(1) not in _ESCAPES:
                raise self.error('of what begins with a backslash only \\\\, \\" and \\/ are supported')
            text += _ESCAPES[self.peek(1)]
            self._at += 2

    def _read_until(self, ends: str, began: int) -> str:
        """Read what stands before one of the characters; ``began`` is where the quotes opened."""
        start = self._at
        while (character := self.peek()) not in ends or not character:
            if not character or not character.isprintable():
                raise self.error("quotes that open here do not close in the same line", began)
            self._at += 1
        return self._text[start : self._at]
