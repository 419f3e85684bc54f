"""A part of an upload, which S3 receives while it arrives."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = 64 * 1024  # bytes sent at once; S3 refuses chunks below 8 KiB, except for the last


class Abandoned(BaseException):
    """The upload has failed, so the part is not sent to its end.

    It does not derive from `Exception`, after which boto3 would retry.
    """


class Part:
    """A file of bytes that another thread adds; reading waits for them.

    The whole part stays in memory, so boto3 can send it again.

    Parameters
    ----------
    capacity
        The largest number of bytes.
    is_exact
        Whether as many bytes will be added. Otherwise, all must be added before the first is read.
    """

    def __init__(self, capacity: int, *, is_exact: bool) -> None:
        self._content = bytearray(capacity)
        self._size = capacity if is_exact else None
        self._added = self._position = self._wanted = 0
        self._is_abandoned = False
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether no byte can be added."""
        return self._added == len(self._content)

    def add(self, piece: memoryview) -> memoryview:
        """Add the beginning of a piece, and return the rest that did not fit."""
        fitting = piece[: len(self._content) - self._added]
        with self._changed, memoryview(self._content) as content:
            content[self._added : self._added + len(fitting)] = fitting
            self._added += len(fitting)
            if self.is_full:
                self._size = self._added
            if self._added >= self._wanted:
                self._changed.notify()
        return piece[len(fitting) :]

    def end(self) -> None:
        """Mark the end: all bytes are added."""
        with self._changed:
            self._size = self._added
            self._changed.notify()

    def abandon(self) -> None:
        """Make the thread that reads raise `Abandoned`."""
        with self._changed:
            self._is_abandoned = True
            self._changed.notify()

    def __len__(self) -> int:
        """Wait until the number of bytes is known, and return it."""
        with self._changed:
            self._wait_for(lambda: self._size is not None)
            return self._size or 0

    def read(self, size: int = -1) -> bytes:
        """Wait for the next bytes and return them: at most 64 KiB; none at the end."""
        end = min(self._position + (_PIECE if size < 0 else min(size, _PIECE)), len(self))
        with self._changed, memoryview(self._content) as content:
            self._wanted = end
            self._wait_for(lambda: self._added >= end)
            piece = bytes(content[self._position : end])
        self._position = end
        return piece

    def tell(self) -> int:
        """Return the position of the next byte to read."""
        return self._position

    def seek(self, position: int) -> None:
        """Read from another position next; boto3 reads a part again to retry it."""
        self._position = position

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: condition() or self._is_abandoned)
        if self._is_abandoned:
            raise Abandoned
