"""Lets Vonage reach the local platform: signed webhooks through a listener of its own, no more.

The listener checks Vonage's signature and signs anew with the local platform's secret, so that
simulated and true calls can both be there. What the platform answers names its local address; here
that becomes the public one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import requests

from voicectl import application as applications
from voicectl import stack as stacks
from voicectl import webhook_redirect
from voicectl.errors import VoicectlError
from voicectl.webhook_listener import ListenerResponse, ReceivedRequest, listening
from voicekit import webhook_signer
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from voicectl.context import Context

NAME = "tunnel"
HELP = "have Vonage's webhooks reach the local platform through a public address of yours"
_TIMEOUT = (2, 15)  # seconds; Vonage gives up after 10 at the latest


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    webhook_redirect.takes_address(parser)


def run(options: argparse.Namespace, context: Context) -> int:
    """Point the webhooks at the public address, forward them until Ctrl-C, point them back."""
    output = context.output
    public_url, secrets = webhook_redirect.tunnel_target(options, context)
    application_id = secrets.application_id
    root = context.folder.parent
    stacks.local_file(root)  # says so where no platform runs
    if not options.dry_run:
        webhook_redirect.restore_stale(context, application_id)
    present, wanted = webhook_redirect.plan_redirect(context, application_id, public_url)
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
        listening(options.port, secrets, forward, context.now, _refused(context)) as port,
        webhook_redirect.redirected(context, application_id, public_url, present, wanted),
    ):
        output.line(f"http://127.0.0.1:{port} takes webhooks for {public_url}; Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            output.line("ending; the webhooks go back to where they led")
    output.line("the webhooks lead to where they led before", "green")
    output.result({"public_url": public_url, "forwarded": forward.count})
    return 0


class Forward:
    """Hands a webhook on to the local platform, wherever that is at the moment."""

    def __init__(self, context: Context, root: Path, public_url: str) -> None:
        self.count = 0
        self._context = context
        self._root = root
        self._public_url = public_url

    def __call__(self, request: ReceivedRequest) -> ListenerResponse:
        """Give what the platform answers; 502 where none runs, so that Vonage asks the fallback."""
        began = time.monotonic()
        if request.covers is None:
            return ListenerResponse(401)
        try:
            answer = self._asked(request, stacks.local_file(self._root))
        except (VoicectlError, requests.RequestException, KeyError):
            answer = ListenerResponse(502)
        self.count += 1
        milliseconds = round((time.monotonic() - began) * 1000)
        self._context.output.line(
            f"{request.method} {request.path} {answer.status} {milliseconds} ms"
        )
        return answer

    def _asked(self, request: ReceivedRequest, local: Mapping[str, Any]) -> ListenerResponse:
        secrets = SigningSecrets(
            (local["signature_secret"],), local["api_key"], local["application_id"]
        )
        signed = webhook_signer.sign(
            secrets, request.method, request.query, request.body, self._context.now()
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
        return ListenerResponse(
            response.status_code, body, response.headers.get("Content-Type", "application/json")
        )


def _refused(context: Context) -> Any:
    def say(reason: str) -> None:
        context.output.line(f"refused: {reason}", "yellow")

    return say
