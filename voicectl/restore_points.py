"""What commands keep in .connect so that they can put it back: one file for each application.

``up`` keeps what it found before it changed anything for the first time; ``tunnel`` keeps the
addresses that it replaces, for as long as it runs. No secret stands in these files.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["up", "tunnel", "rotation", "capture"]


def path_of(folder: Path, kind: Kind, name: str) -> Path:
    """Give the file of a kind for an application (or a stack, for a rotation)."""
    return folder / f"{kind}-{name}.json"


def read(path: Path) -> dict[str, Any] | None:
    """Read a file; None where there is none.

    Raises
    ------
    ConnectError
        If it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise VoicectlError(
            f"{path} cannot be read ({error}): look at it, or move it away"
        ) from None
    if not isinstance(content, dict):
        raise VoicectlError(f"{path} is not what this command writes: look at it, or move it away")
    return content


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file as a whole, for its owner alone: a crash leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def tunnels(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Give what tunnels have kept: of those that run, and of those that were killed."""
    found = []
    for path in sorted(folder.glob("tunnel-*.json")):
        content = read(path)
        if content is not None:
            found.append((path, content))
    return found


def runs(content: Mapping[str, Any]) -> bool:
    """Say whether the process that wrote a file still runs."""
    try:
        os.kill(int(content["process"]), 0)
    except (KeyError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return _started(int(content["process"])) in (None, content.get("process_started"))


def this_process() -> dict[str, Any]:
    """Give what tells this process from a later one of the same number."""
    return {"process": os.getpid(), "process_started": _started(os.getpid())}


def _started(process: int) -> str | None:
    """Give the time at which a process started, in the kernel's own count; None where unknown."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
