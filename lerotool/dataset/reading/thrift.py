"""Thrift's compact protocol, as far as Parquet's page headers and footers need it.

A struct is a list of fields ``(id, type, value)``, a list is ``(element type, values)``; values are written as they
are read. Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_DEEPEST = 16

Field = tuple[int, int, Any]


class ThriftError(ValueError):
    """The bytes are not Thrift, or end too early."""


class Reader:
    """Reads structs out of bytes."""

    def __init__(self, data: bytes | memoryview, offset: int = 0) -> None:
        self._data = data
        self.offset = offset

    def struct(self, depth: int = 0) -> list[Field]:
        """Read a struct."""
        if depth > _DEEPEST:
            raise ThriftError("structs inside of structs without end")
        fields: list[Field] = []
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else _unzigzag(self._varint())
            fields.append((number, head & 15, self._value(head & 15, depth)))
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self._byte()
        if kind in (I16, I32, I64):
            return _unzigzag(self._varint())
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise ThriftError(f"type {kind} at byte {self.offset}")

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if count > len(self._data) - self.offset:
            raise ThriftError(f"a list of {count} at byte {self.offset}")
        if kind in (TRUE, FALSE):
            return kind, [self._byte() == TRUE for _ in range(count)]
        return kind, [self._value(kind, depth + 1) for _ in range(count)]

    def _varint(self) -> int:
        result = shift = 0
        while True:
            byte = self._byte()
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result
            if shift > 63:
                raise ThriftError(f"a number without end at byte {self.offset}")

    def _byte(self) -> int:
        try:
            byte = self._data[self.offset]
        except IndexError:
            raise ThriftError("the bytes end too early") from None
        self.offset += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        data = bytes(self._data[self.offset : self.offset + count])
        if len(data) < count:
            raise ThriftError("the bytes end too early")
        self.offset += count
        return data


def find(fields: Iterable[Field], number: int) -> Any:
    """Return the value of a struct's field, None if it has none."""
    return next((value for found, _, value in fields if found == number), None)


def encode(fields: Iterable[Field]) -> bytes:
    """Return a struct's bytes; fields are written in the order of their numbers."""
    out, last = bytearray(), 0
    for number, kind, value in sorted(fields, key=lambda field: field[0]):
        written = kind if kind not in (TRUE, FALSE) else TRUE if value else FALSE
        step = number - last
        out += bytes([step << 4 | written]) if 0 < step < 16 else bytes([written]) + _varint(_zigzag(number))
        out += _encode_value(kind, value)
        last = number
    return bytes(out) + b"\0"


def _encode_value(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE):
        return b""
    if kind == BYTE:
        return bytes([value])
    if kind in (I16, I32, I64):
        return _varint(_zigzag(value))
    if kind == DOUBLE:
        return bytes(value)
    if kind == BINARY:
        return _varint(len(value)) + bytes(value)
    if kind == STRUCT:
        return encode(value)
    inner, values = value
    head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([0xF0 | inner]) + _varint(len(values))
    if inner in (TRUE, FALSE):
        return head + bytes(TRUE if item else FALSE for item in values)
    return head + b"".join(_encode_value(inner, item) for item in values)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -(number >> 1) - 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
