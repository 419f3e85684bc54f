"""WebSocket bots with Tornado, as Vonage's samples for Python have them.

`python -m tests.sdk.websocket_bots FOLDER [CERTIFICATE]` prints the port, and a line of JSON for
each connection that ended. /echo returns each message; /recorder writes FOLDER/recording.wav.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import wave
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class EchoHandler(WebSocketHandler):
    """Returns each message as it came."""

    texts: list[Any]

    def initialize(self, folder: Path) -> None:
        self.folder = folder
        self.texts = []

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        print(json.dumps({"texts": self.texts, "code": self.close_code}), flush=True)


class RecorderHandler(EchoHandler):
    """Writes what it hears into a file, and says nothing."""

    def open(self) -> None:
        self.audio = bytearray()

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.texts.append(json.loads(message))
        else:
            self.audio += message

    def on_close(self) -> None:
        with wave.open(str(self.folder / "recording.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(int(self.texts[0]["content-type"].partition("rate=")[2]))
            file.writeframes(self.audio)
        super().on_close()


async def main(folder: str, certificate: str | None = None) -> None:
    """Serve until the process is ended."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    settings = {"folder": Path(folder)}
    app = Application([("/echo", EchoHandler, settings), ("/recorder", RecorderHandler, settings)])
    (socket,) = bind_sockets(0, "127.0.0.1")
    HTTPServer(app, ssl_options=context).add_socket(socket)
    print(socket.getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
