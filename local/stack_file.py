"""The file that tells where the running platform is and how to get in: .local/stack.json.

It holds keys, so it is the owner's alone; it is there only while the platform runs.
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
    """Another platform of this checkout runs; the text says which."""


class StackFile:
    """The file, and the lock that makes its writer the only one.

    Parameters
    ----------
    folder
        Where both are, made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stack.json"
        self._lock_path = folder / "lock"
        self._lock: int | None = None

    def claim(self) -> None:
        """Become the one platform of this folder, and remove what a dead one left.

        Raises
        ------
        AlreadyRunning
            If another one lives.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The lock goes with its process, however that ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            process = os.read(lock, 20).decode() or "?"
            os.close(lock)
            raise AlreadyRunning(
                f"a local platform already runs here (process {process}); end that one first"
            ) from None
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        self.path.unlink(missing_ok=True)

    def write(self, content: Mapping[str, Any]) -> None:
        """Write the file, as a whole and readable by its owner alone."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".stack-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp: mode 0600
            json.dump(content, file, indent=2)
            file.write("\n")
        Path(name).replace(self.path)

    def release(self) -> None:
        """Remove the file and let another platform start."""
        if self._lock is None:
            return
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.truncate(self._lock, 0)
        os.close(self._lock)
        self._lock = None


def read(folder: Path) -> dict[str, Any]:
    """Read the file of the running platform.

    Raises
    ------
    FileNotFoundError
        If none runs.
    """
    content: dict[str, Any] = json.loads((folder / "stack.json").read_text(encoding="utf-8"))
    return content
