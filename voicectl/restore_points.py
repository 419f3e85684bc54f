"""Files in .connect with the values that `restore` restores: one file for each application.

``up`` saves the values from before its first change; ``tunnel`` saves the addresses that it
replaces, while it runs, and ``events tail`` the names of what it creates. These files contain no
secrets.
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

Kind = Literal["up", "tunnel", "rotation", "capture", "tail"]


def path_of(folder: Path, kind: Kind, name: str) -> Path:
    """Return the path of a kind's file for an application (or another name)."""
    return folder / f"{kind}-{name}.json"


def read(path: Path) -> dict[str, Any] | None:
    """Return a file's content, or None if there is no file.

    Raises
    ------
    VoicectlError
        If it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise VoicectlError(f"cannot read {path} ({error}). Fix it, or move it away.") from None
    if not isinstance(content, dict):
        raise VoicectlError(f"{path} is not a JSON object. Fix it, or move it away.")
    return content


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file atomically, readable only by the user."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def saved_files(folder: Path, kind: Kind) -> list[tuple[Path, dict[str, Any]]]:
    """Return the files of a kind, of commands that run and that were killed, with their content."""
    found = []
    for path in sorted(folder.glob(f"{kind}-*.json")):
        content = read(path)
        if content is not None:
            found.append((path, content))
    return found


def is_running(content: Mapping[str, Any]) -> bool:
    """Return whether the process that wrote a file is still running."""
    try:
        os.kill(int(content["process"]), 0)
    except (KeyError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return _start_time(int(content["process"])) in (None, content.get("process_started"))


def this_process() -> dict[str, Any]:
    """Return the process id and start time, which together identify this process."""
    return {"process": os.getpid(), "process_started": _start_time(os.getpid())}


def _start_time(process: int) -> str | None:
    """Return the start time of a process in kernel clock ticks, or None if unknown."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
