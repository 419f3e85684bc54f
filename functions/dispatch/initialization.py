"""The import of a webhook function, while Lambda initializes its environment."""

from __future__ import annotations

import contextlib
import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Run imports without garbage collection, and exempt what they created from it afterwards.

    What a module creates stays in use, so that looking for garbage only takes a caller's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
