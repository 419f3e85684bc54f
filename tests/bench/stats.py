"""Median, spread, and tables of measurements."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Measurement(NamedTuple):
    """A benchmark's result, for results.json and as text."""

    result: dict[str, Any]
    text: str


class Spread(NamedTuple):
    """The median and quartiles of values, and their number."""

    median: float
    low: float
    high: float
    of: int

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"

    def described(self) -> dict[str, float]:
        """Return the values for results.json."""
        return {name: round(value, 4) for name, value in self._asdict().items()}


def spread(values: Sequence[float]) -> Spread:
    """Return the median and quartiles of one or more values."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0], len(values))
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def in_turn(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield each name once per round, alternating forwards and backwards.

    Changes during a benchmark, such as other load on the machine, then affect all names equally.
    """
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            yield turn, name


def number(value: float) -> str:
    """Format a number with three significant digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table with aligned columns. Integers get thousands separators."""
    cells = [
        [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
        for row in (head, *rows)
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])
