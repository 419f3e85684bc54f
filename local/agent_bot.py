"""The example bot as a child process, so that the first call to the flow ``agent`` is answered.

This module is also the program of that process: it runs ``examples.bot``, and ends when its
standard input closes. That happens however the platform ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from local.aws.boto_session import without_aws_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.credentials import LocalCredentials

_START_LIMIT = 20.0  # seconds
_ROOT = Path(__file__).parents[1]
_LISTENING = "listening on "


class AgentBot:
    """The process of the example bot.

    Parameters
    ----------
    keys
        The account and application whose handshakes it accepts.
    log
        The file of its log.
    say
        Called with a line of text if the process ends by itself.
    """

    def __init__(self, keys: LocalCredentials, log: Path, say: Callable[[str], None]) -> None:
        self._environment = without_aws_variables() | {
            "VONAGE_SIGNATURE_SECRET": keys.signature_secret,
            "VONAGE_API_KEY": keys.api_key,
            "VONAGE_APPLICATION_ID": keys.application_id,
        }
        self._log = log
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Start the bot on a free port, and return its URL.

        Raises
        ------
        OSError
            If it does not start.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "local.agent_bot", "--port", "0"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for the platform, which stops this itself
            )
        line = b""
        if self._process.stdout is not None:
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(self._process.stdout.readline(), _START_LIMIT)
        _, is_ready, url = line.decode().strip().partition(_LISTENING)
        if not is_ready:
            await self.stop()
            raise OSError(f"examples/bot did not start; {self._log} has the reason")
        self._watching = asyncio.create_task(self._watch(self._process))
        return url

    async def stop(self) -> None:
        """Kill the bot."""
        if self._watching is not None:
            self._watching.cancel()
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        ended = f"exited with status {status}" if status >= 0 else f"was ended by signal {-status}"
        self._say(
            f"the example agent {ended}; {self._log} has its log. Calls to the flow agent go to a"
            " person until you start the local platform again"
        )


def main() -> None:
    """Run the example bot with this process's arguments, until standard input closes."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
    runpy.run_module("examples.bot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
