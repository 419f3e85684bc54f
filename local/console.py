"""Terminal output of the local platform."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.aws.stack import EmulatedStack


def say(line: str) -> None:
    """Print a line and flush it, so that a reader of a pipe gets it immediately.

    If that reader has ended, the program ends without a word, as by SIGPIPE.
    """
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the rest at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None


def fail(error: object) -> int:
    """Print an error to standard error, and return the exit status."""
    sys.stderr.write(f"error: {error}\n")
    return 1


def application_folder(text: str) -> Path:
    """Return the folder of template.yaml; the type of an argument."""
    root = Path(text).resolve()
    if not (root / "template.yaml").is_file():
        raise argparse.ArgumentTypeError(
            f"there is no template.yaml in {root}. Run this command in the folder of template.yaml."
        )
    return root


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
