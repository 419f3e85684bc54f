"""What is measured, said in a few numbers: the middle and the spread of many times."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Measurement(NamedTuple):
    """What a benchmark found: for results.json, and as text."""

    result: dict[str, Any]
    text: str


class Spread(NamedTuple):
    """The median of some values, the two between which the middle half lies, and how many."""

    median: float
    low: float
    high: float
    of: int

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"

    def described(self) -> dict[str, float]:
        """Give it for results.json."""
        return {name: round(value, 4) for name, value in self._asdict().items()}


def spread(values: Sequence[float]) -> Spread:
    """Sum up values, of which there is one at least."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0], len(values))
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def in_turn(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Give each name once in every round, forwards and backwards in turn.

    What changes while a benchmark runs, such as the load of the machine, meets all alike.
    """
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            yield turn, name


def number(value: float) -> str:
    """Give a number with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Give a table as Markdown has it, its columns aligned."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])
