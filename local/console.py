"""What a platform in the foreground says on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.aws.stack import EmulatedStack


def say(line: str) -> None:
    """Print a line at once, so that whoever reads a pipe sees it too."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def welcome(addresses: Mapping[str, str], stack: EmulatedStack, file: Path) -> str:
    """Say where everything is: addresses by name, the routes with their functions, the file."""
    lines = [f"{name:10} {address}" for name, address in addresses.items()]
    lines += [f"  {route.key:32} {route.function}" for route in stack.routes]
    lines += [f"stack file {file}", "ready; Ctrl-C ends it"]
    return "\n".join(lines)
