"""The stack file, .local/stack.json: addresses, credentials and names of the running platform.

It contains secrets, so its mode is 0600. It exists only while the platform runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class AlreadyRunning(Exception):
    """Another platform of this checkout is running; the message has its process id."""


class StackFile:
    """The stack file, and a lock against a second platform.

    Parameters
    ----------
    folder
        The folder of both, created if necessary.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stack.json"
        self._lock_path = folder / "lock"
        self._lock: int | None = None

    def claim(self) -> None:
        """Acquire the lock, and remove the stack file of a killed platform.

        Raises
        ------
        AlreadyRunning
            If another platform holds the lock.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The system releases the lock when its process ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            process = os.read(lock, 20).decode() or "?"
            os.close(lock)
            raise AlreadyRunning(
                f"a local platform is already running{self._address()} (process {process})."
                " Open it, or stop it with Ctrl-C in its terminal."
            ) from None
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        self.path.unlink(missing_ok=True)

    def _address(self) -> str:
        """Return where the web console of the running platform is, empty while it starts."""
        try:
            return f" at {read(self.path.parent)['phone_url']}"
        except (OSError, ValueError, KeyError):
            return ""

    def write(self, content: Mapping[str, Any]) -> None:
        """Write the file atomically, with mode 0600."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".stack-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp: mode 0600
            json.dump(content, file, indent=2)
            file.write("\n")
        Path(name).replace(self.path)

    def release(self) -> None:
        """Remove the file and release the lock."""
        if self._lock is None:
            return
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.truncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None


def read(folder: Path) -> dict[str, Any]:
    """Return the content of the running platform's stack file.

    Raises
    ------
    FileNotFoundError
        If no platform is running.
    """
    content: dict[str, Any] = json.loads((folder / "stack.json").read_text(encoding="utf-8"))
    return content
