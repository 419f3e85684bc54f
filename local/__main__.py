"""``python -m local``: the platform in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End at once: nothing was started yet."""
    try:
        os.write(1, b"ended\n")
    finally:
        os._exit(0)


def main() -> int:
    """Run the platform; give the exit status."""
    # What is imported below takes seconds, and its importing may be interrupted anywhere.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _end)
    from local import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
