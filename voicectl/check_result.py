"""The result of one of `doctor`'s checks."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["ok", "warn", "fail"]


class CheckResult(NamedTuple):
    """The result of a check; ``text`` says what is wrong and how to fix it."""

    check: str
    state: State
    text: str
