"""Run the bot: ``python -m examples.bot``, or ``python -m bot`` next to a copy of this folder."""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from .bot import Bot, log, read_sounds
from .handshake import HandshakeVerifier


class JsonLines(logging.Formatter):
    """One JSON object for each line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return level and message as JSON."""
        return json.dumps({"level": record.levelname, "message": record.getMessage()})


def main() -> int:
    """Serve until a signal, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.bot", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8080, help="port (default: %(default)s); 0 picks a free one"
    )
    parser.add_argument("--json", action="store_true", help="write the log as JSON, to stderr")
    arguments = parser.parse_args()
    handler = logging.StreamHandler()
    if arguments.json:
        handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        verifier = HandshakeVerifier.from_environment(os.environ)
        bot = Bot(read_sounds(Path(__file__).with_name("sounds")), verifier)
        asyncio.run(serve(bot, arguments.host, arguments.port, verifies=verifier is not None))
    except (OSError, OverflowError, ValueError) as error:
        in_use = getattr(error, "errno", None) == errno.EADDRINUSE
        advice = ". Choose another port with --port; 0 picks a free one" if in_use else ""
        print(f"error: {error}{advice}", file=sys.stderr)
        return 1
    return 0


async def serve(bot: Bot, host: str, port: int, *, verifies: bool) -> None:
    """Serve until SIGINT or SIGTERM. The first line on stdout is the address."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(bot.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        print(f"listening on ws://{address[0]}:{address[1]}/ws", flush=True)
        if not verifies:
            log.warning("accepts every client; VONAGE_SIGNATURE_SECRET turns on verification")
        await stopped.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
