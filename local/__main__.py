"""``python -m local``: run the local platform in the foreground until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from local.console import stop_signals

if TYPE_CHECKING:
    from types import FrameType


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Exit immediately, because nothing has started yet."""
    try:
        os.write(1, b"stopped\n")
    finally:
        os._exit(0)


def main() -> int:
    """Run the platform and return the exit status."""
    # The import below takes seconds, and a signal can arrive at any point of it.
    for number in stop_signals():
        signal.signal(number, _end)
    from local import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
