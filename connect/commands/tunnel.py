"""Lets Vonage reach the local platform: signed webhooks through a listener of its own, no more.

The listener checks Vonage's signature and signs anew with the local platform's secret, so that
simulated and true calls can both be there. What the platform answers names its local address; here
that becomes the public one.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from connect import application as applications
from connect import stack as stacks
from connect import tunnels, webhooks
from connect.errors import ConnectError
from connect.listener import Answer, Request, listening
from connect.webhooks import Signer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from connect.context import Context

NAME = "tunnel"
HELP = "have Vonage's webhooks reach the local platform through a public address of yours"
_PORT = 8800
_TIMEOUT = (2, 15)  # seconds; Vonage gives up after 10 at the latest
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--public-url",
        required=True,
        metavar="URL",
        help="the address that your tunnel gave, such as https://example.ngrok.app",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=_PORT,
        help="where your tunnel leads to on this machine (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Point the webhooks at the public address, forward them until Ctrl-C, point them back."""
    output, settings = context.output, context.settings
    public_url = checked_url(options.public_url, local=context.local is not None)
    application_id = settings.need("application_id")
    signer = Signer(settings.need("signature_secret"), settings.need("api_key"), application_id)
    root = context.folder.parent
    stacks.local_file(root)  # says so where no platform runs
    if not options.dry_run:
        tunnels.mend_leftover(context, application_id)
    present, wanted = tunnels.planned(context, application_id, public_url)
    changes = applications.differences(present, wanted)
    output.line("while the tunnel is open:")
    output.changes(changes)
    if options.dry_run:
        output.result({"public_url": public_url, "changed": False})
        return 0
    if not output.confirm("Point the application's webhooks there?"):
        return 1
    forward = Forward(context, root, public_url)
    with (
        listening(options.port, signer, forward, context.now, _refused(context)) as port,
        tunnels.pointed(context, application_id, public_url, present, wanted),
    ):
        output.line(f"http://127.0.0.1:{port} takes webhooks for {public_url}; Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            output.line("ending; the webhooks go back to where they led")
    output.line("the webhooks lead to where they led before", "green")
    output.result({"public_url": public_url, "forwarded": forward.count})
    return 0


def checked_url(text: str, *, local: bool) -> str:
    """Give a public address without a slash at its end.

    Raises
    ------
    ConnectError
        If it is none: https, a host, nothing behind it.
    """
    parts = urlsplit(text)
    schemes = ("https", "http") if local else ("https",)
    if (
        parts.scheme not in schemes
        or not _HOST.fullmatch(parts.netloc)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise ConnectError(f"{text} is no address such as https://example.ngrok.app")
    return f"{parts.scheme}://{parts.netloc}"


class Forward:
    """Hands a webhook on to the local platform, wherever that is at the moment."""

    def __init__(self, context: Context, root: Path, public_url: str) -> None:
        self.count = 0
        self._context = context
        self._root = root
        self._public_url = public_url

    def __call__(self, request: Request) -> Answer:
        """Give what the platform answers; 502 where none runs, so that Vonage asks the fallback."""
        began = time.monotonic()
        if request.verified.covers is None:
            return Answer(401)
        try:
            answer = self._asked(request, stacks.local_file(self._root))
        except (ConnectError, requests.RequestException, KeyError):
            answer = Answer(502)
        self.count += 1
        milliseconds = round((time.monotonic() - began) * 1000)
        self._context.output.line(
            f"{request.method} {request.path} {answer.status} {milliseconds} ms"
        )
        return answer

    def _asked(self, request: Request, local: Mapping[str, Any]) -> Answer:
        signer = Signer(local["signature_secret"], local["api_key"], local["application_id"])
        signed = webhooks.sign(
            signer, request.method, request.query, request.body, self._context.now()
        )
        base = str(local["api_url"])
        question = "?" if request.query else ""
        with requests.Session() as session:
            session.trust_env = False  # no proxy leads to this machine
            response = session.request(
                request.method,
                f"{base}{request.path}{question}{request.query}",
                data=request.body or None,
                headers={"Authorization": signed, "Content-Type": "application/json"},
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        body = response.content.replace(base.encode(), self._public_url.encode())
        return Answer(
            response.status_code, body, response.headers.get("Content-Type", "application/json")
        )


def _refused(context: Context) -> Any:
    def say(reason: str) -> None:
        context.output.line(f"refused: {reason}", "yellow")

    return say
