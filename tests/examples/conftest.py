"""Sounds and frames for the tests of the examples, and a platform whose agent is the bot."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.testing.platform_thread import PlatformThread

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FRAME = 640
SILENCE = bytes(FRAME)
VOICE = array("h", (round(6000 * math.sin(n * 0.2)) for n in range(FRAME // 2))).tobytes()


def without_vonage() -> dict[str, str]:
    """Return the environment without the developer's Vonage settings: they turn verification on."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VONAGE_")}


@pytest.fixture
def sounds() -> dict[str, bytes]:
    """Short sounds: the first byte says which."""
    names = ("greeting", "reply", "1", "2")
    return {name: bytes([number]) * FRAME * 10 for number, name in enumerate(names, 1)}


@pytest.fixture(scope="session")
def bot_url() -> Iterator[str]:
    """The URL of the example bot in a process of its own."""
    command = [sys.executable, "-m", "examples.bot", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=without_vonage(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.terminate()


@pytest.fixture(scope="session")
def voice_platform(
    tmp_path_factory: pytest.TempPathFactory, bot_url: str
) -> Iterator[PlatformThread]:
    """The local platform with a stopped clock, whose flows connect to the example bot."""
    thread = PlatformThread(ROOT, tmp_path_factory.mktemp("voice"), agent=bot_url)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
