"""Exact quantiles of more values than fit into memory, in two passes over most data and four at the most.

Numbers are mapped to unsigned integers of the same order (their IEEE bits, negative ones inverted). The first pass
counts the values by the upper bits of these keys. From the counts follows in which bin each wanted rank lies; every
further pass looks at those bins only: small ones are fetched as they are, large ones are counted again by the bits
that follow. What is kept is bounded by the number of bins, whatever the number of values; answers of several blocks,
files or processes are added up. The result is numpy's ``quantile(..., method="linear")`` to the last bit: the error
is 0.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.moments import QUANTILES, Floats, interpolate, quantile_ranks

Lines = npt.NDArray[Any]
_MANY_DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where some of the wanted ranks of one dimension lie."""

    low: int  # smallest key
    high: int  # largest key
    # The bits of a key's distance from ``low`` that bins do not tell apart; None asks for the keys themselves.
    shift: int | None
    below: int  # how many values of the dimension are smaller than ``low``


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for in a block of values."""

    bits: int  # of a key: 32 or 64
    bins: int  # how many bins a bracket is divided into at most
    brackets: tuple[tuple[Bracket, ...], ...]  # of each dimension


@dataclass(slots=True)
class Answer:
    """What a block of values says to a question: for each dimension and bracket, counts by bin or the keys."""

    found: list[list[npt.NDArray[Any]]] = field(default_factory=list)

    def add(self, other: Answer) -> None:
        """Add what another block says to the same question."""
        if not self.found:
            self.found = [list(entries) for entries in other.found]
            return
        for own, theirs in zip(self.found, other.found, strict=True):
            for place, entry in enumerate(theirs):
                is_counts = entry.dtype == np.int64
                own[place] = own[place] + entry if is_counts else np.concatenate([own[place], entry])


def key_lines(lines: Lines) -> npt.NDArray[Any]:
    """Return unsigned keys in the order of the values: 32 bits where float32 holds them exactly, else 64."""
    bits = _key_bits(lines.dtype)
    unsigned = np.dtype(f"u{bits // 8}")
    values = np.ascontiguousarray(lines, dtype=f"f{bits // 8}")
    # Negative numbers: all bits inverted; others: the sign bit set.
    keys: npt.NDArray[Any] = (values.view(f"i{bits // 8}") >> (bits - 1)).view(unsigned)
    keys |= unsigned.type(1 << (bits - 1))
    keys ^= values.view(unsigned)
    return keys


def _key_bits(dtype: np.dtype[Any]) -> int:
    small = dtype.itemsize <= 2 or (dtype.kind == "f" and dtype.itemsize <= 4)
    return 32 if small else 64


@functools.lru_cache(maxsize=4)
def _bin_ranges(bits: int, bins: int) -> tuple[Floats, Floats]:
    """Return the smallest and the largest value of each of the bins that all keys are divided into."""
    shift = bits - (bins.bit_length() - 1)
    low = np.arange(bins, dtype=np.uint64) << np.uint64(shift)
    return _values(low, bits), _values(low + np.uint64((1 << shift) - 1), bits)


def _values(keys: npt.NDArray[np.uint64], bits: int) -> Floats:
    sign = np.uint64(1 << (bits - 1))
    raw = np.where(keys & sign, keys ^ sign, ~keys)
    values = raw.astype(np.uint32).view(np.float32) if bits == 32 else raw.view(np.float64)
    with np.errstate(invalid="ignore"):  # the outermost bins are NaN
        wide: Floats = values.astype(np.float64)
    return wide


def _value(key: int, bits: int) -> float:
    return float(_values(np.array([key], np.uint64), bits)[0])


def answer(question: Question, lines: Lines | Sequence[Lines]) -> Answer:
    """Return what a block of values says.

    `lines`: (d, n) numbers, one line for each dimension, without NaN where there are brackets; or d lines of different
    lengths.
    """
    found: list[list[npt.NDArray[Any]]] = []
    for line, brackets in zip(lines, question.brackets, strict=True):
        keys = key_lines(line) if brackets else line
        found.append([_look(keys, bracket, question) for bracket in brackets])
    return Answer(found)


def _look(keys: npt.NDArray[Any], bracket: Bracket, question: Question) -> npt.NDArray[Any]:
    kind = keys.dtype.type
    is_all = bracket.low == 0 and bracket.high == (1 << question.bits) - 1
    members = keys if is_all else keys[(keys >= kind(bracket.low)) & (keys <= kind(bracket.high))]
    if bracket.shift is None:
        return members
    places = (members - kind(bracket.low)) >> kind(bracket.shift)
    return np.bincount(places.astype(np.intp), minlength=question.bins).astype(np.int64)


class QuantileSearch:
    """Finds the quantiles of many values: ask `question`, give the added-up answers to `take`, until it is None."""

    def __init__(self, dimensions: int, dtype: np.dtype[Any]) -> None:
        self._bits = _key_bits(dtype)
        self._is_whole = dtype.kind in "biu"
        digit = 16 if dimensions <= _MANY_DIMENSIONS else 12
        self._bins = 1 << digit
        self._counts: npt.NDArray[np.int64] = np.zeros(dimensions, np.int64)
        self._known: list[dict[int, float]] = [{} for _ in range(dimensions)]
        whole = Bracket(0, (1 << self._bits) - 1, self._bits - digit, 0)
        self._coarse: Answer | None = None
        self.question: Question | None = Question(self._bits, self._bins, ((whole,),) * dimensions)

    def take(self, total: Answer, count: int | npt.NDArray[np.int64], *, skip: Sequence[int] = ()) -> None:
        """Take the answers of all blocks to the question and ask the next one.

        `count`: of all values in a dimension, or (d,) where they differ; at least 1.
        """
        assert self.question is not None
        self._counts = np.broadcast_to(np.asarray(count, np.int64), len(self._known))
        self._coarse = self._coarse or total
        brackets = tuple(
            () if dimension in skip else tuple(self._narrowed(dimension, asked, total.found[dimension]))
            for dimension, asked in enumerate(self.question.brackets)
        )
        self.question = Question(self._bits, self._bins, brackets) if any(brackets) else None

    def quantiles(self) -> dict[str, Floats]:
        """Return the quantiles (d,) by name, once there is no further question; NaN for skipped dimensions."""
        return {name: interpolate(low, high, share) for name, (low, high, share) in self._neighbours().items()}

    def gaps(self) -> dict[str, Floats]:
        """Return how far the two values (d,) lie apart between which each quantile is interpolated."""
        with np.errstate(invalid="ignore"):
            return {n: np.where(low == high, 0.0, high - low) for n, (low, high, _) in self._neighbours().items()}

    def histogram(self, low: Floats, high: Floats, bars: int) -> npt.NDArray[np.int64]:
        """Return how many values of each dimension lie in each of ``bars`` equal parts of its range, for looking at.

        Within the bins of the first pass, 1/16 of a value wide or less, values are taken to be spread evenly. `low`:
        (d,), smallest values. `high`: (d,), largest values. Returns (d, bars); zeros where the range is not finite.
        """
        assert self._coarse is not None
        result = np.zeros((len(self._known), bars), np.int64)
        starts, ends = _bin_ranges(self._bits, self._bins)
        if self._is_whole:
            with np.errstate(invalid="ignore"):
                ends = np.where(ends - starts < 1, starts, ends)  # one number only
        for dimension, ((counts,), first, last) in enumerate(zip(self._coarse.found, low, high, strict=True)):
            used = np.flatnonzero(counts)
            if not np.isfinite([first, last]).all():
                continue
            if first == last:
                result[dimension, 0] = counts.sum()
                continue
            edges = np.clip(np.stack([starts[used], ends[used]], axis=1), first, last)
            cumulated = np.cumsum(counts[used])
            below = np.stack([cumulated - counts[used], cumulated], axis=1)
            inner = np.interp(np.linspace(first, last, bars + 1)[1:-1], edges.ravel(), below.ravel())
            result[dimension] = np.diff(np.concatenate([[0], np.round(inner), [cumulated[-1]]])).astype(np.int64)
        return result

    def _neighbours(self) -> dict[str, tuple[Floats, Floats, Floats]]:
        result: dict[str, tuple[Floats, Floats, Floats]] = {}
        for name, fraction in QUANTILES.items():
            below, above, share = quantile_ranks(fraction, self._counts)
            ranks = zip(self._known, below.tolist(), above.tolist(), strict=True)
            pairs = [(known.get(first, np.nan), known.get(second, np.nan)) for known, first, second in ranks]
            low, high = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
            result[name] = (low, high, share)
        return result

    def _ranks(self, dimension: int) -> list[int]:
        fractions = np.array(list(QUANTILES.values()))
        below, above, _ = quantile_ranks(fractions, self._counts[dimension])
        ranks: list[int] = np.unique([below, above]).tolist()
        return ranks

    def _narrowed(self, dimension: int, asked: Sequence[Bracket], found: Sequence[npt.NDArray[Any]]) -> list[Bracket]:
        """Note the ranks that the answer settles, and return brackets around those that it does not."""
        known = self._known[dimension]
        narrower: dict[int, Bracket] = {}
        for bracket, entry in zip(asked, found, strict=True):
            if bracket.shift is None:
                keys = np.sort(entry)
                for rank in self._ranks(dimension):
                    if 0 <= rank - bracket.below < len(keys):
                        known[rank] = _value(int(keys[rank - bracket.below]), self._bits)
                continue
            cumulated = np.cumsum(entry)
            for rank in self._ranks(dimension):
                place = rank - bracket.below
                if not 0 <= place < cumulated[-1]:
                    continue
                chosen = int(np.searchsorted(cumulated, place, side="right"))
                below = bracket.below + int(cumulated[chosen] - entry[chosen])
                low = bracket.low + (chosen << bracket.shift)
                high = low + (1 << bracket.shift) - 1
                if low == high:
                    known[rank] = _value(low, self._bits)
                elif low not in narrower:
                    narrower[low] = self._divided(low, high, below, int(entry[chosen]))
        return list(narrower.values())

    def _divided(self, low: int, high: int, below: int, count: int) -> Bracket:
        if count <= self._bins:
            return Bracket(low, high, None, below)
        return Bracket(low, high, max(0, (high - low).bit_length() - (self._bins.bit_length() - 1)), below)
