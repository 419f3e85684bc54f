"""Sounds and frames for the tests of the examples."""

from __future__ import annotations

import math
from array import array

import pytest

FRAME = 640
SILENCE = bytes(FRAME)
VOICE = array("h", (round(6000 * math.sin(n * 0.2)) for n in range(FRAME // 2))).tobytes()


@pytest.fixture
def sounds() -> dict[str, bytes]:
    """Short sounds: the first byte says which."""
    names = ("greeting", "reply", "1", "2")
    return {name: bytes([number]) * FRAME * 10 for number, name in enumerate(names, 1)}
