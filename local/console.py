"""Terminal output of the local platform."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.aws.stack import EmulatedStack


def say(line: str) -> None:
    """Print a line and flush it, so that a reader of a pipe gets it immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop a program: SIGINT, SIGTERM, and SIGHUP except under nohup."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if ignored else [signal.SIGHUP])]


def stop_like_ctrl_c() -> None:
    """Raise KeyboardInterrupt for every signal that stops a program, so that it cleans up."""
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)


def welcome(addresses: Mapping[str, str], stack: EmulatedStack, file: Path) -> str:
    """Return the text for a started platform: its addresses, its routes, and its stack file."""
    lines = [f"{name:11} {address}" for name, address in addresses.items()]
    lines += [f"  {route.key:32} {route.function}" for route in stack.routes]
    lines += [f"stack file  {file}"]
    return "\n".join(lines)
