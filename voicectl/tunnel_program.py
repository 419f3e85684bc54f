"""Start cloudflared or ngrok, a program that gives a local port a public URL."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, NamedTuple

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Iterator

_URL_SECONDS = 30.0  # within which a program must print its URL
_STOP_SECONDS = 5.0  # to stop; then it is killed


class TunnelProgram(NamedTuple):
    """A program: its name, its arguments with ``PORT``, and where its output has the URL."""

    name: str
    arguments: tuple[str, ...]
    url: re.Pattern[str]


PROGRAMS = (
    # A quick tunnel needs no account. Its API has an address of the same domain.
    TunnelProgram(
        "cloudflared",
        ("tunnel", "--no-autoupdate", "--url", "http://127.0.0.1:PORT"),
        re.compile(r"(https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com)"),
    ),
    TunnelProgram(
        "ngrok",
        ("http", "PORT", "--log", "stdout", "--log-format", "logfmt"),
        re.compile(r"started tunnel.* url=(https://[A-Za-z0-9.-]+)"),
    ),
)


class PublicTunnel(NamedTuple):
    """A tunnel: its public URL, and an event that is set if its program ends."""

    url: str
    ended: threading.Event


def installed_program() -> TunnelProgram:
    """Return the first program that is on the PATH.

    Raises
    ------
    VoicectlError
        If there is none.
    """
    for program in PROGRAMS:
        if shutil.which(program.name):
            return program
    raise VoicectlError(
        "no tunnel program is on the PATH. Install cloudflared or ngrok, or forward a public URL to"
        " the port yourself, and pass it with --public-url."
    )


@contextlib.contextmanager
def public_tunnel(public_url: str | None, port: int) -> Iterator[PublicTunnel]:
    """Start a program, wait for its URL, and stop it in the end; with a URL, start nothing.

    Raises
    ------
    VoicectlError
        If no program is installed, or it exits or prints no URL in time.
    """
    if public_url is not None:
        yield PublicTunnel(public_url, threading.Event())
        return
    running = _RunningProgram(installed_program(), port)
    try:
        yield PublicTunnel(running.wait_for_url(), running.ended)
    finally:
        running.stop()


class _RunningProgram:
    """A running tunnel program, and a thread that reads its output to the end."""

    def __init__(self, program: TunnelProgram, port: int) -> None:
        self.program = program
        self.ended = threading.Event()
        self._url: str | None = None
        self._last_line = ""
        self._has_url_or_ended = threading.Event()
        words = [word.replace("PORT", str(port)) for word in program.arguments]
        # In a session of its own, since Ctrl-C must not end it before the webhooks are restored.
        self._process = subprocess.Popen(  # noqa: S603 - its own arguments and a port
            [program.name, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_url(self) -> str:
        """Return the public URL once it is printed."""
        self._has_url_or_ended.wait(_URL_SECONDS)
        if self._url is not None:
            return self._url
        problem = "exited" if self.ended.is_set() else f"printed no URL in {_URL_SECONDS:g} s"
        raise VoicectlError(
            f"{self.program.name} {problem}. Its last line was: {self._last_line or '(none)'}"
        )

    def stop(self) -> None:
        """Stop the program, and kill it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOP_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        with self._process.stdout as lines:
            for line in lines:
                self._last_line = line.strip() or self._last_line
                if self._url is None and (found := self.program.url.search(line)):
                    self._url = found[1]
                    self._has_url_or_ended.set()
        self.ended.set()
        self._has_url_or_ended.set()
